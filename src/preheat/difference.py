"""What changed between two plans: images that came in, that went out, and that stayed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from preheat.plan import Decision

__all__ = ["Difference", "ImageName", "difference", "selected"]


@dataclass(frozen=True, slots=True, order=True)
class ImageName:
    """One selected image; two are the same whatever tags they carry.

    :param repository: project and repository.
    :param digest: of the platform's own manifest: a rebuilt index of the same images is no change.
    """

    registry: str
    repository: str
    digest: str
    platform: str
    tags: tuple[str, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class Difference:
    """Each part in the order of the names."""

    added: tuple[ImageName, ...] = ()
    removed: tuple[ImageName, ...] = ()
    kept: tuple[ImageName, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.removed)


def selected(decisions: Iterable[Decision]) -> tuple[ImageName, ...]:
    """Name the images that a plan selects."""
    return tuple(
        sorted({
            ImageName(d.registry, d.repository, d.image or d.digest, d.platform, d.tags)
            for d in decisions
            if d.selected
        })
    )


def difference(before: Iterable[ImageName], after: Iterable[ImageName]) -> Difference:
    """Compare two selections; what stayed carries its newer tags."""
    old, new = set(before), tuple(sorted(set(after)))
    now = set(new)
    return Difference(
        added=tuple(name for name in new if name not in old),
        removed=tuple(sorted(name for name in old if name not in now)),
        kept=tuple(name for name in new if name in old),
    )
