"""What a run asks for so far, held against its limits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from preheat.policy.units import format_size, tell_apart
from preheat.policy.weighing import Scale

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator, Mapping

    from preheat.plan import PlannedPlacement
    from preheat.policy.weighing import ImageOf

__all__ = ["Limits", "Tally", "count_images"]


@dataclass(frozen=True, slots=True)
class Limits:
    """The most of each; None is no limit."""

    images: int | None = None
    run_bytes: int | None = None
    day_bytes: int | None = None

    @property
    def of_bytes(self) -> str:
        """Name of the first limit that counts bytes; empty if none does."""
        if self.run_bytes is not None:
            return "budget.perRun"
        return "" if self.day_bytes is None else "budget.perClusterPerDay"


class Tally:
    """Counts images and bytes.

    :param name_of: what counts as one image.
    :param spent: bytes asked of each cluster earlier in the day.
    """

    def __init__(
        self,
        limits: Limits,
        image_of: ImageOf,
        name_of: Callable[[PlannedPlacement], Hashable],
        spent: Mapping[str, int],
    ) -> None:
        self._limits = limits
        self._name_of = name_of
        self._spent = spent
        self._scale = Scale(image_of)
        self._images: set[Hashable] = set()
        self._unknown: set[Hashable] = set()

    @property
    def images(self) -> int:
        """Images counted, each once over all clusters."""
        return len(self._images)

    @property
    def bytes(self) -> int:
        """Bytes counted, over all clusters."""
        return self._scale.total

    def size(self, placement: PlannedPlacement) -> int | None:
        """Tell the bytes of a placement by itself; None where nobody knows."""
        return self._scale.size(placement)

    def add(self, placement: PlannedPlacement) -> None:
        """Count a placement."""
        name = self._name_of(placement)
        self._images.add(name)
        if self._scale.size(placement) is None:
            self._unknown.add(name)
        self._scale.add(placement)

    def refusal(self, placement: PlannedPlacement) -> str:
        """Say why a placement does not fit on top; empty if it does."""
        return self._too_many(placement) or self._too_heavy(placement)

    def _too_many(self, placement: PlannedPlacement) -> str:
        most = self._limits.images
        if most is None or self.images < most or self._name_of(placement) in self._images:
            return ""
        return f"budget.maxImages is {most} and it would be image number {self.images + 1}"

    def _too_heavy(self, placement: PlannedPlacement) -> str:
        limits, cluster = self._limits, placement.key.cluster
        if not limits.of_bytes:
            return ""
        added, size = self._scale.added(placement), self._scale.size(placement)
        if added is None or size is None:
            return f"its size is not known, so it does not fit {limits.of_bytes}"
        if limits.run_bytes is not None and self.bytes + added > limits.run_bytes:
            return _too_much("budget.perRun", limits.run_bytes, size, added, self.bytes)
        earlier, here = self._spent.get(cluster, 0), self._scale.on(cluster)
        if limits.day_bytes is None or earlier + here + added <= limits.day_bytes:
            return ""
        taken = f"{format_size(earlier)} were asked of {cluster} earlier in the day, "
        name = "budget.perClusterPerDay"
        return _too_much(name, limits.day_bytes, size, added, here, (earlier, taken))

    def exceeded(self) -> Iterator[str]:
        """Name each limit that what was counted is over, with the figures."""
        limits = self._limits
        if limits.images is not None and self.images > limits.images:
            yield f"{count_images(self.images)}, budget.maxImages is {limits.images}"
        if limits.run_bytes is not None and self.bytes > limits.run_bytes:
            met, limit = tell_apart(self.bytes, limits.run_bytes)
            yield f"{met} in all clusters, budget.perRun is {limit}"
        yield from self._exceeded_in_a_day()
        if limits.of_bytes and self._unknown:
            yield f"{count_images(len(self._unknown))} of unknown size, {limits.of_bytes} needs it"

    def _exceeded_in_a_day(self) -> Iterator[str]:
        most = self._limits.day_bytes
        for cluster, held in sorted(self._scale.clusters().items()):
            earlier = self._spent.get(cluster, 0)
            if most is not None and earlier + held.bytes > most:
                met, limit = tell_apart(earlier + held.bytes, most)
                yield (
                    f"{met} in {cluster} ({format_size(earlier)} of it earlier in the day),"
                    f" budget.perClusterPerDay is {limit}"
                )


def count_images(number: int) -> str:
    """Write a number of images."""
    return "1 image" if number == 1 else f"{number} images"


def _too_much(
    name: str, most: int, size: int, added: int, taken: int, before: tuple[int, str] = (0, "")
) -> str:
    """Say what was used and what would come on top, or that it never fits."""
    if size > most:
        met, limit = tell_apart(size, most)
        return f"{name} is {limit} and it alone has {met}"
    earlier, words = before
    total, limit = tell_apart(earlier + taken + added, most)
    sums = f"{format_size(taken)} are taken and it adds {format_size(added)}, {total} in all"
    return f"{name} is {limit}; {words}{sums}"
