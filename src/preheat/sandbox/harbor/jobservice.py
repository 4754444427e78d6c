"""Harbor's jobservice: ten workers, a queue with delays, and the switch that stops it all."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections.abc import Callable
from typing import Final

__all__ = ["Job", "Jobservice"]

Job = Callable[[], float | None]
"""Does one attempt; gives the seconds to wait before the next, None when it is done."""

WORKERS: Final = 10
"""Harbor's default (recorded: preheat-worker-starvation)."""
_IDLE_SECONDS = 2.0


class Jobservice:
    """Runs jobs in threads that come with the work and go without it.

    Stopped, it takes nothing new and starts nothing; what is queued waits, as it does in Redis.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._queue: list[tuple[float, int, Job]] = []
        self._serial = itertools.count()
        self._workers = 0
        self._idle = 0
        self._is_closed = False
        self._is_running = True

    @property
    def is_running(self) -> bool:
        """Whether it takes new jobs."""
        return self._is_running

    @property
    def waiting(self) -> int:
        """How many jobs are queued, those that wait for their next attempt included."""
        return len(self._queue)

    def switch(self, *, on: bool) -> None:
        """Start or stop it."""
        with self._changed:
            self._is_running = on
            self._changed.notify_all()

    def close(self) -> None:
        """End the threads for good; what is queued is lost."""
        with self._changed:
            self._is_closed = True
            self._queue.clear()
            self._changed.notify_all()

    def put(self, job: Job, after: float = 0.0) -> None:
        """Queue a job, to be started in so many real seconds at the earliest."""
        with self._changed:
            if self._is_closed:
                return
            heapq.heappush(self._queue, (time.monotonic() + after, next(self._serial), job))
            busy = self._workers - self._idle
            if self._workers < min(WORKERS, busy + len(self._queue)):
                self._workers += 1
                threading.Thread(target=self._work, name="jobservice", daemon=True).start()
            self._changed.notify()

    def _work(self) -> None:
        while (job := self._next()) is not None:
            try:
                again = job()
            except BaseException:
                with self._changed:
                    self._workers -= 1
                raise
            if again is not None:
                self.put(job, again)

    def _next(self) -> Job | None:
        """Wait for a job that is due; None tells the worker to go."""
        with self._changed:
            while not self._is_closed:
                wait = _IDLE_SECONDS
                if self._queue and self._is_running:
                    wait = self._queue[0][0] - time.monotonic()
                    if wait <= 0:
                        return heapq.heappop(self._queue)[2]
                self._idle += 1
                was_told = self._changed.wait(min(wait, _IDLE_SECONDS))
                self._idle -= 1
                if not (was_told or self._queue):
                    break
            self._workers -= 1
            return None
