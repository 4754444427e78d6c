"""Asking exactly once: from a placement to one job that is followed, whatever dies in between.

Dragonfly has no idempotency key (dragonfly: manager/handlers/job.go), so the ledger says who may
POST and a nonce in the job says which attempt it belongs to.

1. One attempt of a placement is open at a time. Who opened it holds a lease that covers one POST;
   everybody else joins its job, or waits for the lease to end and takes the attempt over.
2. A POST is written down before it is sent. Once one was, its nonce is looked up before another,
   and its absence is believed only when the manager can no longer bring the row.
3. Every POST of an attempt carries the same nonce. Of two jobs with it, the lowest is followed.
4. An error that leaves :func:`ask` gives the lease back, so that the next try need not wait for
   it. Where that is impossible (a killed process, a ledger out of reach) the lease runs out.

Does not promise that Dragonfly never works twice: ``docs/crash-safety.md`` tells when it does.
"""

from __future__ import annotations

import logging
import uuid
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from time import monotonic
from typing import TYPE_CHECKING

from preheat.drivers.base import HeatRequest
from preheat.errors import (
    InputError,
    LedgerError,
    PreheatError,
    RateLimitedError,
    RemoteError,
    RemoteUnavailableError,
    UnexpectedAnswerError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pydantic import SecretStr

    from preheat.drivers.base import Driver, Job
    from preheat.ledger import Attempt, Claim, Ledger, RunRef, StoredPlacement

__all__ = ["ask"]

LOG = logging.getLogger(__name__)
LEASE_MARGIN_SECONDS = 30.0
AGE_MARGIN_SECONDS = 120.0
MAX_POSTS = 2
OWNER_LENGTH = 200


def ask(
    ledger: Ledger,
    driver: Driver,
    placement: StoredPlacement,
    *,
    owner: str,
    run: RunRef,
    authorize: Callable[[], SecretStr | None],
    wait: Callable[[float], None],
    note: str = "",
) -> Attempt:
    """Ask for a placement, or join whoever did; call it again after any error.

    The attempt that comes back has a job, and is closed already if its job was proved meanwhile.

    :param owner: who asks, for people; each call is made distinct.
    :param authorize: mints the registry authorization; called just before a POST, not when joining.
    :param wait: waits that many seconds; called only while an earlier POST is in doubt.
    :param note: free text for people who look at the vendor's console.
    :raises RemoteError: nothing is followed. A refusal closes the attempt with its words; a request
        that never arrived closes it as never asked; an attempt with a POST in doubt stays open, and
        the next call goes on with it. A job made for another cluster closes it too.
    :raises InputError: the placement itself is wrong; nothing was asked.
    :raises LedgerError: the ledger failed; what was asked is found again by its nonce.
    """
    # Two processes may call themselves the same: one of them may be a zombie.
    distinct = f"{owner[:OWNER_LENGTH]} {uuid.uuid4().hex[:12]}"
    asker = _Asker(ledger, driver, placement, distinct, run, authorize, wait, note)
    return asker.ask()


class _LeaseLostError(Exception):
    """Another asker took the attempt over: start again."""


@dataclass(slots=True)
class _Asker:
    """One call of :func:`ask`.

    :param held: the attempt whose lease may be ours.
    """

    ledger: Ledger
    driver: Driver
    placement: StoredPlacement
    owner: str
    run: RunRef
    authorize: Callable[[], SecretStr | None]
    wait: Callable[[float], None]
    note: str
    held: Attempt | None = field(default=None, init=False)
    waited: float = field(default=0.0, init=False)
    began: float = field(default_factory=monotonic, init=False)
    looked_seconds: float = field(default=0.0, init=False)

    @property
    def lease_seconds(self) -> float:
        """One POST and a margin; and a look-up that takes as long as the last one did."""
        return self.driver.post_timeout_seconds + LEASE_MARGIN_SECONDS + self.looked_seconds

    @property
    def absent_after(self) -> float:
        """Seconds after the beginning of a POST when the absence of its row is believed."""
        return self.driver.timing.absence_believed_after(self.driver.post_timeout_seconds)

    def ask(self) -> Attempt:
        try:
            while True:
                claim = self._hold_or_join()
                if claim.attempt.job_id is not None:
                    LOG.info("Joined attempt %d, job %d", claim.attempt.id, claim.attempt.job_id)
                    return claim.attempt
                self.held = claim.attempt
                with suppress(_LeaseLostError):
                    return self._drive(claim.attempt)
                self._pause(1.0, "another asker took over")
        except BaseException as error:
            self._release(error)
            raise

    def _release(self, error: BaseException) -> None:
        """Let nobody wait for us; a POST in doubt stays written down."""
        if self.held is None:
            return
        words = str(error) if isinstance(error, PreheatError) else type(error).__name__
        with suppress(LedgerError):
            self.ledger.release(self.held.id, owner=self.owner, words=words)

    def _hold_or_join(self) -> Claim:
        """Come to hold the open attempt, or to see its job.

        Whoever lost its lease looks at that very attempt: it may be proved and closed by now, and
        to open another would ask again for what is warm.
        """
        claim = self.ledger.look(self.held.id, owner=self.owner) if self.held else self._open()
        while not claim.mine and claim.attempt.job_id is None:
            if not claim.attempt.is_open:
                claim = self._open()
                continue
            if claim.lease_seconds_left > 0:
                self._pause(claim.lease_seconds_left, f"{claim.attempt.owner} is asking")
            else:
                self.ledger.take_over(
                    claim.attempt, owner=self.owner, run=self.run, lease_seconds=self.lease_seconds
                )
            claim = self.ledger.look(claim.attempt.id, owner=self.owner)
        return claim

    def _open(self) -> Claim:
        return self.ledger.open_attempt(
            self.placement.id, owner=self.owner, run=self.run, lease_seconds=self.lease_seconds
        )

    def _drive(self, attempt: Attempt) -> Attempt:
        """Bring the attempt that we hold to a job."""
        in_doubt = attempt.asked_at is not None
        absent_after = self.absent_after
        cut_posts = 0
        while True:
            if in_doubt and (jobs := self._look_up(attempt, absent_after)):
                return self._adopt(attempt, jobs)
            token = self._authorization(attempt, in_doubt=in_doubt)
            try:
                job = self._post(attempt, token, in_doubt=in_doubt)
            except RemoteError as error:
                if not error.may_have_acted:
                    raise
                cut_posts += 1
                if cut_posts == MAX_POSTS or isinstance(error, UnexpectedAnswerError):
                    return self._find_or_fail(attempt, error)
                LOG.warning("The POST is in doubt, looking for its job: %s", error)
                absent_after = self._absent_after(attempt, error)
                in_doubt = True
            else:
                return self._adopt(attempt, [job, *(self._twins(attempt) if in_doubt else ())])

    def _authorization(self, attempt: Attempt, *, in_doubt: bool) -> SecretStr | None:
        """Mint the credential; a registry that gives none puts no POST in doubt."""
        try:
            return self.authorize()
        except PreheatError as error:
            self._settle_unasked(attempt, error, in_doubt=in_doubt)
            raise

    def _post(self, attempt: Attempt, token: SecretStr | None, *, in_doubt: bool) -> Job:
        """POST once; an error that settles the attempt closes it."""
        if not self.ledger.mark_asked(
            attempt.id, owner=self.owner, lease_seconds=self.lease_seconds
        ):
            raise _LeaseLostError
        request = HeatRequest(
            key=self.placement.key,
            settings=self.placement.settings,
            nonce=attempt.nonce,
            authorization=token,
            note=self.note,
        )
        try:
            return self.driver.heat(request)
        except (RemoteError, InputError) as error:
            if _is_unasked(error):
                self._settle_unasked(attempt, error, in_doubt=in_doubt)
            elif isinstance(error, RemoteError) and not error.may_have_acted:
                self.ledger.close_unfollowed(attempt.id, owner=self.owner, words=str(error))
            raise

    def _settle_unasked(self, attempt: Attempt, error: PreheatError, *, in_doubt: bool) -> None:
        """Close an attempt of which nothing was sent; one with an earlier POST stays open."""
        if not in_doubt:
            self.ledger.close_unasked(attempt.id, owner=self.owner, words=str(error))

    def _look_up(self, attempt: Attempt, absent_after: float) -> Sequence[Job]:
        """Look for jobs of earlier POSTs until their absence can be believed; keep the lease."""
        while True:
            self._renew(attempt)
            age = self.ledger.look(attempt.id, owner=self.owner).seconds_since_asked or 0.0
            if jobs := self._find(attempt):
                return jobs
            self._renew(attempt)
            if age >= absent_after:
                return jobs
            self._pause(absent_after - age, "an earlier POST is in doubt")

    def _renew(self, attempt: Attempt) -> None:
        if not self.ledger.renew(attempt.id, owner=self.owner, lease_seconds=self.lease_seconds):
            raise _LeaseLostError

    def _find_or_fail(self, attempt: Attempt, error: RemoteError) -> Attempt:
        """Look once more; the attempt stays open for the next call if there is nothing yet."""
        if jobs := self._find(attempt):
            return self._adopt(attempt, jobs)
        raise error

    def _find(self, attempt: Attempt) -> Sequence[Job]:
        """List the jobs with our nonce; none can be older than the attempt."""
        age = self.ledger.look(attempt.id, owner=self.owner).age_seconds
        began = monotonic()
        jobs = self.driver.find(attempt.nonce, max_age_seconds=age + AGE_MARGIN_SECONDS)
        self.looked_seconds = monotonic() - began
        return jobs

    def _absent_after(self, attempt: Attempt, error: RemoteError) -> float:
        """Shorten the wait when the manager itself ended the request: no row comes after its 500.

        Only lists that are up to 30 s old can still hide it. A gateway's 502 or 504 says nothing.
        """
        if error.status != HTTPStatus.INTERNAL_SERVER_ERROR:
            return self.absent_after
        age = self.ledger.look(attempt.id, owner=self.owner).seconds_since_asked or 0.0
        return min(self.absent_after, age + self.driver.timing.absence_believed_after(0.0))

    def _twins(self, attempt: Attempt) -> Sequence[Job]:
        """Find jobs of earlier POSTs that came late; our own is known, so an error is no matter."""
        try:
            return self._find(attempt)
        except RemoteError as error:
            LOG.warning("Could not look for jobs of earlier POSTs: %s", error)
            return ()

    def _adopt(self, attempt: Attempt, jobs: Sequence[Job]) -> Attempt:
        """Follow the lowest of the jobs; note the others."""
        followed, *others = sorted({job.id for job in jobs})
        taken = self.ledger.record_job(attempt.id, followed, by=(self.run, self.placement))
        for job_id in others:
            self.ledger.note_twin(taken.id, job_id)
        LOG.info("Attempt %d (nonce %s) follows job %d", taken.id, attempt.nonce, followed)
        return self.ledger.attempt(taken.id) if others else taken

    def _pause(self, longest: float, reason: str) -> None:
        """Wait a little, within the bounds of this call."""
        elapsed = max(self.waited, monotonic() - self.began)
        if elapsed >= 2 * (self.absent_after + self.lease_seconds):
            raise RemoteUnavailableError(
                f"Placement {self.placement.id}: {reason}, for {elapsed:.0f} s now; "
                "nothing was asked by this try.",
                system=self.placement.settings.driver,
                sent=False,
            )
        self.waited += (seconds := min(longest, 5.0 * self.driver.timing.margin))
        self.wait(seconds)


def _is_unasked(error: PreheatError) -> bool:
    """Tell whether nothing was asked: the request never left, or was turned away."""
    never_left = isinstance(error, RemoteUnavailableError) and not error.sent
    return never_left or isinstance(error, RateLimitedError | InputError)
