"""The ledger: can it be reached, is it current, does its clock agree, is anything left open."""

from __future__ import annotations

from typing import TYPE_CHECKING

from preheat.doctor.observations import Observation, State
from preheat.errors import PreheatError
from preheat.rendering import count_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from preheat.ledger import Ledger, LedgerStatus

__all__ = ["observe"]

_ABOUT = "ledger"
_SKEW_SECONDS = 30.0
_LEFT_SECONDS = 2 * 3600.0
_WAITING_SECONDS = 600.0


def observe(ledger: Ledger | PreheatError, now: Callable[[], datetime]) -> Iterator[Observation]:
    """Look at the database.

    :raises PreheatError: when it cannot be reached.
    """
    if isinstance(ledger, PreheatError):
        raise ledger
    status = ledger.status()
    yield _revision(status)
    if not status.is_current:
        return
    asked = now()
    theirs = ledger.upkeep.now()
    yield _clock((theirs - asked - (now() - asked) / 2).total_seconds())
    yield _open_attempts(ledger)
    yield _waiting_events(ledger, theirs)


def _revision(status: LedgerStatus) -> Observation:
    if status.is_current:
        rows = status.rows
        plans, placements = (count_of(rows[name], name) for name in ("plan", "placement"))
        detail = f"{status.url}, current; {plans}, {placements}"
        return Observation(_ABOUT, "database", State.OK, detail)
    stands = f"is at revision {status.revision}" if status.revision else "holds no tables yet"
    detail = f"{status.url} {stands}, this Preheat needs {status.head}"
    if status.url.startswith("sqlite"):
        return Observation(_ABOUT, "database", State.LOOK, detail, "the next run updates it itself")
    advice = "run `preheat ledger upgrade` with the same URL"
    return Observation(_ABOUT, "database", State.WRONG, detail, advice)


def _clock(skew: float) -> Observation:
    """Leases go by the database's clock alone; only times shown to people are off by this."""
    detail = f"its clock is {abs(skew):.1f} s {'ahead of' if skew > 0 else 'behind'} ours"
    if abs(skew) <= _SKEW_SECONDS:
        return Observation(_ABOUT, "clock", State.OK, detail)
    advice = "synchronise the clocks (NTP): freshFor and keepWarm are wrong by that much"
    return Observation(_ABOUT, "clock", State.LOOK, detail, advice)


def _waiting_events(ledger: Ledger, now: datetime) -> Observation:
    due = ledger.inbox.due()
    since = due.oldest_received_at
    if since is None or (now - since).total_seconds() < _WAITING_SECONDS:
        detail = f"{count_of(due.count, 'event')} wait to be taken up"
        return Observation(_ABOUT, "events", State.OK, detail)
    detail = f"{count_of(due.count, 'event')} wait, the first since {since:%Y-%m-%d %H:%M %Z}"
    advice = (
        "see that preheat_events is not paused and its runs are green; it exists for policies with "
        "triggers.events: where there are none, `preheat harbor webhook remove` ends the webhooks"
    )
    return Observation(_ABOUT, "events", State.LOOK, detail, advice)


def _open_attempts(ledger: Ledger) -> Observation:
    claims = ledger.upkeep.open_attempts()
    left = [claim for claim in claims if claim.age_seconds > _LEFT_SECONDS]
    if not left:
        detail = f"{len(claims)} open, none of them old"
        return Observation(_ABOUT, "attempts", State.OK, detail)
    detail = f"{len(left)} of {len(claims)} open attempts are older than two hours"
    advice = "let preheat_upkeep run: it asks what became of them and closes them"
    return Observation(_ABOUT, "attempts", State.LOOK, detail, advice)
