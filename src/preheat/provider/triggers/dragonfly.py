"""Follow one preheat job in the triggerer, and prove its result there."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowNotFoundException
from airflow.triggers.base import BaseTrigger, TaskSuccessEvent, TriggerEvent

from preheat.errors import (
    ForeignAnswerError,
    InputError,
    PreheatError,
    RateLimitedError,
    RemoteUnavailableError,
)
from preheat.provider.config import open_ledger
from preheat.provider.connections import shared_connection
from preheat.provider.handover import Handover
from preheat.provider.hooks.dragonfly import DragonflyHook
from preheat.provider.hooks.harbor import HarborHook
from preheat.proving import prove
from preheat.rendering import finding_lines
from preheat.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from preheat.drivers.base import Driver, Job
    from preheat.ledger import Followed, StoredPlacement
    from preheat.verdict import Finding

__all__ = ["DragonflyPreheatTrigger"]

_PROOFS_AT_ONCE = 8


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
        """Follow, prove, tell; a worker is told what went wrong, for it decides by cause."""
        try:
            handover = await self._end()
        except PreheatError as error:
            handover = Handover(self.attempt, error=error)
        except AirflowNotFoundException as error:  # somebody deleted a connection meanwhile
            handover = Handover(self.attempt, error=InputError(str(error)))
        if self._is_well(handover.verdict):
            yield TaskSuccessEvent()
        else:
            yield TriggerEvent(handover.as_data())

    async def _end(self) -> Handover:
        """Bring the attempt to its end, unless that was done already."""
        followed = await asyncio.to_thread(lambda: open_ledger().followed(self.attempt))
        if not followed.attempt.is_open:
            return self._handover(followed.attempt.finding)
        connection = await shared_connection(self.dragonfly_conn_id)
        driver = DragonflyHook(self.dragonfly_conn_id).driver(
            connection, name=followed.placement.settings.driver, token_worked=lambda: True
        )
        job = await self._follow(driver, followed)
        if job is None:
            return Handover(self.attempt)
        finding = await self._prove(driver, followed, job)
        return self._handover(finding, vanished=job.state.has_vanished)

    async def _follow(self, driver: Driver, followed: Followed) -> Job | None:
        """Return the job once waiting longer changes nothing; None if the manager was silent."""
        job_id = followed.attempt.job_id
        if job_id is None:
            message = f"attempt {self.attempt} has no job to follow"
            raise LookupError(message)
        while time.time() < self.deadline:
            job = await self._look(driver, followed.placement, job_id)
            if job is not None and job.state.is_terminal:
                return job
            await asyncio.sleep(_pause_seconds(driver, job))
        return None

    async def _look(self, driver: Driver, placement: StoredPlacement, job_id: int) -> Job | None:
        """Ask once where the job stands; None when the manager does not answer.

        A redirect or a page comes from a proxy, or from nobody knows whom, in the manager's place:
        the job is not touched by that, so it is waited out too.
        """
        cluster_id = placement.settings.scheduler_cluster_id
        try:
            jobs = await asyncio.to_thread(driver.query, [job_id], scheduler_cluster_id=cluster_id)
        except (RemoteUnavailableError, RateLimitedError, ForeignAnswerError) as error:
            self.log.warning("%s Waiting for it.", error)
            return None
        return jobs[job_id]

    async def _prove(self, driver: Driver, followed: Followed, job: Job) -> Finding | None:
        connection = await shared_connection(self.harbor_conn_id)
        harbor = HarborHook(self.harbor_conn_id).client(connection)
        self.log.info("Job %d is %s (%s); proving.", job.id, job.state, job.raw_state)
        finding = await asyncio.get_running_loop().run_in_executor(
            _provers(), lambda: prove(open_ledger(), driver, followed, job, harbor)
        )
        for line in finding_lines(finding) if finding else ():
            self.log.info("%s", line)
        return finding

    def _handover(self, finding: Finding | None, *, vanished: bool = False) -> Handover:
        verdict = finding.verdict if finding else Verdict.UNKNOWN
        return Handover(self.attempt, verdict, vanished=vanished)

    def _is_well(self, verdict: Verdict) -> bool:
        return verdict is Verdict.WARM or (self.accept_partial and verdict is Verdict.PARTIAL)


@cache
def _provers() -> ThreadPoolExecutor:
    """Give proofs threads of their own: one can take a minute, and the polls must not wait for it.

    Made when first needed, so never before the triggerer's fork.
    """
    return ThreadPoolExecutor(_PROOFS_AT_ONCE, thread_name_prefix="preheat-proof")


def _pause_seconds(driver: Driver, job: Job | None) -> float:
    """Wait for the manager's next look; asking in between only costs requests."""
    if job is None:
        return max(10.0 * driver.timing.factor, 0.2)
    look = driver.timing.next_look(job.age_seconds)
    if look is None:
        return max(driver.timing.lost_after - job.age_seconds, driver.timing.margin)
    return look - job.age_seconds
