"""The drain itself: what waits, sorted by policies and places, and what becomes of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from preheat.draining.deleting import settle_deletions
from preheat.draining.evaluating import Circumstances, Evaluated, evaluate
from preheat.draining.places import Place, Places
from preheat.draining.putting_off import NEXT_RUN, again_at, put_off
from preheat.draining.sharing import share
from preheat.event import EventKind
from preheat.ledger import EventOutcome, Handled
from preheat.planning import reads_labels
from preheat.touching import touch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime

    from preheat.harbor.client import HarborClient
    from preheat.ledger import StoredEvent
    from preheat.plan import Plan
    from preheat.policy.model import Policy
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
    :param policies: those with events.
    :param broken: names of policy files that cannot be read: what they would take, nobody knows.
    """

    common: Circumstances
    open_harbor: Callable[[str], HarborClient]
    policies: Sequence[Policy]
    broken: tuple[str, ...] = ()

    def drain(self, waiting: Sequence[StoredEvent]) -> Drained:
        """Plan for all that waits; every event is taken up, put off or given up."""
        places = Places(self.open_harbor, labels=reads_labels(self.policies))
        common = self.common
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
            common.most,
            lambda: common.ledger.asked_since(common.now - _LATELY),
        )
        found = {
            name: replace(each, plan=plan)
            for (name, each), plan in zip(found.items(), cut, strict=True)
        }
        handled = [self._handled(one, touched[one.id], found) for one in happened]
        handled += settle_deletions(common.ledger, places, deleted, common.now)
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
            outcomes.append(EventOutcome(policy.name, words=words))
        words = touched.words
        if not touched.policies and self.broken:
            words += f"; but {', '.join(self.broken)} cannot be read, and may take it"
            if (again := again_at(one, self.common.now)) is not None:
                postponed[one.policy] = again
        return Handled(one.id, tuple(outcomes), words, postponed)

    def _becomes(self, one: StoredEvent, found: Evaluated) -> tuple[datetime | None, str]:
        """Tell when a policy is to look at an event again, if it must, and why."""
        place = (one.event.registry, one.event.repository)
        if error := found.failed.get(place):
            again = again_at(one, self.common.now, error)
            return again, put_off(error, again)
        if (again := found.plan.opens_at) is not None:
            return again, put_off("its window is closed", again)
        if found.told.is_cut(place):
            again = self.common.now + NEXT_RUN
            return again, put_off("one run takes no more", again)
        return None, found.told.of(one.event)


def _places(
    policy: Policy, happened: Iterable[StoredEvent], touched: Mapping[int, Touched]
) -> list[Place]:
    found = (
        (one.event.registry, one.event.repository)
        for one in happened
        if policy in touched[one.id].policies
    )
    return list(dict.fromkeys(found))
