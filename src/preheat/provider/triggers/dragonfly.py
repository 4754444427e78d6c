"""Follow one preheat job in the triggerer, and prove its result there."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from airflow.sdk.exceptions import AirflowNotFoundException
from airflow.triggers.base import BaseTrigger, TaskSuccessEvent, TriggerEvent

from preheat.demand import Demand
from preheat.drivers.base import JobState
from preheat.errors import WAITED_OUT, InputError, PreheatError
from preheat.provider.config import open_ledger
from preheat.provider.connections import shared_connection
from preheat.provider.following import manager_of
from preheat.provider.handover import Handover
from preheat.provider.hooks.harbor import HarborHook
from preheat.provider.measuring import measure_proof
from preheat.provider.tracing import span
from preheat.proving import confirm, prove
from preheat.rendering import finding_lines
from preheat.threads import in_this_context
from preheat.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from preheat.drivers.base import Driver, Job
    from preheat.errors import RemoteError
    from preheat.harbor.client import HarborClient
    from preheat.ledger import Followed
    from preheat.provider.following import Manager
    from preheat.verdict import Finding

__all__ = ["DragonflyPreheatTrigger"]

_PAUSE_SECONDS = 10.0
_LONGEST_PAUSE_SECONDS = 60.0
_ACCEPTED = (
    "PARTIAL, which the policy accepts (onPartial: accept): this task ends well, the image is not "
    "warm, and the run's report ends skipped."
)
_random = random.SystemRandom()
_T = TypeVar("_T")


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
    :param demand: what the run wants shown before it counts as warm; "" as the latest plan says.
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
        demand: str = "",
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call] # untyped in Airflow
        self.attempt = attempt
        self.dragonfly_conn_id = dragonfly_conn_id
        self.harbor_conn_id = harbor_conn_id
        self.deadline = deadline
        self.accept_partial = accept_partial
        self.demand = demand

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
                "demand": self.demand,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Follow, prove, tell; a worker is told what went wrong, for it decides by cause."""
        try:
            handover = await self._end()
        except TimeoutError:  # the manager was silent to the deadline; the attempt stays as it is
            handover = Handover(self.attempt)
        except PreheatError as error:
            handover = Handover(self.attempt, error=error)
        except AirflowNotFoundException as error:  # somebody deleted a connection meanwhile
            handover = Handover(self.attempt, error=InputError(str(error)))
        if self._is_well(handover.verdict):
            if handover.verdict is not Verdict.WARM:
                self.log.info("%s", _ACCEPTED)
            yield TaskSuccessEvent()
        else:
            yield TriggerEvent(handover.as_data())

    async def _end(self) -> Handover:
        """Bring the attempt to its end, unless that was done already."""
        followed = await asyncio.to_thread(lambda: open_ledger().followed(self.attempt))
        settings = followed.placement.settings
        manager = manager_of(self.dragonfly_conn_id, settings.driver)
        if not followed.attempt.is_open:
            return self._handover(await self._confirm(manager, followed))
        age = followed.seconds_since_asked
        began = time.monotonic()
        while True:
            job = await self._follow(manager, followed, age)
            proof = await self._prove(manager, followed, job)
            if proof is not None:
                measure_proof(followed, proof.finding, time.monotonic() - began)
                return self._handover(proof.finding, vanished=proof.job.state.has_vanished)
            age = None

    async def _follow(self, manager: Manager, followed: Followed, age_seconds: float | None) -> Job:
        """Return the job once waiting longer changes nothing.

        :raises TimeoutError: the manager was silent to the deadline.
        """
        job_id = followed.attempt.job_id
        if job_id is None:
            message = f"attempt {self.attempt} has no job to follow"
            raise LookupError(message)
        cluster_id = followed.placement.settings.scheduler_cluster_id
        async with asyncio.timeout(self.deadline - time.time()):
            return await manager.follower.follow(
                job_id, cluster_id, age_seconds=age_seconds, tell=self._tell
            )

    def _tell(self, error: RemoteError) -> None:
        self.log.warning("%s Waiting for it.", error)

    def _demand(self, followed: Followed) -> Demand:
        return Demand.parse(self.demand) if self.demand else followed.placement.settings.demand

    async def _confirm(self, manager: Manager, followed: Followed) -> Finding | None:
        """Judge what another run's trigger found by what this run demands."""
        demand = self._demand(followed)
        found = followed.attempt.finding
        if found is None or found.proof.suffices_for(demand.mode):
            return found.under(demand) if found else None
        driver, harbor = await manager.driver(), await self._harbor()
        self.log.info("Another run needed no more than the job's report; asking the peers.")
        finding = await self._patiently(
            manager, driver, lambda: confirm(open_ledger(), driver, followed, harbor, demand)
        )
        self._say(finding)
        return finding

    async def _harbor(self) -> HarborClient:
        connection = await shared_connection(self.harbor_conn_id)
        return HarborHook(self.harbor_conn_id).client(connection)

    def _say(self, finding: Finding | None) -> None:
        for line in finding_lines(finding) if finding else ():
            self.log.info("%s", line)

    async def _prove(self, manager: Manager, followed: Followed, job: Job) -> _Proof | None:
        """Judge the job; None when it must be followed on."""
        driver, harbor = await manager.driver(), await self._harbor()
        demand = self._demand(followed)
        self.log.info("Job %d is %s (%s); proving.", job.id, job.state, job.raw_state or "not seen")
        with span("prove", cluster=followed.placement.key.cluster, job=str(job.state)) as note:
            proof = await self._patiently(
                manager, driver, lambda: _proof(driver, followed, job, harbor, demand)
            )
            if proof is not None and proof.finding is not None:
                note(verdict=proof.finding.verdict.value)
        if proof is not None:
            self._say(proof.finding)
        return proof

    async def _patiently(self, manager: Manager, driver: Driver, work: Callable[[], _T]) -> _T:
        """Prove in a thread; a manager that cannot be asked is asked again until the deadline.

        :raises TimeoutError: it could not be asked to the deadline.
        """
        longest = _PAUSE_SECONDS
        while True:
            try:
                return await self._in_thread(manager, work)
            except WAITED_OUT as error:
                self._tell(error)
                wished = getattr(error, "retry_after_seconds", None) or 0.0
            pause = longest * driver.timing.factor * _random.uniform(0.5, 1.0)
            longest = min(2 * longest, _LONGEST_PAUSE_SECONDS)
            async with asyncio.timeout(self.deadline - time.time()):
                await asyncio.sleep(wished + pause)

    async def _in_thread(self, manager: Manager, work: Callable[[], _T]) -> _T:
        """Wait for a thread no longer than to the deadline; a proof that began may end.

        :raises TimeoutError: no thread became free.
        """
        proof = manager.provers.submit(in_this_context(work))
        waiting = asyncio.wrap_future(proof)
        try:
            await asyncio.wait([waiting], timeout=max(0.0, self.deadline - time.time()))
            if not waiting.done() and proof.cancel():
                raise TimeoutError
            return await waiting
        finally:
            proof.cancel()  # one that still queues is of no use to anybody

    def _handover(self, finding: Finding | None, *, vanished: bool = False) -> Handover:
        verdict = finding.verdict if finding else Verdict.UNKNOWN
        return Handover(self.attempt, verdict, vanished=vanished)

    def _is_well(self, verdict: Verdict) -> bool:
        return verdict is Verdict.WARM or (self.accept_partial and verdict is Verdict.PARTIAL)


@dataclass(frozen=True)
class _Proof:
    """What a job left behind.

    :param finding: None when the attempt was closed without one.
    """

    job: Job
    finding: Finding | None


def _proof(
    driver: Driver, followed: Followed, job: Job, harbor: HarborClient, demand: Demand
) -> _Proof | None:
    """Judge a job, and read its report before, if it is too long to have come along.

    In one go, so that no more such reports are held than there are threads for proofs.

    :returns: None when the job still runs.
    """
    if job.state is JobState.ENDED and job.report is None:
        cluster_id = followed.placement.settings.scheduler_cluster_id
        job = driver.query([job.id], scheduler_cluster_id=cluster_id)[job.id]
        if not job.state.is_terminal:
            return None
    return _Proof(job, prove(open_ledger(), driver, followed, job, harbor, demand=demand))
