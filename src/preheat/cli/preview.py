"""A plan as a preview may tell it: what hangs on sizes that are not exact is told as doubtful."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from preheat.plan import Disposition
from preheat.policy.budget import OnExceed
from preheat.policy.units import format_size, tell_apart
from preheat.rendering import count_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from preheat.placement import PlacementKey
    from preheat.plan import ClusterBytes, Plan, PlannedPlacement
    from preheat.policy.budget import Budget
    from preheat.policy.engine import Evaluation

__all__ = ["Preview", "Sizes", "without_byte_limits"]

_THEN = {
    OnExceed.TRIM: "What is marked is then left out",
    OnExceed.FAIL: "The run then asks for nothing and fails",
    OnExceed.ASK: "A person is then asked",
}


@dataclass(frozen=True, slots=True)
class Sizes:
    """How well the sizes of a plan are known.

    A run reads manifests, so that a layer which images share counts once. A preview may know only
    how big each image is: then its sums are upper bounds.

    :param finer: what would tell them exactly; empty when they are exact.
    """

    finer: str = ""

    def __str__(self) -> str:
        return "upper bound" if self.finer else "exact"

    @property
    def at_most(self) -> str:
        """What stands before a sum."""
        return "at most " if self.finer else ""

    @property
    def words(self) -> str:
        """Say it to a person; nothing when they are exact."""
        if not self.finer:
            return ""
        return f"Sizes are upper bounds, a shared layer counts each time; {self.finer}."


@dataclass(frozen=True, slots=True)
class Preview:
    """One policy's plan, and what is certain of it.

    :param doubtful: placements that are over the budget only if sizes are as large as can be.
    :param doubt: whether the plan may be over its budget, in words; empty when that is certain.
    """

    evaluation: Evaluation
    plan: Plan
    sizes: Sizes
    doubtful: frozenset[PlacementKey] = field(default_factory=frozenset)
    doubt: str = ""

    def doubted(self, free: Plan, spent: Mapping[str, int]) -> Preview:
        """Tell what is over a limit of bytes as what may be so; other limits hold as they are.

        :param free: the plan without limits of bytes.
        :param spent: bytes asked of each cluster earlier in the day.
        """
        budget = self.evaluation.policy.budget
        doubtful = _over(self.plan) - _over(free)
        if budget is None or not doubtful:
            return self
        told = "; ".join((*_figures(budget, free.bytes, spent), self.sizes.finer))
        doubt = f"The plan may be over its budget: {told}. {_THEN[budget.on_exceed]}."
        plan = replace(free, warnings=(*free.warnings, doubt))
        if budget.on_exceed is OnExceed.FAIL:  # all or nothing: no placement is more doubtful
            return replace(self, plan=plan, doubt=doubt)
        marked = (self._marked(p) if p.key in doubtful else p for p in self.plan.placements)
        plan = replace(plan, placements=tuple(marked), bytes=self.plan.bytes)
        return replace(self, plan=plan, doubtful=doubtful, doubt=doubt)

    def _marked(self, planned: PlannedPlacement) -> PlannedPlacement:
        detail = f"by upper bounds of sizes, {planned.detail}; {self.sizes.finer}"
        return replace(planned, detail=detail)


def without_byte_limits(budget: Budget) -> Budget:
    """Give a budget that counts images only."""
    return replace(budget, per_run_bytes=None, per_cluster_per_day_bytes=None)


def _over(plan: Plan) -> frozenset[PlacementKey]:
    return frozenset(
        planned.key for planned in plan.placements if planned.disposition is Disposition.OVER_BUDGET
    )


def _figures(
    budget: Budget, weights: Mapping[str, ClusterBytes], spent: Mapping[str, int]
) -> Iterator[str]:
    """Name each limit that the upper bounds are over; the unknown sizes at the end."""
    total, most = sum(each.bytes for each in weights.values()), budget.per_run_bytes
    if most is not None and total > most:
        met, limit = tell_apart(total, most)
        yield f"at most {met} of {limit} a run"
    most = budget.per_cluster_per_day_bytes
    for cluster, each in sorted(weights.items()):
        earlier = spent.get(cluster, 0)
        if most is not None and earlier + each.bytes > most:
            met, limit = tell_apart(earlier + each.bytes, most)
            before = f" ({format_size(earlier)} of it earlier)" if earlier else ""
            yield f"at most {met} of {limit} a day on {cluster}{before}"
    if unknown := max((each.unknown for each in weights.values()), default=0):
        yield f"{count_of(unknown, 'image')} of unknown size"
