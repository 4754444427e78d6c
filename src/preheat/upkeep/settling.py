"""Settling: attempts that a crash, or a person, left open come to a true end.

Dragonfly cannot cancel a job: that of a killed task, or of one that its user marked failed or
cleared, goes on. The next try joins it. Where there is no next try, nobody looks at its end any
more, and the attempt stays open: this looks. Nothing is guessed: a job that ended is proved as
ever, one whose row is gone or cannot be read is proved by asking the peers, and one that still runs
is left alone. Where the peers cannot be asked nothing was learned, and the attempt stays open.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from preheat.drivers.base import Job, JobState, Report
from preheat.errors import ForeignAnswerError, PreheatError, RemoteError, UnexpectedAnswerError
from preheat.proving import look_now, prove

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from preheat.artifact import Image
    from preheat.drivers.base import Driver
    from preheat.harbor.client import HarborClient
    from preheat.ledger import Attempt, Claim, Followed, Ledger, RunRef
    from preheat.placement import TrackSettings
    from preheat.verdict import Finding

__all__ = ["Ending", "Settled", "settle"]

# Whoever follows a job proves it within seconds of the manager's look: 450 s at the latest for one
# that ended by then. What is older and has ended is followed by nobody.
QUIET_SECONDS = 900.0
LEASE_SECONDS = 300.0
_OWNER = "upkeep"
_NO_JOB = "The POST was cut and left no job at Dragonfly, so the peers were asked."


class Ending(StrEnum):
    """What became of an open attempt."""

    PROVED = "proved"
    NEVER_ASKED = "never asked"
    RUNNING = "its job still runs"
    YOUNG = "young: left to whoever follows it"
    FAILED = "could not be looked at"


@dataclass(frozen=True, slots=True)
class Settled:
    """One attempt after the look.

    :param finding: what was counted.
    :param error: why it could not be looked at; the attempt stays open.
    """

    attempt_id: int
    placement_id: int
    ending: Ending
    finding: Finding | None = None
    error: PreheatError | None = None


def settle(
    ledger: Ledger,
    claims: Sequence[Claim],
    driver_of: Callable[[TrackSettings], Driver],
    harbor_of: Callable[[str], HarborClient],
    *,
    run: RunRef,
) -> list[Settled]:
    """Bring open attempts to their end, as far as they have one; each on its own.

    Safe beside whoever follows them: an attempt is closed once, and whoever comes second finds it
    closed.

    :param claims: open attempts, with their ages.
    :param driver_of: opens what a placement was asked from.
    :param harbor_of: opens a registry connection.
    """
    settler = _Settler(ledger, driver_of, harbor_of, run)
    jobs = settler.jobs(claims)
    return [settler.settle(claim, jobs.get(claim.attempt.id)) for claim in claims]


@dataclass(slots=True)
class _Settler:
    """One call of :func:`settle`."""

    ledger: Ledger
    driver_of: Callable[[TrackSettings], Driver]
    harbor_of: Callable[[str], HarborClient]
    run: RunRef

    def jobs(self, claims: Sequence[Claim]) -> dict[int, Job | PreheatError]:
        """Look at the jobs of all old attempts, each manager asked once: lists cost it less."""
        by_cluster: dict[tuple[str, int], list[tuple[Claim, TrackSettings]]] = defaultdict(list)
        for claim in claims:
            settings = self.ledger.placement(claim.attempt.placement_id).settings
            if claim.attempt.job_id is not None:
                place = (settings.connection, settings.scheduler_cluster_id)
                by_cluster[place].append((claim, settings))
        found: dict[int, Job | PreheatError] = {}
        for (_, cluster_id), some in by_cluster.items():
            try:
                driver = self.driver_of(some[0][1])
                old = [claim.attempt for claim, _ in some if not _is_young(claim, driver)]
                if not old:
                    continue
                looked = driver.look({attempt.job_id or 0: cluster_id for attempt in old})
                found |= {
                    attempt.id: _whole(driver, attempt, cluster_id, looked.get(attempt.job_id or 0))
                    for attempt in old
                }
            except PreheatError as error:
                found |= {claim.attempt.id: error for claim, _ in some}
        return found

    def settle(self, claim: Claim, job: Job | PreheatError | None) -> Settled:
        """Bring one attempt to its end.

        :param job: its job, as far as it was looked at.
        """
        attempt = claim.attempt
        try:
            ending, finding = self._end(claim, job)
        except PreheatError as error:
            return Settled(attempt.id, attempt.placement_id, Ending.FAILED, error=error)
        return Settled(attempt.id, attempt.placement_id, ending, finding)

    def _end(self, claim: Claim, job: Job | PreheatError | None) -> tuple[Ending, Finding | None]:
        if isinstance(job, PreheatError):
            raise job
        followed = self.ledger.followed(claim.attempt.id)
        driver = self.driver_of(followed.placement.settings)
        if job is not None:
            return self._end_of_job(driver, followed, job)
        if _is_young(claim, driver) or claim.lease_seconds_left > 0 or claim.attempt.job_id:
            return Ending.YOUNG, None
        return self._end_without_job(driver, followed, claim)

    def _end_of_job(
        self, driver: Driver, followed: Followed, job: Job
    ) -> tuple[Ending, Finding | None]:
        if not job.state.is_terminal:
            return Ending.RUNNING, None
        harbor = self.harbor_of(followed.placement.settings.registry)
        known = replace(followed, image=self._image(followed, harbor))
        return Ending.PROVED, prove(self.ledger, driver, known, job, harbor)

    def _end_without_job(
        self, driver: Driver, followed: Followed, claim: Claim
    ) -> tuple[Ending, Finding | None]:
        """Take the attempt over, so that nobody POSTs for it meanwhile, and find out what it is."""
        attempt = followed.attempt
        owner = f"{_OWNER} {uuid.uuid4().hex[:12]}"
        if not self.ledger.take_over(
            attempt, owner=owner, run=self.run, lease_seconds=LEASE_SECONDS
        ):
            return Ending.YOUNG, None
        if attempt.asked_at is None:
            words = "Whoever opened it died before anything was asked."
            self.ledger.close_unasked(attempt.id, owner=owner, words=words)
            return Ending.NEVER_ASKED, None
        try:
            return self._end_of_doubt(driver, followed, claim, owner)
        finally:
            self.ledger.release(attempt.id, owner=owner, words=attempt.words)

    def _end_of_doubt(
        self, driver: Driver, followed: Followed, claim: Claim, owner: str
    ) -> tuple[Ending, Finding | None]:
        """Look for the job of a POST that was cut; where there is none, ask the peers."""
        attempt = followed.attempt
        jobs = driver.find(attempt.nonce, max_age_seconds=claim.age_seconds + QUIET_SECONDS)
        if jobs:
            first, *twins = sorted(job.id for job in jobs)
            self.ledger.record_job(attempt.id, first)
            for twin in twins:
                self.ledger.note_twin(attempt.id, twin)
            cluster = followed.placement.settings.scheduler_cluster_id
            job = _whole(driver, replace(attempt, job_id=first), cluster, None)
            if isinstance(job, PreheatError):
                raise job
            return self._end_of_job(driver, followed, job)
        absent_after = driver.timing.absence_believed_after(driver.post_timeout_seconds)
        if (claim.seconds_since_asked or 0.0) < absent_after:
            return Ending.YOUNG, None
        # The search took its time: somebody who took the attempt over since may be POSTing.
        if not self.ledger.renew(attempt.id, owner=owner, lease_seconds=LEASE_SECONDS):
            return Ending.YOUNG, None
        finding = self._look(driver, followed)
        words = f"{_NO_JOB} {finding.words}".strip()
        is_ours = self.ledger.close_unfollowed(
            attempt.id, owner=owner, finding=finding, words=words
        )
        return (Ending.PROVED, finding) if is_ours else (Ending.YOUNG, None)

    def _look(self, driver: Driver, followed: Followed) -> Finding:
        """Judge what the peers hold now.

        :raises RemoteError: they cannot be asked: that is no finding.
        """
        placement = followed.placement
        harbor = self.harbor_of(placement.settings.registry)
        image = self._image(followed, harbor)
        return look_now(driver, placement, image, harbor, placement.settings.demand)

    def _image(self, followed: Followed, harbor: HarborClient) -> Image:
        """Give the image's blobs; the ledger has them unless it was emptied by hand."""
        if followed.image is not None:
            return followed.image
        key = followed.placement.key
        image = harbor.resolve(key.repository, key.digest, key.platform)
        self.ledger.record_image(image)
        return image


def _whole(
    driver: Driver, attempt: Attempt, cluster_id: int, seen: Job | RemoteError | None
) -> Job | RemoteError:
    """Complete what a look at many brought of one job; one that cannot be read is as good as gone.

    :param seen: a job that ended may come without its report.
    """
    job_id = attempt.job_id or 0
    is_short = isinstance(seen, Job) and seen.state is JobState.ENDED and seen.report is None
    if seen is None or is_short:
        try:
            seen = driver.query([job_id], scheduler_cluster_id=cluster_id)[job_id]
        except RemoteError as error:
            seen = error
    if isinstance(seen, UnexpectedAnswerError) and not isinstance(seen, ForeignAnswerError):
        told = Report(error=f"job {job_id} cannot be read: {seen}", names_every_host=False)
        return Job(job_id, JobState.EXPIRED, "", attempt.opened_at, 0.0, report=told)
    return seen


def _is_young(claim: Claim, driver: Driver) -> bool:
    asked = claim.seconds_since_asked
    age = claim.age_seconds if asked is None else asked
    return age < QUIET_SECONDS * driver.timing.factor
