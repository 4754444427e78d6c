"""When a policy runs next by itself."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from croniter import CroniterBadDateError, croniter

if TYPE_CHECKING:
    from preheat.policy.model import Policy

__all__ = ["next_run", "now"]


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


def now() -> datetime:
    """Give the time; the one place of the command that looks at the clock."""
    return datetime.now(UTC)
