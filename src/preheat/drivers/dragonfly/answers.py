"""The manager's answers, parsed strictly: a missing field or another type is an error.

Only the fields that we read are named, the others are ignored. ``args`` and ``result`` stay raw
until a row is known to matter: results of jobs over many peers are megabytes, in lists too, and
``args`` holds the registry's credentials in clear (dragonfly: manager/types/job.go).
"""

from __future__ import annotations

import json
from datetime import datetime  # noqa: TC003  # msgspec reads annotations when it runs
from typing import TYPE_CHECKING, Annotated, TypeVar

import msgspec
from msgspec import Meta, Raw, Struct

from preheat.errors import ForeignAnswerError, UnexpectedAnswerError
from preheat.transport import redact

if TYPE_CHECKING:
    from preheat.transport import Answer

__all__ = [
    "Cluster",
    "Distribution",
    "PreheatResult",
    "Row",
    "TaskArgs",
    "TaskResult",
    "decode",
    "words_of",
]

SHOWN = 200
WORDS = 4000
MANY = 30
DESCRIBED = 1024 * 1024

T = TypeVar("T")


class ClusterReference(Struct, frozen=True):
    """A scheduler cluster as a created job names it."""

    id: int


class Row(Struct, frozen=True):
    """One job. ``scheduler_clusters`` is null in lists."""

    id: Annotated[int, Meta(ge=0, le=2**63 - 1)]
    created_at: Annotated[datetime, Meta(tz=True)]
    type: str
    state: str
    bio: str
    args: Raw
    result: Raw
    scheduler_clusters: list[ClusterReference] | None = None


class SuccessTask(Struct, frozen=True):
    """A blob that a host says it holds; both names are ``unknown`` for what a seed already held."""

    url: str
    hostname: str
    ip: str


class FailureTask(Struct, frozen=True):
    """A blob that a host could not fetch."""

    url: str
    hostname: str
    ip: str
    description: str


class PreheatOutcome(Struct, frozen=True):
    """What one scheduler cluster reports; both lists are null for a silent ``single_seed_peer``."""

    scheduler_cluster_id: int
    success_tasks: list[SuccessTask] | None
    failure_tasks: list[FailureTask] | None


class PreheatTask(Struct, frozen=True):
    """One scheduler's part of a job; ``results`` is null until it ended, and when it failed."""

    state: str
    error: str
    results: list[PreheatOutcome] | None


class PreheatResult(Struct, frozen=True):
    """``result`` of a preheat job."""

    state: str
    job_states: list[PreheatTask]


class TaskPeer(Struct, frozen=True, rename={"is_finished": "IsFinished"}):
    """A host that knows a blob: a failed copy is listed too (recorded get-task-failed-blob)."""

    hostname: str
    ip: str
    host_type: str
    is_finished: bool


class TaskOutcome(Struct, frozen=True):
    """What the peers of one scheduler cluster say of a blob."""

    scheduler_cluster_id: int
    peers: list[TaskPeer] | None


class TaskPart(Struct, frozen=True):
    """One scheduler's part of a ``get_task`` job."""

    state: str
    error: str
    results: list[TaskOutcome] | None


class TaskResult(Struct, frozen=True):
    """``result`` of a ``get_task`` job."""

    state: str
    job_states: list[TaskPart]


class TaskArgs(Struct, frozen=True):
    """The one argument of a ``get_task`` job that we read."""

    url: str


class Layers(Struct, frozen=True):
    """The image part of a distribution; we read nothing of it but that it is there."""

    layers: Raw


class Distribution(Struct, frozen=True):
    """Answer of ``get_image_distribution``: its peers prove nothing, the rows it leaves do."""

    image: Layers


class ClusterConfig(Struct, frozen=True):
    """Settings of a scheduler cluster that matter to callers."""

    job_rate_limit: int = 0


class Cluster(Struct, frozen=True):
    """One cluster of ``/oapi/v1/clusters``; jobs name it by ``scheduler_cluster_id``."""

    name: str
    scheduler_cluster_id: int
    scheduler_cluster_config: ClusterConfig


def decode(answer: Answer, wanted: type[T], what: str, *, part: Raw | None = None) -> T:
    """Parse an answer, or a raw part of it.

    :raises ForeignAnswerError: it is no JSON at all: a proxy's page, half a body.
    :raises UnexpectedAnswerError: with what was wrong and the shape of what was received: never its
        values, for a job's arguments hold credentials.
    """
    try:
        return msgspec.json.decode(answer.body if part is None else part, type=wanted)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        received = _shape(answer.body if part is None else bytes(part))
        message = (
            f"{answer.system} answered {answer.request} with something else than {what}: "
            f"{error}; received {received}"
        )
        kind = (
            UnexpectedAnswerError
            if isinstance(error, msgspec.ValidationError)
            else ForeignAnswerError
        )
        raise kind(
            message,
            system=answer.system,
            request=answer.request,
            status=answer.status,
            words=received,
        ) from None


def words_of(answer: Answer) -> str | None:
    """Give the raw text of an error answer, None when it is not one of the manager's own.

    The manager writes some 422 twice, two JSON objects back to back
    (dragonfly: manager/middlewares/ratelimiter.go, recorded invalid-malformed-json).
    """
    try:
        body, _ = json.JSONDecoder().raw_decode(answer.body.decode("utf-8", "replace").lstrip())
    except (ValueError, RecursionError):
        return None
    if not isinstance(body, dict):
        return None
    text = body.get("message", body.get("errors"))
    return text.strip()[:WORDS] if isinstance(text, str) else None


def _shape(body: bytes) -> str:
    """Describe a body without its values."""
    if len(body) > DESCRIBED:
        return f"{len(body)} bytes"
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return redact(body[:SHOWN].decode("utf-8", "replace")).strip() or "an empty body"
    if isinstance(value, list):
        first = f", the first of which is {_kind(value[0])}" if value else ""
        return f"a list of {len(value)}{first}"
    return _kind(value)


def _kind(value: object) -> str:
    if isinstance(value, dict):
        shown = sorted(value.items())[:MANY]
        keys = redact(", ".join(f"{key[:SHOWN]}: {type(inner).__name__}" for key, inner in shown))
        return f"an object with {keys[:SHOWN]}" if keys else "an empty object"
    return f"a JSON {type(value).__name__}"
