"""Following: all jobs of one manager that somebody waits for, looked at together.

A manager looks at its jobs 30, 90, 210 … seconds after they were made, and shows between two looks
what it saw at the last (dragonfly: manager/service/job.go pollingJob). So nobody is asked before a
job's next look can have changed anything; jobs that are due within a few seconds of each other
share one look, which reads list pages; and a manager that does not answer is asked by one, not by
a thousand.
"""

from __future__ import annotations

import asyncio
from contextvars import Context
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from preheat.drivers.base import Job
from preheat.errors import WAITED_OUT, RemoteError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection
    from concurrent.futures import Executor

    from preheat.drivers.base import Driver, Timing

__all__ = ["Follower"]

_SPACING_MARGINS = 5.0
_PAUSE_SECONDS = 10.0
_LONGEST_PAUSE_SECONDS = 60.0
_SHORTEST_PAUSE_SECONDS = 0.2


@dataclass(eq=False)
class _Waiter:
    """Somebody who waits for a job.

    :param due: when the next look at it is worth something, by the event loop's clock.
    :param told: what it heard last of a manager that does not answer.
    """

    job_id: int
    scheduler_cluster_id: int
    due: float
    told: str = ""
    news: asyncio.Queue[Job | Exception] = field(default_factory=asyncio.Queue)


class Follower:
    """Looks at jobs for all who wait for them; lives in one event loop.

    Looks run in a thread, one at a time: neither the network nor an answer of megabytes holds the
    loop.

    :param connect: gives the driver; called for each look, so that a changed connection is seen.
    :param executor: whose threads the looks use; None for the loop's own.
    """

    def __init__(
        self, connect: Callable[[], Awaitable[Driver]], *, executor: Executor | None = None
    ) -> None:
        self.loop = asyncio.get_running_loop()
        self._connect = connect
        self._executor = executor
        self._waiters: set[_Waiter] = set()
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._factor = 1.0
        self._not_before = 0.0
        self._failures = 0

    async def follow(
        self,
        job_id: int,
        scheduler_cluster_id: int,
        *,
        age_seconds: float | None = None,
        tell: Callable[[RemoteError], None] = lambda _: None,
    ) -> Job:
        """Return the job once waiting longer changes nothing.

        It may lack its report: see :meth:`preheat.drivers.base.Driver.look`.

        :param age_seconds: how old the job is, as far as known; None looks at once.
        :param tell: is told, in the caller's own context, why the manager does not answer.
        :raises RemoteError: the job cannot be followed; waiting does not change that.
        """
        driver = await self._connect()
        pause = _first_pause(driver.timing, age_seconds)
        waiter = _Waiter(job_id, scheduler_cluster_id, self.loop.time() + pause)
        self._join(waiter)
        try:
            while True:
                news = await waiter.news.get()
                if isinstance(news, Job):
                    return news
                if not isinstance(news, WAITED_OUT):
                    raise news.with_traceback(None)  # many may raise this one
                tell(news)
        finally:
            self._waiters.discard(waiter)
            self._changed.set()

    def _join(self, waiter: _Waiter) -> None:
        self._waiters.add(waiter)
        self._changed.set()
        if self._task is None or self._task.done():
            # Not in the context of whoever came first: his log would get what concerns all.
            self._task = self.loop.create_task(self._run(), context=Context())

    async def _run(self) -> None:
        """Look whenever something is due, until nobody waits."""
        while self._waiters:
            self._changed.clear()
            pause = max(self._next_due(), self._not_before) - self.loop.time()
            if pause > 0:
                await self._sleep(pause)
                continue
            now = self.loop.time()
            due = [waiter for waiter in self._waiters if waiter.due <= now]
            try:
                await self._look(due)
            except WAITED_OUT as error:
                self._put_off(error)
            except Exception as error:  # noqa: BLE001  # whoever waits must hear of it
                self._deliver(due, error)

    def _next_due(self) -> float:
        return min(waiter.due for waiter in self._waiters)

    async def _sleep(self, seconds: float) -> None:
        """Sleep until somebody comes or goes, at the longest."""
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            return

    async def _look(self, due: Collection[_Waiter]) -> None:
        driver = await self._connect()
        self._factor = driver.timing.factor
        jobs = {waiter.job_id: waiter.scheduler_cluster_id for waiter in due}
        self._space(driver.timing)
        seen = await self.loop.run_in_executor(self._executor, driver.look, jobs)
        self._failures = 0
        self._space(driver.timing)
        for waiter in due:
            found = seen.get(waiter.job_id)
            if found is None:
                waiter.due = self._not_before
            elif isinstance(found, Job) and not found.state.is_terminal:
                waiter.due = self.loop.time() + _next_pause(driver.timing, found)
            else:
                self._deliver([waiter], found)

    def _space(self, timing: Timing) -> None:
        """Leave a few seconds between two looks, for others to become due."""
        self._not_before = self.loop.time() + _SPACING_MARGINS * timing.margin

    def _put_off(self, error: RemoteError) -> None:
        """Ask the manager again later: longer each time, or when it says so itself."""
        pause = min(_PAUSE_SECONDS * 2**self._failures, _LONGEST_PAUSE_SECONDS) * self._factor
        wished = getattr(error, "retry_after_seconds", None) or 0.0
        self._failures = min(self._failures + 1, 10)
        self._not_before = self.loop.time() + max(pause, wished, _SHORTEST_PAUSE_SECONDS)
        for waiter in self._waiters:
            if waiter.told != str(error):
                waiter.told = str(error)
                waiter.news.put_nowait(error)

    def _deliver(self, waiters: Collection[_Waiter], news: Job | Exception) -> None:
        for waiter in waiters:
            self._waiters.discard(waiter)
            waiter.news.put_nowait(news)


def _first_pause(timing: Timing, age_seconds: float | None) -> float:
    """Wait for the manager's first look; a job past that may have ended long ago."""
    if age_seconds is None:
        return 0.0
    return max(timing.looks[0] + timing.margin - age_seconds, 0.0)


def _next_pause(timing: Timing, job: Job) -> float:
    """Wait for the manager's next look; asking in between only costs requests."""
    look = timing.next_look(job.age_seconds)
    if look is None:
        return max(timing.lost_after - job.age_seconds, timing.margin)
    return look - job.age_seconds
