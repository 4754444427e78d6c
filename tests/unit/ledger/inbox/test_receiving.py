"""Receiving: what is told twice is there once, and nothing that is told stops the rest."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy.event import listen, remove

from preheat.event import EventKind, EventSource
from preheat.ledger import Ledger, Received

if TYPE_CHECKING:
    from collections.abc import Callable

    from preheat.event import HarborEvent

    Pushed = Callable[..., HarborEvent]


def test_an_event_comes_back_as_it_was_told(ledger: Ledger, pushed: Pushed) -> None:
    """Every field, with the database's time beside Harbor's."""
    event = pushed()
    before = ledger.upkeep.now()

    assert ledger.inbox.receive([event]) == Received(new=1)

    (one,) = ledger.inbox.recent()
    assert one.event == event
    assert before <= one.received_at == one.due_at <= ledger.upkeep.now()
    assert (one.repeats, one.also, one.handled_at, one.outcomes) == (0, (), None, ())


def test_the_same_delivery_again_is_counted(ledger: Ledger, pushed: Pushed) -> None:
    """Harbor tries three times, with the same id (recorded: webhook-retries)."""
    ledger.inbox.receive([pushed()])

    assert ledger.inbox.receive([pushed()]) == Received(repeated=1)
    assert ledger.inbox.receive([pushed(), pushed("ce:2"), pushed()]) == Received(1, 2)

    assert [one.repeats for one in ledger.inbox.recent()] == [3, 0]


def test_one_batch_may_hold_a_delivery_several_times(ledger: Ledger, pushed: Pushed) -> None:
    """The first of them makes the row."""
    assert ledger.inbox.receive([pushed(), pushed(tag="2.0"), pushed()]) == Received(1, 2)

    (one,) = ledger.inbox.recent()
    assert (one.event.tag, one.repeats) == ("1.0", 2)


def test_two_harbors_may_use_the_same_names(ledger: Ledger, pushed: Pushed) -> None:
    """A delivery is one of its registry."""
    assert ledger.inbox.receive([pushed(), pushed(registry="harbor_us")]) == Received(new=2)


def test_what_nothing_listens_to_is_counted_only(ledger: Ledger, pushed: Pushed) -> None:
    """Pulls come by the thousand; each push of Preheat's own makes some."""
    pull = pushed("ce:1", kind=EventKind.OTHER, type="PULL_ARTIFACT")
    quota = pushed("ce:2", kind=EventKind.OTHER, type="QUOTA_WARNING", repository="")

    assert ledger.inbox.receive([pull, pull, quota, pushed("ce:3")]) == Received(1, 0, 3)
    ledger.inbox.receive([pull])

    assert len(ledger.inbox.recent()) == 1
    counts = {one.type: one.count for one in ledger.inbox.ignored()}
    assert counts == {"PULL_ARTIFACT": 3, "QUOTA_WARNING": 1}
    assert ledger.inbox.ignored("harbor_us") == []


@pytest.mark.parametrize(
    "change",
    [
        {"delivery": "ce:" + "d" * 5000},
        {"repository": "library/" + "r" * 5000},
        {"digest": "sha256:" + "0" * 5000},
        {"tag": "\x00'; DROP TABLE event; --{{ macros }}"},
        {"operator": "half of a pair: \ud800"},
        {"type": "\U0001f525" * 5000},
        {"repository": "\U0001f525" * 5000, "registry": "\U0001f525" * 5000},
    ],
)
def test_no_text_stops_the_events_beside_it(
    ledger: Ledger, pushed: Pushed, change: dict[str, str]
) -> None:
    """Whoever knows the token may send anything; it is kept as text, cut to its column."""
    odd = pushed(**{"delivery": "ce:1", **change})

    assert ledger.inbox.receive([odd, pushed("ce:2", repository="library/db")]) == Received(new=2)
    assert ledger.inbox.receive([odd]) == Received(repeated=1)


def test_two_long_names_that_begin_alike_are_two(ledger: Ledger, pushed: Pushed) -> None:
    """A name that does not fit is not cut but digested."""
    long = "ce:" + "d" * 500

    assert ledger.inbox.receive([pushed(f"{long}1"), pushed(f"{long}2")]) == Received(new=2)


def test_what_was_read_is_noted_with_what_it_brought(ledger: Ledger, pushed: Pushed) -> None:
    """A crash between the two would lose events, or tell them for ever."""
    assert ledger.inbox.cursor("audit:harbor_default") is None

    ledger.inbox.receive([pushed()], cursor=("audit:harbor_default", "2026-11-24T12:00:00+00:00"))
    ledger.inbox.receive([], cursor=("audit:harbor_default", {"last": 7}))

    assert ledger.inbox.cursor("audit:harbor_default") == {"last": 7}
    ledger.inbox.save_cursor("audit:harbor_default", None)
    assert ledger.inbox.cursor("audit:harbor_default") is None


def test_what_cannot_be_written_leaves_no_trace(ledger: Ledger, pushed: Pushed) -> None:
    """Neither rows nor progress: whoever tells it tells it all again."""
    naive = pushed("ce:2").occurred_at.replace(tzinfo=None)  # type: ignore[union-attr] # it has one

    with pytest.raises(Exception, match="without an offset"):
        ledger.inbox.receive(
            [pushed(), pushed("ce:2", repository="a/b", occurred_at=naive)], cursor=("audit", 1)
        )

    assert ledger.inbox.recent() == []
    assert ledger.inbox.cursor("audit") is None


def _together(count: int, work: Callable[[int], object]) -> list[object]:
    """Run the same work in threads that begin at the same moment."""
    barrier = Barrier(count)

    def one(number: int) -> object:
        barrier.wait(30)
        return work(number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))


def test_of_many_that_tell_the_same_at_once_one_is_first(
    ledger: Ledger, url: str, pushed: Pushed
) -> None:
    """Several processes receive; a batch comes to two of them in another order."""
    batch = [pushed(f"ce:{number}", repository=f"library/{number}") for number in range(50)]

    def receive(number: int) -> Received:
        with Ledger.at(url) as own:
            return own.inbox.receive(batch if number % 2 else batch[::-1])

    found = [one for one in _together(6, receive) if isinstance(one, Received)]

    assert sum(one.new for one in found) == 50
    assert sum(one.repeated for one in found) == 250
    assert {one.repeats for one in ledger.inbox.recent()} == {5}


def test_two_ways_that_tell_at_once_find_each_other(
    ledger: Ledger, url: str, pushed: Pushed
) -> None:
    """The webhook comes while the audit log is read."""
    ways = (EventSource.WEBHOOK, EventSource.AUDIT)

    def receive(number: int) -> None:
        with Ledger.at(url) as own:
            for part in range(20):
                name, place = f"{number}:{part}", f"library/{part}"
                own.inbox.receive([pushed(name, source=ways[number], repository=place)])

    _together(2, receive)

    assert [set(one.sources) for one in ledger.inbox.recent()] == [set(ways)] * 20


def test_a_batch_takes_a_few_statements_that_scan_nothing(ledger: Ledger, pushed: Pushed) -> None:
    """Two hundred deliveries a second come beside everything else that writes."""
    first = [pushed(f"ce:{n}", digest=f"sha256:{n:064x}", tag=str(n)) for n in range(100)]
    ledger.inbox.receive(first)
    swept = [replace(e, source=EventSource.SWEEP, delivery=f"sweep:{e.tag}") for e in first]
    ran: list[tuple[str, Any]] = []

    def note(*arguments: Any) -> None:
        ran.append((arguments[2], arguments[3]))

    listen(ledger._engine, "before_cursor_execute", note)
    assert ledger.inbox.receive(swept) == Received(repeated=100)
    ledger.inbox.due("harbor_default")
    remove(ledger._engine, "before_cursor_execute", note)

    assert len(ran) < 15
    if ledger._engine.dialect.name == "sqlite":
        with ledger._engine.connect() as connection:
            plans = [
                row.detail
                for statement, values in ran
                if statement.startswith("SELECT event")
                for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
            ]
        assert len([line for line in plans if line.startswith("SEARCH event USING")]) >= 3
        assert [line for line in plans if "SCAN event" in line] == []


def test_ids_come_into_sight_in_their_order(ledger: Ledger, url: str, pushed: Pushed) -> None:
    """Whoever asks for what came after the last id that it saw misses nothing."""
    seen: list[int] = []

    def receive(number: int) -> None:
        if number:
            for part in range(20):
                with Ledger.at(url) as own:
                    name = f"ce:{number}:{part}"
                    own.inbox.receive([pushed(name, repository=f"library/{name}")])
            return
        while len(seen) < 80:
            new = ledger.inbox.recent(after_id=seen[-1] if seen else 0)
            seen.extend(one.id for one in new)

    _together(5, receive)

    assert len(seen) == 80
    assert seen == sorted(seen)
