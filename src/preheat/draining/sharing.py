"""One run asks for so many placements of a cluster, however many policies plan in it. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from preheat.plan import Disposition

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from preheat.placement import PlacementKey
    from preheat.plan import Plan, PlannedPlacement

__all__ = ["share"]

_NEVER = datetime.min.replace(tzinfo=UTC)


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
    return [_cut(plan, room, when) for plan in plans]


def _to_ask(plan: Plan) -> list[PlannedPlacement]:
    return [p for p in plan.placements if p.disposition is Disposition.ASK]


def _cut(plan: Plan, room: dict[str, int], when: Mapping[PlacementKey, datetime]) -> Plan:
    late: set[PlacementKey] = set()
    for placement in sorted(_to_ask(plan), key=lambda p: when.get(p.key, _NEVER)):
        if room[placement.key.cluster] > 0:
            room[placement.key.cluster] -= 1
        else:
            late.add(placement.key)
    placements = tuple(
        replace(p, disposition=Disposition.NEXT_RUN, detail="this run asks for enough already")
        if p.key in late and p.disposition is Disposition.ASK
        else p
        for p in plan.placements
    )
    return replace(plan, placements=placements)
