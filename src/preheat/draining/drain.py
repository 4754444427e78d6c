"""The drain itself: what waits, sorted by policies and places, and what becomes of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from preheat.draining.deleting import settle_deletions
from preheat.draining.evaluating import Circumstances, Evaluated, evaluate
from preheat.draining.places import Place, Places
from preheat.draining.putting_off import NEXT_RUN, again_at
from preheat.draining.sharing import share
from preheat.draining.telling import what_came
from preheat.event import EventKind
from preheat.ledger import EventOutcome, Handled
from preheat.plan import Disposition
from preheat.planning import reads_labels
from preheat.touching import touch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime

    from preheat.harbor.client import HarborClient
    from preheat.ledger import Ledger, StoredEvent
    from preheat.plan import Plan
    from preheat.planning import Answerer
    from preheat.policy.model import Clusters, Policy
    from preheat.touching import Touched

__all__ = ["Drained", "Draining"]

_LATELY = timedelta(hours=1)


@dataclass(frozen=True)
class Drained:
    """What became of the events that waited.

    :param plans: one for each policy that was touched, unless its window is closed.
    :param handled: all events; what could not be looked at is put off.
    """

    plans: tuple[Plan, ...] = ()
    handled: tuple[Handled, ...] = ()


@dataclass(frozen=True)
class Draining:
    """All that plans depend on besides the events.

    :param open_harbor: gives the client of a registry; may raise.
    :param answerer: answers the questions of plans with these clients.
    :param policies: those with events.
    :param most: placements of one cluster in one run.
    :param broken: names of policy files that cannot be read: what they would take, nobody knows.
    """

    ledger: Ledger
    open_harbor: Callable[[str], HarborClient]
    answerer: Callable[[Mapping[str, HarborClient]], Answerer]
    policies: Sequence[Policy]
    clusters: Clusters
    now: datetime
    most: int = 1024
    broken: tuple[str, ...] = ()

    def drain(self, waiting: Sequence[StoredEvent]) -> Drained:
        """Plan for all that waits; every event is taken up, put off or given up."""
        places = Places(self.open_harbor, labels=reads_labels(self.policies))
        common = Circumstances(self.ledger, self.answerer, self.clusters, self.now, self.most)
        deleted = [one for one in waiting if one.event.kind is EventKind.DELETED]
        happened = [one for one in waiting if one.event.kind is not EventKind.DELETED]
        touched = {one.id: touch(one.event, self.policies, only=one.policy) for one in happened}
        found = {
            policy.name: evaluate(policy, own, places, common)
            for policy in self.policies
            if (own := _places(policy, happened, touched))
        }
        cut = share(
            [each.plan for each in found.values()],
            self.most,
            lambda: self.ledger.asked_since(self.now - _LATELY),
        )
        found = {
            name: replace(each, plan=plan)
            for (name, each), plan in zip(found.items(), cut, strict=True)
        }
        handled = [self._handled(one, touched[one.id], found) for one in happened]
        handled += settle_deletions(self.ledger, places, deleted, self.now)
        plans = [recorded for each in found.values() if (recorded := each.recorded())]
        return Drained(tuple(plans), tuple(handled))

    def _handled(
        self, one: StoredEvent, touched: Touched, found: Mapping[str, Evaluated]
    ) -> Handled:
        """Say what becomes of an event, for each policy that it touches."""
        outcomes: list[EventOutcome] = []
        postponed: dict[str, datetime] = {}
        for policy in touched.policies:
            again, words = self._becomes(one, found[policy.name])
            if again is not None:
                postponed[policy.name] = again
                words = f"{words}; looked at again {again:%Y-%m-%d %H:%M %Z}".removeprefix("; ")
            outcomes.append(EventOutcome(policy.name, words=words))
        words = touched.words
        if not touched.policies and self.broken:
            words += f"; but {', '.join(self.broken)} cannot be read, and may take it"
            if (again := again_at(one, self.now)) is not None:
                postponed[one.policy] = again
        return Handled(one.id, tuple(outcomes), words, postponed)

    def _becomes(self, one: StoredEvent, found: Evaluated) -> tuple[datetime | None, str]:
        """Tell when a policy is to look at an event again, if it must, and why."""
        place = (one.event.registry, one.event.repository)
        if error := found.failed.get(place):
            again = again_at(one, self.now, error)
            return again, f"{error}" if again else f"given up: {error}"
        if found.plan.opens_at is not None:
            return found.plan.opens_at, "its window is closed"
        if any(
            planned.disposition is Disposition.NEXT_RUN and planned.key.repository == place[1]
            for planned in found.plan.placements
        ):
            return self.now + NEXT_RUN, "one run takes no more"
        return None, what_came(one.event, found.plan)


def _places(
    policy: Policy, happened: Iterable[StoredEvent], touched: Mapping[int, Touched]
) -> list[Place]:
    found = (
        (one.event.registry, one.event.repository)
        for one in happened
        if policy in touched[one.id].policies
    )
    return list(dict.fromkeys(found))
