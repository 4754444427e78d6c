"""One run asks for so many placements of a cluster, however many policies plan in it. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from preheat.plan import Disposition
from preheat.policy.placing import limit_run

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from preheat.placement import PlacementKey
    from preheat.plan import Plan, PlannedPlacement

__all__ = ["share"]


def share(
    plans: Sequence[Plan], most: int, asked: Callable[[], Mapping[PlacementKey, datetime]]
) -> list[Plan]:
    """Let all plans together ask for at most ``most`` placements of each cluster.

    The others wait for a next run. What was asked for lately goes last: it may be on its way, and
    would else come first in every run, and the others in none.

    :param asked: gives when something was asked for lately; called only if that matters.
    """
    counts = Counter(p.key.cluster for plan in plans for p in _to_ask(plan))
    if not counts or max(counts.values()) <= most:
        return list(plans)
    when = asked()
    room = dict.fromkeys(counts, most)
    shared: list[Plan] = []
    for plan in plans:
        limited = replace(plan, placements=limit_run(plan.placements, most, when, room))
        for placement in _to_ask(limited):
            room[placement.key.cluster] -= 1
        shared.append(limited)
    return shared


def _to_ask(plan: Plan) -> list[PlannedPlacement]:
    return [p for p in plan.placements if p.disposition is Disposition.ASK]
