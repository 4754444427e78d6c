"""Harbor's webhook deliveries, in both payload formats, as events.

The format *Default* has no id: the delivery is named by what it says, which is the same in each of
the three attempts. *CloudEvents* has one, the same in each attempt (recorded: webhook-retries). A
delivery says little and nobody signs it: it is a hint (harbor: src/pkg/notifier/model/event.go,
src/pkg/notifier/formats/cloudevents.go).
"""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from preheat.errors import Problem, ProblemsError
from preheat.event import EventKind, EventSource, HarborEvent
from preheat.harbor.auditfeed import signed_by
from preheat.harbor.reference import DIGEST, REPOSITORY, TAG

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic_core import ErrorDetails

__all__ = ["CLOUD_EVENTS", "DEFAULT", "CloudEvent", "DefaultDelivery", "parse_delivery"]

DEFAULT = "application/json"
CLOUD_EVENTS = "application/cloudevents+json"

_KINDS = {
    "PUSH_ARTIFACT": EventKind.PUSHED,
    "harbor.artifact.pushed": EventKind.PUSHED,
    "SCANNING_COMPLETED": EventKind.SCANNED,
    "harbor.scan.completed": EventKind.SCANNED,
    "DELETE_ARTIFACT": EventKind.DELETED,
    "harbor.artifact.deleted": EventKind.DELETED,
}
_OPERATOR_LENGTH = 250
_MOST_PROBLEMS = 20
_MOST_RESOURCES = 1000
_LATEST = 253402300799  # the last second of the year 9999

_Word = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,100}$")]
_Id = Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{1,200}$")]
_Repository = Annotated[
    str, StringConstraints(pattern=f"^{REPOSITORY}$", min_length=3, max_length=255)
]
_Digest = Annotated[str, StringConstraints(pattern=f"^{DIGEST}$")]
# Empty for scans of what has no tag; the digest again for pushes and deletions of such.
_Tag = Annotated[str, StringConstraints(pattern=f"^({TAG}|{DIGEST})?$")]
_Operator = Annotated[str, StringConstraints(max_length=1000)]


class _Lenient(BaseModel):
    """What Harbor adds in a later version does no harm."""

    model_config = ConfigDict(extra="ignore", strict=True, frozen=True)


class Resource(_Lenient):
    """An artifact that the event is about."""

    digest: _Digest
    tag: _Tag = ""


class Repository(_Lenient):
    """Where it is."""

    repo_full_name: _Repository


class Scan(_Lenient):
    """What kind of scan has ended."""

    scan_type: _Word = "vulnerability"


class EventData(_Lenient):
    """What both formats have in common."""

    resources: Annotated[list[Resource], Field(max_length=_MOST_RESOURCES)] = []
    repository: Repository | None = None
    scan: Scan | None = None


class DefaultDelivery(_Lenient):
    """A body of the format *Default*."""

    type: _Word
    occur_at: Annotated[int, Field(ge=0, le=_LATEST)]
    operator: _Operator = ""
    event_data: EventData = EventData()


class CloudEvent(_Lenient):
    """A body of the format *CloudEvents*, in structured mode."""

    id: _Id
    type: _Word
    time: Annotated[datetime, Field(strict=False)]
    operator: _Operator = ""
    data: EventData = EventData()


Told = TypeVar("Told", CloudEvent, DefaultDelivery)


def parse_delivery(registry: str, content_type: str, body: bytes) -> list[HarborEvent]:
    """Read one delivery: an event for each artifact that it names.

    What no policy can run on becomes one event of the kind OTHER; its details are not looked at.

    :param registry: Airflow connection id of the Harbor.
    :param content_type: of the request; tells the format.
    :raises ProblemsError: if it is not such a delivery; names all that is wrong, with its place.
    """
    is_cloud_event = content_type.partition(";")[0].strip().lower() == CLOUD_EVENTS
    head = _decoded(body)
    kind = _kind(head)
    if kind is EventKind.OTHER:
        head = {**head, "data": {}, "event_data": {}}
    if is_cloud_event:
        told = _checked(CloudEvent, head)
        return _events(registry, kind, told, told.data, f"ce:{told.id}", told.time)
    read = _checked(DefaultDelivery, head)
    at = datetime.fromtimestamp(read.occur_at, UTC)
    return _events(registry, kind, read, read.event_data, f"body:{_hash(read)}", at)


def _decoded(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body.decode())
    except UnicodeDecodeError as error:
        raise _wrong(f"byte {error.start + 1} is no UTF-8") from None
    except RecursionError:
        raise _wrong("it is nested too deeply") from None
    except ValueError as error:
        raise _wrong(f"no JSON: {error}") from None
    if not isinstance(found, dict):
        raise _wrong("an object is expected")
    return found


def _wrong(what: str) -> ProblemsError:
    return ProblemsError([Problem(f"This is no delivery of Harbor's: {what}.", "body")])


def _kind(head: Mapping[str, Any]) -> EventKind:
    word = head.get("type")
    kind = _KINDS.get(word, EventKind.OTHER) if isinstance(word, str) else EventKind.OTHER
    if kind is not EventKind.SCANNED:
        return kind
    data = head.get("event_data", head.get("data"))
    scan = data.get("scan") if isinstance(data, dict) else None
    # Making an SBOM ends in the same event, and says nothing of vulnerabilities.
    is_sbom = isinstance(scan, dict) and scan.get("scan_type") == "sbom"
    return EventKind.OTHER if is_sbom else kind


def _checked(model: type[Told], head: Mapping[str, Any]) -> Told:
    try:
        return model.model_validate(head)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
        problems = [_problem(each) for each in found[:_MOST_PROBLEMS]]
        if (left := len(found) - _MOST_PROBLEMS) > 0:
            problems.append(Problem(f"and {left} more problems", "body", stands_for=left))
        raise ProblemsError(problems) from None


def _problem(error: ErrorDetails) -> Problem:
    """Say what is wrong and where; what was received is not repeated, for anybody may send it."""
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error["loc"])
    return Problem(error["msg"], "body", path=path.lstrip("."))


def _hash(told: DefaultDelivery) -> str:
    return hashlib.sha256(told.model_dump_json().encode()).hexdigest()


def _events(
    registry: str,
    kind: EventKind,
    told: CloudEvent | DefaultDelivery,
    data: EventData,
    delivery: str,
    occurred_at: datetime,
) -> list[HarborEvent]:
    """Make the events, each named for itself."""
    shared: dict[str, Any] = {
        "registry": registry,
        "source": EventSource.WEBHOOK,
        "operator": _clean(told.operator),
        "occurred_at": occurred_at.astimezone(UTC),
        "type": told.type,
    }
    if kind is EventKind.OTHER:
        return [HarborEvent(delivery=delivery, kind=kind, **shared)]
    if data.repository is None or not data.resources:
        lacking = "repository" if data.repository is None else "resources"
        place = "data" if isinstance(told, CloudEvent) else "event_data"
        raise ProblemsError([Problem("is missing", "body", path=f"{place}.{lacking}")])
    return [
        HarborEvent(
            delivery=f"{delivery}#{number}" if number else delivery,
            kind=_refined(kind, resource.tag),
            repository=data.repository.repo_full_name,
            digest=resource.digest,
            tag="" if ":" in resource.tag else resource.tag,
            **shared,
        )
        for number, resource in enumerate(data.resources)
    ]


def _refined(kind: EventKind, tag: str) -> EventKind:
    """Tell a signature with Cosign's tag from other pushes (recorded: webhook-push-signature)."""
    return EventKind.SIGNED if kind is EventKind.PUSHED and signed_by(tag) else kind


def _clean(operator: str) -> str:
    """Keep what can be printed, and no more than a name is long."""
    return "".join(filter(str.isprintable, operator))[:_OPERATOR_LENGTH]
