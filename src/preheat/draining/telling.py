"""What a plan made of the artifacts that events were about, in a few words. Pure."""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property
from typing import TYPE_CHECKING

from preheat.plan import Disposition

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from preheat.draining.places import Place
    from preheat.event import HarborEvent
    from preheat.plan import Decision, Plan, PlannedPlacement

__all__ = ["Told"]


class Told:
    """One plan, arranged by places: thousands of events may ask.

    A plan decides about what is there when it is made, not about what an event tells.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    def of(self, event: HarborEvent) -> str:
        """Say what came: ``asked for on eu-1``, ``already warm on eu-1``, ``not selected: …``."""
        place = (event.registry, event.repository)
        meant = [each for each in self._decisions.get(place, ()) if _is_meant(each, event)]
        if not meant:
            return "a part of an index, or not listed now"
        images = {decision.image for decision in meant if decision.selected}
        if not images:
            codes = dict.fromkeys(decision.reasons[0].code.value for decision in meant)
            return f"not selected: {', '.join(codes)}"
        placed = self._placements.get(place, ())
        return _where(placement for placement in placed if placement.key.digest in images)

    def is_cut(self, place: Place) -> bool:
        """Tell whether something of a repository waits for the next run."""
        placed = self._placements.get(place, ())
        return any(placement.disposition is Disposition.NEXT_RUN for placement in placed)

    @cached_property
    def _decisions(self) -> Mapping[Place, list[Decision]]:
        found: dict[Place, list[Decision]] = defaultdict(list)
        for decision in self._plan.decisions:
            found[decision.registry, decision.repository].append(decision)
        return found

    @cached_property
    def _placements(self) -> Mapping[Place, list[PlannedPlacement]]:
        found: dict[Place, list[PlannedPlacement]] = defaultdict(list)
        for placement in self._plan.placements:
            found[placement.settings.registry, placement.key.repository].append(placement)
        return found


def _where(placements: Iterable[PlannedPlacement]) -> str:
    clusters: dict[Disposition, dict[str, None]] = defaultdict(dict)
    for placement in placements:
        clusters[placement.disposition][placement.key.cluster] = None
    return "; ".join(
        f"{'asked for' if how is Disposition.ASK else how.words} on {', '.join(where)}"
        for how, where in clusters.items()
    )


def _is_meant(decision: Decision, event: HarborEvent) -> bool:
    if event.digest:
        return event.digest in {decision.digest, decision.image}
    return event.tag in decision.tags
