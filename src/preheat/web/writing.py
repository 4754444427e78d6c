"""Group commit: whatever has come since one batch was written is the next batch.

A commit costs nearly the same for one delivery as for a hundred, so one thread writes them all, and
no more than ten times a second. Each request waits until its own events are durable.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from preheat.errors import LedgerError, PreheatError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from preheat.event import HarborEvent
    from preheat.ledger import Received

    Receive = Callable[[Sequence[Sequence[HarborEvent]]], Sequence[Received]]

__all__ = ["InboxFullError", "InboxWriter"]

log = logging.getLogger(__name__)

_MOST_AT_ONCE = 500
_APART_SECONDS = 0.1
_CLOSING_SECONDS = 5.0


class InboxFullError(PreheatError):
    """More waits to be written than we keep."""


@dataclass(eq=False, slots=True)
class _Ticket:
    """The events of one request, and whoever waits for them."""

    events: Sequence[HarborEvent]
    loop: asyncio.AbstractEventLoop
    written: asyncio.Future[Received]

    def settle(self, outcome: Received | Exception) -> None:
        """Tell the request, in its own thread, what became of its events."""
        with suppress(RuntimeError):  # its loop was closed: nobody waits any more
            self.loop.call_soon_threadsafe(self._settle, outcome)

    def _settle(self, outcome: Received | Exception) -> None:
        if self.written.done():
            return
        if isinstance(outcome, Exception):
            self.written.set_exception(outcome)
        else:
            self.written.set_result(outcome)


class InboxWriter:
    """Writes events of many requests together.

    :param receive: keeps the events of several deliveries, all or none; blocking.
    :param most_waiting: so many events may wait; a single delivery may always.
    """

    def __init__(self, receive: Receive, *, most_waiting: int = 10_000) -> None:
        self._receive = receive
        self._most_waiting = most_waiting
        self._changed = threading.Condition()
        # By the order in which they came; whoever gives up takes his own out.
        self._tickets: dict[int, _Ticket] = {}
        self._waiting = 0
        self._is_closed = False
        self._thread: threading.Thread | None = None

    async def write(self, events: Sequence[HarborEvent], seconds: float) -> Received:
        """Give events to the writer, and wait until they are durable.

        :param seconds: how long to wait. What was not yet being written then never will be.
        :raises InboxFullError: if too many wait already.
        :raises TimeoutError: if they are not durable in time; they may still become so.
        :raises LedgerError: if the ledger fails.
        """
        loop = asyncio.get_running_loop()
        ticket = _Ticket(events, loop, loop.create_future())
        self._put(ticket)
        try:
            async with asyncio.timeout(seconds):
                return await ticket.written
        finally:
            self._take_back(ticket)

    def close(self) -> None:
        """Write what waits, for a few seconds at most, and take nothing more."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()
            thread = self._thread
        if thread is not None:
            thread.join(_CLOSING_SECONDS)

    def _put(self, ticket: _Ticket) -> None:
        with self._changed:
            if self._is_closed:
                raise InboxFullError("the API server is stopping")
            if self._waiting and self._waiting + len(ticket.events) > self._most_waiting:
                raise InboxFullError(f"{self._waiting:,} events wait to be written already")
            self._tickets[id(ticket)] = ticket
            self._waiting += len(ticket.events)
            # Made in the process that serves: it may have been forked.
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="preheat-inbox", daemon=True)
                self._thread.start()
            self._changed.notify()

    def _take_back(self, ticket: _Ticket) -> None:
        with self._changed:
            if self._tickets.pop(id(ticket), None) is not None:
                self._waiting -= len(ticket.events)

    def _run(self) -> None:
        begun = 0.0
        while self._has_more(begun + _APART_SECONDS):
            begun = time.monotonic()
            if batch := self._next():
                self._write(batch)

    def _has_more(self, not_before: float) -> bool:
        """Wait until there is something to write, and time for it; not where we stop."""
        with self._changed:
            self._changed.wait_for(lambda: self._tickets or self._is_closed)
            self._changed.wait_for(lambda: self._is_closed, max(0, not_before - time.monotonic()))
            return bool(self._tickets) or not self._is_closed

    def _next(self) -> list[_Ticket]:
        """Take the oldest tickets; none where all gave up meanwhile."""
        with self._changed:
            batch: list[_Ticket] = []
            events = 0
            for ticket in list(self._tickets.values()):
                if batch and events + len(ticket.events) > _MOST_AT_ONCE:
                    break
                batch.append(self._tickets.pop(id(ticket)))
                events += len(ticket.events)
            self._waiting -= events
            return batch

    def _write(self, batch: Sequence[_Ticket]) -> None:
        """Write a batch; where one of it cannot be written, the others still are."""
        try:
            outcomes = self._receive([ticket.events for ticket in batch])
        except LedgerError as error:
            for ticket in batch:
                ticket.settle(error)
        except Exception as error:  # noqa: BLE001 - whatever it is, somebody waits for an answer
            if len(batch) == 1:
                batch[0].settle(error)
                return
            log.debug("A batch of %d deliveries is written one by one: %s", len(batch), error)
            for ticket in batch:
                self._write([ticket])
        else:
            for ticket, outcome in zip(batch, outcomes, strict=True):
                ticket.settle(outcome)
