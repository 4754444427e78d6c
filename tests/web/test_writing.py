"""Group commit: many requests, few transactions, and nobody pays for another's event."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest

from preheat.errors import LedgerError
from preheat.event import EventKind, EventSource, HarborEvent
from preheat.ledger import Ledger, Received
from preheat.web.writing import InboxFullError, InboxWriter

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path


def event(number: int, **changes: Any) -> HarborEvent:
    """Make a push; each number is another one."""
    fields = {"repository": "team/app", "digest": f"sha256:{number:064x}", "tag": f"v{number}"}
    return HarborEvent(
        "h", f"ce:{number}", EventSource.WEBHOOK, EventKind.PUSHED, **(fields | changes)
    )


class Door:
    """The ledger's inbox, with a bolt, and a count of transactions."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.batches: list[int] = []
        self.is_open = threading.Event()
        self.is_open.set()
        self.is_busy = threading.Event()

    def receive(self, deliveries: Sequence[Sequence[HarborEvent]]) -> list[Received]:
        """Wait for the bolt, then write; what is about poison breaks a whole batch."""
        self.batches.append(len(deliveries))
        self.is_busy.set()
        assert self.is_open.wait(10)
        if any(one.repository == "team/poison" for events in deliveries for one in events):
            raise ValueError("no database takes this")
        return self.ledger.inbox.receive_each(deliveries)

    def stored(self) -> set[str]:
        """Name what is in the inbox."""
        return {one.event.delivery for one in self.ledger.inbox.recent(limit=1000)}


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    """Open an empty ledger."""
    with Ledger.open(f"sqlite:///{tmp_path}/preheat.db") as ledger:
        yield Door(ledger)


async def begun(door: Door, writer: InboxWriter) -> asyncio.Task[Received]:
    """Let the writer be busy with the event 0."""
    door.is_open.clear()
    first = asyncio.create_task(writer.write([event(0)], 10))
    assert await asyncio.to_thread(door.is_busy.wait, 10)
    return first


def test_what_came_meanwhile_is_one_batch(door: Door) -> None:
    """A hundred requests, two transactions, and each is told its own."""

    async def story() -> list[Received]:
        writer = InboxWriter(door.receive)
        first = await begun(door, writer)
        others = [
            asyncio.create_task(writer.write([event(n % 80), event(1000 + n)], 10))
            for n in range(100)
        ]
        await asyncio.sleep(0.05)
        door.is_open.set()
        told = await asyncio.gather(first, *others)
        writer.close()
        return list(told)

    told = asyncio.run(story())
    assert door.batches == [1, 100]
    assert [one.new for one in told] == [1, 1, *[2] * 79, *[1] * 20]
    assert sum(one.repeated for one in told) == 21
    assert len(door.stored()) == 180


def test_a_bad_event_fails_nobody_else(door: Door) -> None:
    """The batch is written again one by one."""

    async def story() -> list[Received | BaseException]:
        writer = InboxWriter(door.receive)
        first = await begun(door, writer)
        numbers = [(1, {}), (2, {"repository": "team/poison"}), (3, {})]
        others = [writer.write([event(n, **changes)], 10) for n, changes in numbers]
        told = asyncio.gather(first, *others, return_exceptions=True)
        await asyncio.sleep(0.05)
        door.is_open.set()
        return await told

    told = asyncio.run(story())
    assert [type(one).__name__ for one in told] == [
        *("Received", "Received", "ValueError", "Received"),
    ]
    assert door.stored() == {"ce:0", "ce:1", "ce:3"}


def test_the_queue_has_an_end(door: Door) -> None:
    """Then new ones are refused at once, and those that wait are written all the same."""

    async def story() -> None:
        writer = InboxWriter(door.receive, most_waiting=3)
        first = await begun(door, writer)
        waiting = [asyncio.create_task(writer.write([event(n)], 10)) for n in (1, 2, 3)]
        await asyncio.sleep(0.05)
        with pytest.raises(InboxFullError, match="3 events wait"):
            await writer.write([event(4)], 10)
        door.is_open.set()
        await asyncio.gather(first, *waiting)
        assert (await writer.write([event(5)], 10)).new == 1

    asyncio.run(story())
    assert door.stored() == {"ce:0", "ce:1", "ce:2", "ce:3", "ce:5"}


def test_one_large_delivery_is_always_taken(door: Door) -> None:
    """Or it never would be, however often it is repeated."""

    async def story() -> Received:
        return await InboxWriter(door.receive, most_waiting=3).write(
            list(map(event, range(600))), 10
        )

    assert asyncio.run(story()).new == 600


def test_whoever_gives_up_makes_room(door: Door) -> None:
    """What was not begun is not written: it was told so, and will come again."""

    async def story() -> None:
        writer = InboxWriter(door.receive, most_waiting=2)
        first = await begun(door, writer)
        for number in (1, 2, 3, 4):
            with pytest.raises(TimeoutError):
                await writer.write([event(number)], 0.05)
        door.is_open.set()
        await first
        assert (await writer.write([event(4)], 10)).new == 1

    asyncio.run(story())
    assert door.stored() == {"ce:0", "ce:4"}


def test_a_ledger_that_fails_fails_them_all(door: Door) -> None:
    """Once, not one by one: each could wait for a database that does not answer."""
    calls = 0

    def fail(_: object) -> list[Received]:
        nonlocal calls
        calls += 1
        raise LedgerError("away")

    async def story() -> list[BaseException | Received]:
        writer = InboxWriter(fail)
        return await asyncio.gather(
            *(writer.write([event(n)], 10) for n in range(5)), return_exceptions=True
        )

    assert {str(one) for one in asyncio.run(story())} == {"away"}
    assert calls <= 2


def test_closing_writes_what_waits(door: Door) -> None:
    """The requests that wait are answered before the server stops."""

    async def story() -> None:
        writer = InboxWriter(door.receive)
        first = await begun(door, writer)
        second = asyncio.create_task(writer.write([event(1)], 10))
        await asyncio.sleep(0.05)
        closing = asyncio.create_task(asyncio.to_thread(writer.close))
        await asyncio.sleep(0.05)
        with pytest.raises(InboxFullError, match="stopping"):
            await writer.write([event(2)], 10)
        door.is_open.set()
        await asyncio.gather(first, second, closing)

    asyncio.run(story())
    assert door.stored() == {"ce:0", "ce:1"}
    InboxWriter(door.receive).close()
