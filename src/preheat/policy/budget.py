"""How much one run may ask for: images, bytes, and bytes of each cluster in a day.

Harbor's own preheating knows no limit. ``maxImages`` counts each image once, with all its
platforms and however many clusters it goes to. ``perRun`` sums the bytes over all clusters,
``perClusterPerDay`` those of each cluster with what this policy asked of it earlier on the same
day. A blob that two images share in one repository counts once a cluster. An image whose size
nobody knows does not fit into bytes.

When the plan asks for more, ``onExceed`` decides: ``trim`` leaves out what does not fit, ``fail``
asks for nothing and makes the run red, ``ask`` lets a person decide and trims until then.

What stays is chosen newest first (push time), of equally old ones the smallest first, pins before
all else. What does not fit on top is left out and the next is tried, so that one huge image does
not keep out all the rest. A bigger budget therefore never gives an image up for an older one: the
first image, in that order, that only one of two budgets lets through is the bigger budget's.
(That it lets through *all* that a smaller one does could be had only by taking the smallest images
first. Of ``maxImages`` alone it is true.)

::

    budget: {maxImages: 40, perRun: 200GiB, perClusterPerDay: 300GiB, onExceed: trim}
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, ClassVar, Self

from pydantic import Field, model_validator

from preheat.plan import Disposition
from preheat.policy.fields import Number, Strict
from preheat.policy.gatefields import ByteSize
from preheat.policy.part import Part
from preheat.policy.tally import Limits, Tally, count_images
from preheat.policy.units import format_size

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
    from datetime import datetime

    from preheat.placement import PlacementKey
    from preheat.plan import PlannedPlacement
    from preheat.policy.part import At
    from preheat.policy.weighing import ImageOf

__all__ = ["PART", "Budget", "BudgetOutcome", "BudgetSpec", "OnExceed", "apply"]

_NAMED = 3


class OnExceed(StrEnum):
    """What happens when a plan asks for more than its budget."""

    TRIM = "trim"
    FAIL = "fail"
    ASK = "ask"


class BudgetSpec(Strict):
    """``budget``."""

    shape: ClassVar[str] = "a map such as {maxImages: 40, perRun: 200GiB}"
    max_images: Annotated[Number, Field(ge=1)] | None = Field(
        None,
        description="Most images of one run; each counts once, over all platforms and clusters.",
    )
    per_run: ByteSize | None = Field(
        None, description="Most bytes of one run, summed over all clusters."
    )
    per_cluster_per_day: ByteSize | None = Field(
        None,
        description="Most bytes that this policy's runs ask of each cluster in a calendar day, in"
        " the time zone of its schedule (else UTC).",
    )
    on_exceed: OnExceed = Field(
        OnExceed.TRIM,
        description="What happens beyond: `trim` leaves the rest for later, `fail` asks for nothing"
        " and fails the run, `ask` lets a person decide.",
    )

    @model_validator(mode="after")
    def _some_limit(self) -> Self:
        if not self.model_fields_set - {"on_exceed"}:
            raise ValueError(
                "write at least one of maxImages, perRun and perClusterPerDay, or leave budget out"
            )
        return self

    def build(self, at: At) -> Budget:
        """Make the value."""
        return Budget(
            self.max_images, self.per_run, self.per_cluster_per_day, self.on_exceed, at.line
        )


@dataclass(frozen=True, slots=True)
class Budget:
    """What one run may ask for; None is no limit."""

    max_images: int | None = None
    per_run_bytes: int | None = None
    per_cluster_per_day_bytes: int | None = None
    on_exceed: OnExceed = OnExceed.TRIM
    line: int | None = None

    @property
    def counts_bytes(self) -> bool:
        """Whether it takes the blobs of images to keep to it."""
        return self.per_run_bytes is not None or self.per_cluster_per_day_bytes is not None

    @property
    def limits(self) -> Limits:
        """The limits alone."""
        return Limits(self.max_images, self.per_run_bytes, self.per_cluster_per_day_bytes)


@dataclass(frozen=True, slots=True)
class BudgetOutcome:
    """The placements of a plan, those that do not fit marked.

    :param placements: all of them, in the order given.
    :param failures: why the run must end red.
    :param question: what a person is to be asked; empty if nothing.
    """

    placements: tuple[PlannedPlacement, ...]
    failures: tuple[str, ...] = ()
    question: str = ""
    warnings: tuple[str, ...] = ()


def apply(
    budget: Budget,
    placements: Sequence[PlannedPlacement],
    *,
    image_of: ImageOf,
    name_of: Callable[[PlannedPlacement], Hashable],
    pushed_at: Callable[[PlacementKey], datetime | None],
    pinned: Callable[[PlacementKey], bool],
    spent: Mapping[str, int],
) -> BudgetOutcome:
    """Mark the placements to be asked for that do not fit; the limits hold for what is left.

    :param name_of: what counts as one image.
    :param spent: bytes asked of each cluster earlier in the day.
    """
    kept = Tally(budget.limits, image_of, name_of, spent)
    asked = [n for n, each in enumerate(placements) if each.disposition is Disposition.ASK]
    over: dict[int, str] = {}
    for index in sorted(asked, key=_Ranking(placements, kept, pushed_at, pinned)):
        refusal = kept.refusal(placements[index])
        if refusal:
            over[index] = refusal
        else:
            kept.add(placements[index])
    if not over:
        return BudgetOutcome(tuple(placements))
    wanted = Tally(budget.limits, image_of, name_of, spent)
    for index in asked:
        wanted.add(placements[index])
    figures = f"The plan is over its budget: {'; '.join(wanted.exceeded())}."
    if budget.on_exceed is OnExceed.FAIL:
        nothing = dict.fromkeys(asked, f"onExceed is fail, so nothing is asked for: {figures}")
        return BudgetOutcome(_mark(placements, nothing), failures=(figures,))
    names = _listed(placements[index].label for index in sorted(over))
    left_out = f"The budget leaves out {len(over)} of {len(asked)} placements: {names}."
    pins = [n for n in sorted(over) if pinned(placements[n].key)]
    return BudgetOutcome(
        _mark(placements, over),
        question=_question(figures, kept) if budget.on_exceed is OnExceed.ASK else "",
        warnings=(
            left_out,
            *(f"The pinned {placements[n].label} is left out: {over[n]}." for n in pins),
        ),
    )


@dataclass(frozen=True, slots=True)
class _Ranking:
    """Sorts what is rather kept first: pins, then newest, then smallest, then by the plan."""

    placements: Sequence[PlannedPlacement]
    tally: Tally
    pushed_at: Callable[[PlacementKey], datetime | None]
    pinned: Callable[[PlacementKey], bool]

    def __call__(self, index: int) -> tuple[bool, float, float, int]:
        key = self.placements[index].key
        pushed, size = self.pushed_at(key), self.tally.size(self.placements[index])
        age = math.inf if pushed is None else -pushed.timestamp()
        return (not self.pinned(key), age, math.inf if size is None else size, index)


def _question(figures: str, kept: Tally) -> str:
    fits = f"Within it: {count_images(kept.images)}, {format_size(kept.bytes)}"
    return f"{figures} {fits}. Ask for all of it nevertheless?"


def _mark(
    placements: Sequence[PlannedPlacement], over: Mapping[int, str]
) -> tuple[PlannedPlacement, ...]:
    return tuple(
        replace(planned, disposition=Disposition.OVER_BUDGET, detail=over[index])
        if index in over
        else planned
        for index, planned in enumerate(placements)
    )


def _listed(labels: Iterable[str]) -> str:
    names = tuple(dict.fromkeys(labels))
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


PART = Part("spec.budget", __name__, BudgetSpec)
