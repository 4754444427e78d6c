"""How many bytes placements add to a cluster, each shared blob counted once.

Dragonfly's cache key is the whole blob URL, so a blob is shared within one pull endpoint and
repository of a cluster, and not beyond.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, TypeAlias

from preheat.plan import ClusterBytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from preheat.artifact import Blob, Image
    from preheat.placement import PlacementKey
    from preheat.plan import PlannedPlacement

    ImageOf: TypeAlias = Callable[[PlacementKey], Image | None]

__all__ = ["Scale", "weigh"]


class Scale:
    """Weighs placements one after the other.

    :param image_of: what a placement consists of; None where nobody knows.
    """

    def __init__(self, image_of: ImageOf) -> None:
        self._image_of = image_of
        self._blobs: set[tuple[str, str, str, str]] = set()
        self._bytes: defaultdict[str, int] = defaultdict(int)
        self._images: defaultdict[str, set[tuple[str, str, str]]] = defaultdict(set)
        self._unknown: defaultdict[str, set[tuple[str, str, str]]] = defaultdict(set)

    def size(self, placement: PlannedPlacement) -> int | None:
        """Tell the bytes of the placement by itself; None where nobody knows."""
        image = self._image_of(placement.key)
        return None if image is None else image.size

    def added(self, placement: PlannedPlacement) -> int | None:
        """Tell the bytes it would add to what was put on; None where nobody knows."""
        image = self._image_of(placement.key)
        if image is None:
            return None
        return sum(blob.size for blob in self._new(placement.key, image))

    def add(self, placement: PlannedPlacement) -> None:
        """Put it on; one of unknown size is counted as such and weighs nothing."""
        key = placement.key
        image = self._image_of(key)
        name = (key.pull_endpoint, key.repository, key.digest)
        self._images[key.cluster].add(name)
        if image is None:
            self._unknown[key.cluster].add(name)
            return
        for blob in self._new(key, image):
            self._blobs.add(_place(key, blob))
            self._bytes[key.cluster] += blob.size

    def on(self, cluster: str) -> int:
        """Tell the bytes put on for one cluster."""
        return self._bytes.get(cluster, 0)

    @property
    def total(self) -> int:
        """Bytes put on for all clusters together."""
        return sum(self._bytes.values())

    def clusters(self) -> dict[str, ClusterBytes]:
        """Give the sums by cluster, for those that something was put on for."""
        return {
            cluster: ClusterBytes(
                images=len(images),
                bytes=self._bytes.get(cluster, 0),
                unknown=len(self._unknown.get(cluster, ())),
            )
            for cluster, images in self._images.items()
        }

    def _new(self, key: PlacementKey, image: Image) -> list[Blob]:
        return [blob for blob in image.blobs if _place(key, blob) not in self._blobs]


def weigh(placements: Iterable[PlannedPlacement], image_of: ImageOf) -> dict[str, ClusterBytes]:
    """Sum up all the placements given, whatever their disposition, by cluster."""
    scale = Scale(image_of)
    for placement in placements:
        scale.add(placement)
    return scale.clusters()


def _place(key: PlacementKey, blob: Blob) -> tuple[str, str, str, str]:
    return (key.cluster, key.pull_endpoint, key.repository, blob.digest)
