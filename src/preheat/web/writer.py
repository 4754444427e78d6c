"""Writes events into the inbox for many requests at once.

Each transaction costs a wait for the disk, and on SQLite for all other writers. So what came while
one was under way goes into the next one together.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING

from preheat.errors import LedgerError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from preheat.event import HarborEvent
    from preheat.ledger import Ledger

__all__ = ["Writer"]

MOST_WAITING = 2000
_MOST_TOGETHER = 200


@dataclass(frozen=True)
class _Delivery:
    events: Sequence[HarborEvent]
    done: Future[None]


class Writer:
    """One thread that writes; made with the first delivery, so never before a fork.

    :param open_ledger: gives the ledger of this process.
    """

    def __init__(self, open_ledger: Callable[[], Ledger]) -> None:
        self._open_ledger = open_ledger
        self._waiting: queue.Queue[_Delivery] = queue.Queue(MOST_WAITING)
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    async def write(self, events: Sequence[HarborEvent], *, seconds: float) -> None:
        """Return when the events are durable.

        :param seconds: how long to wait; what takes longer may be written all the same, and the
            sender, who tells it again, is known by the delivery's name.
        :raises LedgerError: they are not, as far as we know.
        """
        self._start()
        delivery = _Delivery(events, Future())
        try:
            self._waiting.put_nowait(delivery)
        except queue.Full:
            raise LedgerError("More comes than the ledger takes.") from None
        try:
            await asyncio.wait_for(asyncio.wrap_future(delivery.done), seconds)
        except TimeoutError:
            raise LedgerError(f"The ledger did not answer within {seconds:g} s.") from None

    def _start(self) -> None:
        if self._thread is None or not self._thread.is_alive():
            with self._starting:
                if self._thread is None or not self._thread.is_alive():
                    self._thread = threading.Thread(
                        target=self._run, name="preheat-inbox", daemon=True
                    )
                    self._thread.start()

    def _run(self) -> None:
        while True:
            together = [self._waiting.get()]
            while len(together) < _MOST_TOGETHER:
                try:
                    together.append(self._waiting.get_nowait())
                except queue.Empty:
                    break
            # Nobody waits any more for what was cancelled; its sender tells it again.
            self._write([each for each in together if each.done.set_running_or_notify_cancel()])

    def _write(self, deliveries: Sequence[_Delivery]) -> None:
        events = [event for delivery in deliveries for event in delivery.events]
        try:
            if events:
                self._open_ledger().inbox.receive(events)
        except Exception as error:  # noqa: BLE001 - whatever it is, somebody waits for it
            self._fail(deliveries, error)
            return
        for delivery in deliveries:
            delivery.done.set_result(None)

    def _fail(self, deliveries: Sequence[_Delivery], error: Exception) -> None:
        """Tell one alone; of several, find out which one it was, unless the ledger is away."""
        if len(deliveries) == 1 or isinstance(error, LedgerError):
            for delivery in deliveries:
                delivery.done.set_exception(error)
            return
        for delivery in deliveries:
            self._write([delivery])
