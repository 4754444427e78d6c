"""What goes into the inbox and comes out of it, as values.

Times are aware UTC datetimes by the database's clock, but for an event's own ``occurred_at``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from preheat.event import EventSource, HarborEvent

__all__ = [
    "DueEvents",
    "EventOutcome",
    "Glimpse",
    "Handled",
    "IgnoredEvents",
    "Received",
    "StoredEvent",
]


@dataclass(frozen=True, slots=True)
class Received:
    """What became of the events that were handed in.

    :param new: those that wait in the inbox now.
    :param repeated: those that the inbox knew, told before by the same way or by another.
    :param ignored: those that nothing listens to, which were only counted.
    """

    new: int = 0
    repeated: int = 0
    ignored: int = 0

    def __add__(self, other: Received) -> Received:
        return Received(
            self.new + other.new, self.repeated + other.repeated, self.ignored + other.ignored
        )


@dataclass(frozen=True, slots=True)
class DueEvents:
    """The events that somebody should take up now.

    :param oldest_id: and ``latest_id``: the ends of their ids; 0 where there is none.
    :param oldest_received_at: since when somebody should; None where there is none.
    """

    count: int = 0
    oldest_id: int = 0
    latest_id: int = 0
    oldest_received_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class EventOutcome:
    """What one policy made of an event.

    :param words: what there is to say besides, such as why it waits.
    :param plan_id: the plan that it led to; None without one. Filled in when it is recorded.
    """

    policy: str
    words: str = ""
    plan_id: int | None = None


@dataclass(frozen=True, slots=True)
class Handled:
    """That a run has taken up an event.

    :param outcomes: one for each policy that the event touched.
    :param words: why no policy ran; "" where one did.
    :param postponed: policies that are to look at it again, and when.
    """

    event_id: int
    outcomes: tuple[EventOutcome, ...] = ()
    words: str = ""
    postponed: Mapping[str, datetime] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event in the inbox, and what came of it.

    :param due_at: from when on somebody should take it up.
    :param repeats: how often a webhook told it again.
    :param also: the other ways by which it was told.
    :param policy: the one policy for which it waits; "" for all.
    :param handled_at: None while it waits.
    :param dag_id: and ``run_id``: the run that took it up; "" while it waits.
    :param words: why no policy ran.
    """

    id: int
    event: HarborEvent
    received_at: datetime
    due_at: datetime
    repeats: int = 0
    also: tuple[EventSource, ...] = ()
    policy: str = ""
    handled_at: datetime | None = None
    dag_id: str = ""
    run_id: str = ""
    outcomes: tuple[EventOutcome, ...] = ()
    words: str = ""

    @property
    def sources(self) -> tuple[EventSource, ...]:
        """All ways by which it was told, the first one first."""
        return (self.event.source, *self.also)


@dataclass(frozen=True, slots=True)
class Glimpse:
    """What a sweep saw of a repository.

    :param fingerprint: at most 64 characters; another one means that something changed.
    :param content: what is to be compared with next time, as plain data.
    """

    repository: str
    fingerprint: str
    content: Any = None


@dataclass(frozen=True, slots=True)
class IgnoredEvents:
    """How often a Harbor told what nothing listens to.

    :param type: Harbor's own word.
    """

    registry: str
    type: str
    count: int
    last_at: datetime
