"""What a plan made of the artifact that an event was about, in a few words. Pure."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from preheat.plan import Disposition

if TYPE_CHECKING:
    from preheat.event import HarborEvent
    from preheat.plan import Decision, Plan

__all__ = ["what_came"]


def what_came(event: HarborEvent, plan: Plan) -> str:
    """Say it: ``asked for on eu-1, us-1``, ``already warm on eu-1``, ``not selected: NOT_NEWEST``.

    A plan decides about what is there when it is made, not about what an event tells.
    """
    meant = [decision for decision in plan.decisions if _is_meant(decision, event)]
    if not meant:
        return "a part of an index, or not listed now"
    selected = [decision for decision in meant if decision.selected]
    if not selected:
        codes = dict.fromkeys(decision.reasons[0].code.value for decision in meant)
        return f"not selected: {', '.join(codes)}"
    images = {decision.image for decision in selected}
    clusters: dict[Disposition, dict[str, None]] = defaultdict(dict)
    for placement in plan.placements:
        if placement.key.repository == event.repository and placement.key.digest in images:
            clusters[placement.disposition][placement.key.cluster] = None
    return "; ".join(
        f"{'asked for' if how is Disposition.ASK else how.words} on {', '.join(where)}"
        for how, where in clusters.items()
    )


def _is_meant(decision: Decision, event: HarborEvent) -> bool:
    if (decision.registry, decision.repository) != (event.registry, event.repository):
        return False
    if event.digest:
        return event.digest in {decision.digest, decision.image}
    return event.tag in decision.tags
