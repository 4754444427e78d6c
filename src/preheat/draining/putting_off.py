"""When an event is looked at again that could not be looked at, or not acted on, now. Pure."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from preheat.draining.places import is_refusal

if TYPE_CHECKING:
    from datetime import datetime

    from preheat.errors import PreheatError
    from preheat.ledger import StoredEvent

__all__ = ["NEXT_RUN", "again_at", "put_off"]

NEXT_RUN = timedelta(minutes=2)
_SHORTEST = timedelta(minutes=1)
_LONGEST = timedelta(hours=1)
_REFUSED_FOR = timedelta(days=1)
_TRIED_FOR = timedelta(days=7)


def again_at(one: StoredEvent, now: datetime, error: PreheatError | None = None) -> datetime | None:
    """Tell when to look again: ever later, as the event ages; None when it has become too old.

    What Harbor does not show may be a project that is gone, or one that the robot is to see soon;
    after a day it is neither. All else is tried for a week: then schedules have found it, or
    nobody minds.

    :param error: why it could not be looked at.
    """
    age = max(now - (one.event.occurred_at or one.received_at), timedelta())
    if age > (_REFUSED_FOR if error is not None and is_refusal(error) else _TRIED_FOR):
        return None
    return now + min(max(age / 2, _SHORTEST), _LONGEST)


def put_off(why: object, again: datetime | None) -> str:
    """Say that an event is looked at again, and when; or that it is not any more."""
    return f"{why}; looked at again {again:%Y-%m-%d %H:%M %Z}" if again else f"given up: {why}"
