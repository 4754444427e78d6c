"""Harbor's webhooks: a delivery of either format, read into events. Pure.

A delivery is not signed, is told up to three times, late and in any order (recorded:
webhook-retries), and says little: no type of artifact, no size, no platform. So it is a hint, and
all of it is checked before anything is believed.

Sources: harbor: src/pkg/notifier/model/event.go, src/pkg/notifier/formats/cloudevents.go,
src/controller/event/handler/webhook; recorded: webhook-push-artifact and the others of its kind.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec

from preheat.errors import Problem, ProblemsError
from preheat.event import EventKind, EventSource, HarborEvent
from preheat.harbor.reference import is_repository, is_tag, signed_by
from preheat.harbor.untrusted import read_fields, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from preheat.harbor.untrusted import Fields

__all__ = ["PayloadFormat", "parse_delivery", "payload_format"]

# All other types tell nothing that a policy could run on, and are only counted.
_KINDS = {
    "PUSH_ARTIFACT": EventKind.PUSHED,
    "harbor.artifact.pushed": EventKind.PUSHED,
    "SCANNING_COMPLETED": EventKind.SCANNED,
    "harbor.scan.completed": EventKind.SCANNED,
    "DELETE_ARTIFACT": EventKind.DELETED,
    "harbor.artifact.deleted": EventKind.DELETED,
}
_VERSION = re.compile(r"1\.0")
_NAME = re.compile(r".{1,255}")
_TYPE = re.compile(r"[A-Za-z][A-Za-z0-9._-]{0,99}")
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/+-]{0,127}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}")
_RFC3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})"
)
_NO_MOMENT = 253_402_300_800  # the year 10000, in Unix seconds
_MOST_RESOURCES = 1000
_MOST_TOLD = 20
_VULNERABILITIES = "vulnerability"


class PayloadFormat(StrEnum):
    """How Harbor writes a delivery, by its content type."""

    DEFAULT = "application/json"
    CLOUD_EVENTS = "application/cloudevents+json"


@dataclass(frozen=True, slots=True)
class _Envelope:
    """What a delivery says besides the artifacts, in either format.

    :param id: what names the delivery; "" where Harbor gives it no name.
    :param body: where the artifacts are, by its key.
    """

    type: str
    id: str
    occurred_at: datetime | None
    operator: str
    body: str


@dataclass(frozen=True, slots=True)
class _Subject:
    """One artifact that a delivery names."""

    repository: str = ""
    digest: str = ""
    tag: str = ""


def payload_format(content_type: str) -> PayloadFormat | None:
    """Tell the format by the header; None where it is neither, or not in UTF-8."""
    kind, *parameters = (part.strip().lower() for part in content_type.split(";"))
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "charset" and value.strip().strip('"') not in {"utf-8", "utf8"}:
            return None
    return next((one for one in PayloadFormat if one.value == kind), None)


def parse_delivery(registry: str, content_type: str, body: bytes) -> list[HarborEvent]:
    """Read a delivery: one event for each artifact that it names, at least one.

    What nothing listens to becomes one event of the kind OTHER, whatever else it holds. A cosign
    signature that was pushed with its tag counts as an event of the artifact that it signs; Harbor
    knows the tags of no other accessories (recorded: webhook-push-signature).

    :param registry: Airflow connection id of the Harbor.
    :param content_type: the header.
    :raises ProblemsError: with everything that is wrong with it, each with its path.
    """
    form = payload_format(content_type)
    if form is None:
        formats = " or ".join(PayloadFormat)
        problem = Problem(f"{shown(content_type)} is not {formats}, in UTF-8.", "Content-Type")
        raise ProblemsError([problem])
    fields = read_fields(body)
    envelope = _default(fields) if form is PayloadFormat.DEFAULT else _cloud_event(fields)
    events = list(_events(registry, envelope, fields))
    if fields.problems:
        raise ProblemsError(_first(fields.problems))
    return events


def _default(fields: Fields) -> _Envelope:
    seconds = fields.number("occur_at")
    moment = None
    if seconds is not None and 0 <= seconds < _NO_MOMENT:
        moment = datetime.fromtimestamp(seconds, UTC)
    elif seconds is not None:
        fields.complain("occur_at", "This is not a moment in Unix seconds.")
    return _Envelope(_type_of(fields), "", moment, _operator_of(fields), "event_data")


def _cloud_event(fields: Fields) -> _Envelope:
    fields.text("specversion", _VERSION.fullmatch, "1.0, the version that is read here")
    name = fields.text("id", _ID.fullmatch, "an id as Harbor makes them")
    written = fields.text("time", _moment, "a moment as in RFC 3339")
    moment = _moment(written) if written else None
    return _Envelope(_type_of(fields), name or "", moment, _operator_of(fields), "data")


def _type_of(fields: Fields) -> str:
    return fields.text("type", _TYPE.fullmatch, "a type as Harbor names them") or ""


def _operator_of(fields: Fields) -> str:
    """Read who did it; not told of everything."""
    if not fields.has("operator"):
        return ""
    return fields.text("operator", _NAME.fullmatch, "a name of at most 255 characters") or ""


def _moment(text: str) -> datetime | None:
    if not _RFC3339.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):  # the 30th of February; before the year 1 in UTC
        return None


def _events(registry: str, envelope: _Envelope, fields: Fields) -> Iterator[HarborEvent]:
    kind = _KINDS.get(envelope.type, EventKind.OTHER)
    if kind is EventKind.OTHER:
        yield _event(registry, envelope, kind, _Subject(), 0)
        return
    data = fields.object(envelope.body)
    if data is None:
        return
    if kind is EventKind.SCANNED and _scan_type(data) != _VULNERABILITIES:
        kind = EventKind.OTHER
    repository = _repository_of(data)
    for number, resource in enumerate(data.objects("resources", _MOST_RESOURCES)):
        yield _event(registry, envelope, kind, _subject_of(repository, resource), number)


def _scan_type(data: Fields) -> str:
    """Read what was scanned for; before Harbor 2.11 there was but one thing, and it is not told."""
    if not data.has("scan"):
        return _VULNERABILITIES
    scan = data.object("scan")
    return (scan and scan.text("scan_type", _TYPE.fullmatch, "a type as Harbor names them")) or ""


def _repository_of(data: Fields) -> str:
    repository = data.object("repository")
    wanted = "project and repository in Harbor"
    return (repository and repository.text("repo_full_name", is_repository, wanted)) or ""


def _subject_of(repository: str, resource: Fields) -> _Subject:
    """Read an artifact; Harbor writes the digest for the tag where there is none."""
    digest = resource.text("digest", _DIGEST.fullmatch, "a digest such as sha256:12ab…") or ""
    if not resource.has("tag"):
        return _Subject(repository, digest)
    tag = resource.text("tag", lambda name: is_tag(name) or name == digest, "a tag") or ""
    return _Subject(repository, digest, "" if tag == digest else tag)


def _event(
    registry: str, envelope: _Envelope, kind: EventKind, subject: _Subject, number: int
) -> HarborEvent:
    delivery = _delivery(envelope, subject, number)
    digest = subject.digest
    if kind is EventKind.PUSHED and (signed := signed_by(subject.tag)):
        kind, digest = EventKind.SIGNED, signed
    return HarborEvent(
        registry,
        delivery,
        EventSource.WEBHOOK,
        kind,
        repository=subject.repository,
        digest=digest,
        tag=subject.tag,
        operator=envelope.operator,
        occurred_at=envelope.occurred_at,
        type=envelope.type,
    )


def _delivery(envelope: _Envelope, subject: _Subject, number: int) -> str:
    """Name this telling: by the id that is the same in every attempt (recorded: webhook-retries).

    The format Default has none; there the same words are the same telling.
    """
    if envelope.id:
        return f"ce:{envelope.id}" + (f"#{number + 1}" if number else "")
    moment = envelope.occurred_at.isoformat() if envelope.occurred_at else ""
    said = [envelope.type, moment, envelope.operator]
    said += [subject.repository, subject.digest, subject.tag]
    return f"body:{hashlib.sha256(msgspec.json.encode(said)).hexdigest()}"


def _first(problems: list[Problem]) -> list[Problem]:
    """Tell the first problems, and count the rest."""
    left = len(problems) - _MOST_TOLD
    if left <= 1:  # the one would take a line anyway
        return problems
    return [*problems[:_MOST_TOLD], Problem(f"and {left:,} more problems.", stands_for=left)]
