"""What Harbor lists, as values: the input of the policy engine.

Times are aware UTC datetimes. Sizes are bytes. Repository names never hold the project.

What there are hundreds of thousands of is made of msgspec's structs: they are built three times as
fast as frozen dataclasses, and Python's cycle collector need not look at them (``gc=False``: they
hold values only).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime  # noqa: TC003 - whoever builds artifacts from their hints needs it
from typing import TYPE_CHECKING

from msgspec import Struct, field

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Artifact", "Blob", "BlobAnswer", "Child", "Image", "ScanSummary", "Tag"]

_WHOLE = "all of "  # no digest begins so


class Tag(Struct, frozen=True, gc=False):
    """A tag and its own clock: it moves when the tag moves, unlike the artifact's push time."""

    name: str
    push_time: datetime | None = None
    pull_time: datetime | None = None
    immutable: bool = False


class Child(Struct, frozen=True, gc=False):
    """The manifest of one platform: a child of an index, or the artifact itself.

    :param digest: digest of the platform's manifest, ``sha256:…``.
    :param platform: ``os/arch[/variant]``, such as ``linux/arm64/v8``.
    """

    digest: str
    platform: str


class BlobAnswer(Struct, frozen=True, gc=False):
    """What a registry says when a blob is asked for.

    :param words: in a few words, for people.
    :param is_refused: whether it said no (401, 403, 404 …), which asking again does not change.
    """

    words: str
    is_refused: bool = False


@dataclass(frozen=True, slots=True)
class ScanSummary:
    """What the last vulnerability scan said (Harbor's ``scan_overview``)."""

    status: str
    severity: str
    end_time: datetime | None = None


class Artifact(Struct, frozen=True, gc=False):
    """One artifact of one Harbor.

    :param registry: Airflow connection id of that Harbor.
    :param project: project name.
    :param repository: repository name without the project; may hold slashes.
    :param digest: digest of the artifact (of the index, if it is one).
    :param type: Harbor's word, upper case: ``IMAGE``, ``CNAI``, ``CHART`` …
    :param size: what Harbor says, bytes; of an index not what one platform downloads.
    :param children: one entry a platform; empty when Harbor told no platform at all.
    :param labels: label names.
    :param accessories: accessory types such as ``signature.cosign``; None when not asked for.
    :param scan: None when never scanned or not asked for.
    """

    registry: str
    project: str
    repository: str
    digest: str
    id: int = 0
    type: str = "IMAGE"
    media_type: str = ""
    size: int = 0
    push_time: datetime | None = None
    pull_time: datetime | None = None
    tags: tuple[Tag, ...] = ()
    labels: tuple[str, ...] = ()
    children: tuple[Child, ...] = ()
    accessories: tuple[str, ...] | None = None
    scan: ScanSummary | None = None
    annotations: Mapping[str, str] = field(default_factory=dict)

    @property
    def full_name(self) -> str:
        """Project and repository, as Harbor and the registry write them."""
        return f"{self.project}/{self.repository}"


@dataclass(frozen=True, slots=True)
class Blob:
    """A config or layer that a pull of the image fetches."""

    digest: str
    size: int


@dataclass(frozen=True, slots=True)
class Image:
    """The manifest of one platform, resolved over the registry API: what must be warm.

    :param digest: digest of the manifest; the blobs follow from it for ever.
    :param platform: as the config or index says.
    :param blobs: config and layers, each once, in the manifest's order (config first).
    """

    digest: str
    platform: str
    blobs: tuple[Blob, ...]

    @classmethod
    def of_size(cls, digest: str, platform: str, size: int) -> Image:
        """Make an image of which only the size is known: one blob, shared with no other image."""
        return cls(digest, platform, (Blob(f"{_WHOLE}{digest}", size),))

    @property
    def tells_blobs(self) -> bool:
        """Whether it is known which blobs it has, and not only how big all of them are."""
        return not any(blob.digest.startswith(_WHOLE) for blob in self.blobs)

    @property
    def size(self) -> int:
        """Bytes a node downloads, each blob counted once."""
        return sum(blob.size for blob in self.blobs)
