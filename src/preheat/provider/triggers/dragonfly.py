"""Follow one preheat job in the triggerer, and prove its result there."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger, TaskSuccessEvent, TriggerEvent

from preheat.errors import RateLimitedError, RemoteUnavailableError
from preheat.provider.config import open_ledger
from preheat.provider.connections import shared_connection
from preheat.provider.hooks.dragonfly import DragonflyHook
from preheat.provider.hooks.harbor import HarborHook
from preheat.proving import prove
from preheat.rendering import finding_lines
from preheat.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from preheat.drivers.base import Driver, Job
    from preheat.ledger import Attempt, Ledger, StoredPlacement
    from preheat.verdict import Finding

__all__ = ["DragonflyPreheatTrigger"]


class DragonflyPreheatTrigger(BaseTrigger):
    """Wait until a job ends, judge what it left behind, close the attempt.

    WARM ends the task here, without a worker. Everything else goes back to a worker, because only a
    worker consults the retry policy (Airflow ends a ``TaskFailedEvent`` without it).

    Two triggerers may run one trigger for a short while: the first act is a look whether the
    attempt is closed, the last is the commit. A silent manager is waited for until the deadline.

    :param attempt: id of the open attempt in the ledger.
    :param dragonfly_conn_id: Airflow connection of the manager.
    :param harbor_conn_id: Airflow connection of the Harbor, used only if the peers must be asked.
    :param accept_partial: whether PARTIAL ends the task well.
    :param deadline: epoch seconds after which the manager's silence ends the wait.
    """

    def __init__(
        self,
        *,
        attempt: int,
        dragonfly_conn_id: str,
        harbor_conn_id: str,
        deadline: float,
        accept_partial: bool = False,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call] # untyped in Airflow
        self.attempt = attempt
        self.dragonfly_conn_id = dragonfly_conn_id
        self.harbor_conn_id = harbor_conn_id
        self.deadline = deadline
        self.accept_partial = accept_partial

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return class path and arguments; all are JSON scalars."""
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {
                "attempt": self.attempt,
                "dragonfly_conn_id": self.dragonfly_conn_id,
                "harbor_conn_id": self.harbor_conn_id,
                "deadline": self.deadline,
                "accept_partial": self.accept_partial,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Follow, prove, tell."""
        ledger = await asyncio.to_thread(open_ledger)
        attempt = await asyncio.to_thread(ledger.attempt, self.attempt)
        if attempt.closed_at is None:
            connection = await shared_connection(self.dragonfly_conn_id)
            driver = DragonflyHook(self.dragonfly_conn_id).driver(
                connection, token_worked=lambda: True
            )
            job = await self._follow(ledger, driver, attempt)
            if job is None:
                yield TriggerEvent({"attempt": self.attempt, "verdict": Verdict.UNKNOWN.value})
                return
            await self._prove(ledger, driver, attempt, job)
            attempt = await asyncio.to_thread(ledger.attempt, self.attempt)
        yield self._event(attempt)

    async def _follow(self, ledger: Ledger, driver: Driver, attempt: Attempt) -> Job | None:
        """Return the job once waiting longer changes nothing; None if the manager was silent."""
        placement = await asyncio.to_thread(ledger.placement, attempt.placement_id)
        job_id = attempt.job_id
        if job_id is None:
            message = f"attempt {attempt.id} has no job to follow"
            raise LookupError(message)
        while time.time() < self.deadline:
            job = await self._look(driver, placement, job_id)
            if job is not None and job.state.is_terminal:
                return job
            await asyncio.sleep(_pause_seconds(driver, job))
        return None

    async def _look(self, driver: Driver, placement: StoredPlacement, job_id: int) -> Job | None:
        """Ask once where the job stands; None when the manager does not answer."""
        cluster_id = placement.settings.scheduler_cluster_id
        try:
            jobs = await asyncio.to_thread(driver.query, [job_id], scheduler_cluster_id=cluster_id)
        except (RemoteUnavailableError, RateLimitedError) as error:
            self.log.warning("%s Waiting for it.", error)
            return None
        return jobs[job_id]

    async def _prove(self, ledger: Ledger, driver: Driver, attempt: Attempt, job: Job) -> None:
        connection = await shared_connection(self.harbor_conn_id)
        harbor = HarborHook(self.harbor_conn_id).client(connection)
        self.log.info("Job %d is %s (%s); proving.", job.id, job.state, job.raw_state)
        finding = await asyncio.to_thread(prove, ledger, driver, attempt, job, harbor)
        for line in finding_lines(finding):
            self.log.info("%s", line)

    def _event(self, attempt: Attempt) -> TriggerEvent:
        finding: Finding | None = attempt.finding
        verdict = finding.verdict if finding else Verdict.UNKNOWN
        if verdict is Verdict.WARM or (self.accept_partial and verdict is Verdict.PARTIAL):
            return TaskSuccessEvent()
        return TriggerEvent({"attempt": self.attempt, "verdict": verdict.value})


def _pause_seconds(driver: Driver, job: Job | None) -> float:
    """Wait for the manager's next look; asking in between only costs requests."""
    if job is None:
        return max(10.0 * driver.timing.factor, 0.2)
    look = driver.timing.next_look(job.age_seconds)
    if look is None:
        return max(driver.timing.lost_after - job.age_seconds, driver.timing.margin)
    return look - job.age_seconds
