"""When somebody is told that events wait."""

from __future__ import annotations

from preheat.ledger import DueEvents
from preheat.nudging import Nudging

NOTHING = DueEvents()


def due(oldest: int, latest: int) -> DueEvents:
    """Make events that are due, by the ids of the oldest and the newest."""
    return DueEvents(count=latest - oldest + 1, oldest_id=oldest, latest_id=latest)


def test_what_is_new_is_told_at_once_and_once() -> None:
    """A look a quarter of a second later tells nothing again."""
    nudging = Nudging()
    assert not nudging.wants(NOTHING, 0.0)
    assert nudging.wants(due(1, 1), 0.25)
    assert not nudging.wants(due(1, 1), 0.5)
    assert not nudging.wants(NOTHING, 2.0)
    assert nudging.wants(due(2, 2), 2.25)


def test_a_burst_is_told_now_and_then() -> None:
    """Whoever was told first takes up all that is there when it comes."""
    nudging = Nudging()
    told = [tick for tick in range(40) if nudging.wants(due(1, tick + 1), tick * 0.25)]
    assert told == [0, 12, 24, 36]


def test_what_still_waits_is_told_again_and_later_each_time() -> None:
    """Airflow may lose what it was told (tried: the last of five of a burst)."""
    nudging = Nudging()
    told = [second for second in range(1200) if nudging.wants(due(7, 7), float(second))]
    assert told == [0, 15, 45, 105, 225, 465, 765, 1065]


def test_the_last_of_a_burst_is_told_though_nothing_follows() -> None:
    """It came while somebody was on the way, and was not taken up."""
    nudging = Nudging()
    assert nudging.wants(due(1, 3), 0.0)
    assert not nudging.wants(due(1, 5), 0.25)
    assert nudging.wants(due(5, 5), 1.0)


def test_what_becomes_due_later_than_newer_ones_is_told_at_once() -> None:
    """A push without a tag waits for two seconds, and a deferred event for its window."""
    nudging = Nudging()
    assert nudging.wants(due(6, 6), 0.0)
    assert not nudging.wants(NOTHING, 1.0)
    assert nudging.wants(due(5, 5), 1.25)
