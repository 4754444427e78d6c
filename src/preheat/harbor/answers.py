"""Harbor's answers as types, and how they become our values (harbor: api/v2.0/swagger.yaml).

Only the fields we read are named; msgspec skips the rest, which makes 100,000 artifacts cheap.
Harbor writes ``null`` for an empty list, and Go's zero time for "never".
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from msgspec import Struct, field

from preheat.artifact import Artifact, Child, ScanSummary, Tag

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from preheat.transport import Answer

__all__ = [
    "ArtifactAnswer",
    "Platform",
    "Project",
    "RepositoryAnswer",
    "SystemAnswer",
    "TokenAnswer",
    "artifact_of",
    "decode",
    "time_of",
    "words_of",
]

T = TypeVar("T")
_NO_JSON = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
ATTESTATION = "vnd.docker.reference.type"


class Project(Struct, frozen=True):
    """A project that these credentials may see."""

    id: int = field(name="project_id")
    name: str
    repositories: int = field(name="repo_count", default=0)


class RepositoryAnswer(Struct):
    """A repository; ``name`` holds the project too."""

    id: int
    name: str


class SystemAnswer(Struct):
    """``/systeminfo``; all but the first only for callers it knows (handler/systeminfo.go)."""

    auth_mode: str
    harbor_version: str = ""
    current_time: datetime | None = None
    notification_enable: bool | None = None


class TokenAnswer(Struct):
    """``/service/token``."""

    token: str
    expires_in: float = 60.0  # what the protocol says where a service does not


class Platform(Struct, frozen=True, omit_defaults=True, gc=False):
    """A platform in Harbor's or the registry's words.

    Untyped, because artifacts that are no images use the same keys for other things.
    """

    os: Any = ""
    architecture: Any = ""
    variant: Any = ""

    def __str__(self) -> str:
        return _written(self)


def _written(platform: Platform | None) -> str:
    """Write a platform as ``os/arch[/variant]``; empty where none is told."""
    if platform is None:
        return ""
    os, architecture, variant = platform.os, platform.architecture, platform.variant
    if isinstance(os, str) and isinstance(architecture, str) and isinstance(variant, str):
        return _platform(os, architecture, variant)
    return ""


@lru_cache(maxsize=1024)
def _platform(os: str, architecture: str, variant: str) -> str:
    """Write a platform; the few there are come by the thousand."""
    if not (os and architecture) or os == architecture == "unknown":
        return ""
    return "/".join(part for part in (os, architecture, variant) if part)


class _Reference(Struct, omit_defaults=True, gc=False):
    child_digest: str
    platform: Platform | None = None
    annotations: dict[str, str] | None = None


class _TagAnswer(Struct, omit_defaults=True, gc=False):
    name: str
    push_time: datetime | None = None
    pull_time: datetime | None = None
    immutable: bool = False


class _Named(Struct, gc=False):
    name: str


class _Accessory(Struct, gc=False):
    type: str


class _Scan(Struct, omit_defaults=True):
    scan_status: str = ""
    severity: str = ""
    end_time: datetime | None = None


class ArtifactAnswer(Struct, omit_defaults=True, gc=False):
    """An artifact; ``repository_name`` since Harbor 2.12."""

    id: int
    digest: str
    type: str
    repository_name: str = ""
    media_type: str = ""
    size: int = 0
    push_time: datetime | None = None
    pull_time: datetime | None = None
    tags: list[_TagAnswer] | None = None
    labels: list[_Named] | None = None
    references: list[_Reference] | None = None
    extra_attrs: Platform | None = None
    annotations: dict[str, str] | None = None
    accessories: list[_Accessory] | None = None
    scan_overview: dict[str, _Scan] | None = None

    def children(self) -> tuple[Child, ...]:
        """Name the platforms: of the index, or of the single image itself.

        Attestations, which Harbor shows with the platform ``unknown/unknown``, are no platform.
        """
        if self.references:
            return tuple([
                Child(entry.child_digest, platform)
                for entry in self.references
                if (platform := _written(entry.platform)) and not _is_attestation(entry.annotations)
            ])
        platform = _written(self.extra_attrs) if self.type == "IMAGE" else ""
        return (Child(self.digest, platform),) if platform else ()

    def scan(self) -> ScanSummary | None:
        """Tell the last scan; Harbor sends the first report type of those we accept."""
        for scan in (self.scan_overview or {}).values():
            return ScanSummary(scan.scan_status, scan.severity, time_of(scan.end_time))
        return None

    def accessory_types(self) -> tuple[str, ...]:
        """Name what hangs on the artifact, such as ``signature.cosign``."""
        return tuple(entry.type for entry in self.accessories or ())


class _Error(Struct):
    message: str = ""
    code: str = ""


class _Errors(Struct):
    errors: list[_Error] = []


def decode(answer: Answer, kind: type[T], wanted: str, *, secret: bool = False) -> T:
    """Read the body as that type.

    :param wanted: what it should be, for the message.
    :param secret: whether the body may hold secrets.
    :raises UnexpectedAnswerError: for any other shape; says what was received, unless it is secret.
    """
    try:
        return msgspec.json.decode(answer.body, type=kind)
    except _NO_JSON as error:
        raise answer.unexpected(f"{wanted} ({error})", secret=secret) from error


def words_of(body: bytes) -> str:
    """Take Harbor's own words out of an error body; empty when it has another form."""
    try:
        errors = msgspec.json.decode(body, type=_Errors).errors
    except _NO_JSON:
        return ""
    return "; ".join(error.message or error.code for error in errors)


def artifact_of(
    answer: ArtifactAnswer,
    *,
    registry: str,
    project: str,
    repository: str,
    accessories: bool = False,
) -> Artifact:
    """Build our value of one listed artifact: scans are not asked for in lists.

    :param repository: without the project.
    :param accessories: whether they were asked for: Harbor writes none and not asked alike.
    """
    return Artifact(
        registry,
        project,
        repository,
        answer.digest,
        id=answer.id,
        type=answer.type,
        media_type=answer.media_type,
        size=answer.size,
        push_time=time_of(answer.push_time),
        pull_time=time_of(answer.pull_time),
        tags=_tags(answer.tags or ()),
        labels=tuple([label.name for label in answer.labels or ()]),
        children=answer.children(),
        accessories=answer.accessory_types() if accessories else None,
        annotations=answer.annotations or {},
    )


def _tags(tags: Sequence[_TagAnswer]) -> tuple[Tag, ...]:
    return tuple([
        Tag(tag.name, time_of(tag.push_time), time_of(tag.pull_time), tag.immutable) for tag in tags
    ])


def time_of(moment: datetime | None) -> datetime | None:
    """Read a time of Harbor's as UTC; Go's zero time means never."""
    if moment is None or moment.year == 1:
        return None
    if moment.tzinfo is UTC:
        return moment
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _is_attestation(annotations: Mapping[str, str] | None) -> bool:
    return annotations is not None and ATTESTATION in annotations
