"""Moments: the one that a person names, and when a policy runs next by itself."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from croniter import CroniterBadDateError, croniter

from preheat.cli.console import stderr
from preheat.errors import InputError

if TYPE_CHECKING:
    from preheat.policy.model import Policy

__all__ = ["event_words", "moment", "next_run", "now"]


def now() -> datetime:
    """Give the time; the one place of the command that looks at the clock."""
    return datetime.now(UTC)


def moment(text: str) -> datetime:
    """Read a time in ISO form; empty means now.

    :raises InputError: for anything else.
    """
    if not text:
        return now()
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise InputError(
            f"--at {text!r} is not a time: write 2026-11-24T12:00+01:00, or a date."
        ) from None
    if found.tzinfo is None:
        stderr().print(f"--at {text} names no time zone: it is taken as UTC.", style="yellow")
        return found.replace(tzinfo=UTC)
    return found


def event_words(policy: Policy) -> str:
    """Say on which events a policy runs: ``on pushed and signed``; "" if on none, or suspended."""
    if policy.suspend or not policy.events:
        return ""
    *names, last = [event.value for event in policy.events]
    return f"on {', '.join(names)} and {last}" if names else f"on {last}"


def next_run(policy: Policy, after: datetime) -> datetime | None:
    """Give the next scheduled time, in the schedule's own zone; None when there is none.

    :param after: an aware time.
    """
    if policy.suspend or policy.schedule is None:
        return None
    start = after.astimezone(ZoneInfo(policy.schedule.timezone))
    try:
        found = croniter(policy.schedule.cron, start).get_next(datetime)
    except CroniterBadDateError:  # such as 30 February
        return None
    return found if isinstance(found, datetime) else None
