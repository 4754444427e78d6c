"""Deletions: what was made warm of an artifact that is gone is not kept warm any more."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from preheat.draining.places import is_refusal
from preheat.draining.putting_off import again_at, put_off
from preheat.errors import PreheatError
from preheat.ledger import Handled
from preheat.rendering import count_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from preheat.draining.places import Place, Places
    from preheat.ledger import Ledger, StoredEvent

__all__ = ["settle_deletions"]


def settle_deletions(
    ledger: Ledger, places: Places, deleted: Iterable[StoredEvent], now: datetime
) -> list[Handled]:
    """Look at each repository once, and mark what is gone there.

    A place that Harbor does not show any more was deleted with its project, or is not for us to
    see: nothing is marked, and nobody asks again.
    """
    by_place: dict[Place, list[StoredEvent]] = defaultdict(list)
    for one in deleted:
        by_place[one.event.registry, one.event.repository].append(one)
    handled: list[Handled] = []
    for place, events in by_place.items():
        found = _settle(ledger, places, place)
        if isinstance(found, str):
            handled += [Handled(one.id, words=found) for one in events]
        else:
            handled += [_put_off(one, found, now) for one in events]
    return handled


def _settle(ledger: Ledger, places: Places, place: Place) -> str | PreheatError:
    """Mark what is gone of a repository; tells what came of it, or why it could not be seen."""
    stored = ledger.inbox.placements_in(*place)
    known = {placement.key.digest for placement in stored}
    if not known:
        return "nothing of this repository was made warm"
    left = places.still_has(place, known)
    if isinstance(left, PreheatError):
        return f"it cannot be looked at: {left}" if is_refusal(left) else left
    ids = [placement.id for placement in stored if placement.key.digest not in left]
    ledger.inbox.mark_deleted(ids)
    return f"{count_of(len(ids), 'placement')} of the repository marked deleted"


def _put_off(one: StoredEvent, error: PreheatError, now: datetime) -> Handled:
    again = again_at(one, now, error)
    postponed = {} if again is None else {one.policy: again}
    return Handled(one.id, words=put_off(error, again), postponed=postponed)
