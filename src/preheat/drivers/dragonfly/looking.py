"""Looks at many jobs at once, in few requests and little memory.

The manager keeps a metric for every path that it was asked for, so thousands of ids would stay in
its memory (dragonfly: manager/router/router.go): many jobs are looked at by list pages. Those bring
whole results, 5 MB each for a job over 1,000 peers (dragonfly: internal/job/types.go): where such
rows are met, the list of those that are pending, which have no result yet, tells enough.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING

from preheat.drivers.base import Job, JobState
from preheat.drivers.dragonfly.answers import Row, decode
from preheat.drivers.dragonfly.listing import PER_PAGE, Listed, rows
from preheat.drivers.dragonfly.manager import JOBS, Manager, clock_of
from preheat.drivers.dragonfly.reading import job_of, state_of
from preheat.errors import (
    AnswerTooLargeError,
    ForeignAnswerError,
    NotFoundError,
    RemoteUnavailableError,
    UnexpectedAnswerError,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from preheat.drivers.base import Timing
    from preheat.errors import RemoteError

__all__ = ["FEW", "Looks"]

FEW = 4
BY_ID = 50
PAST = 4
LIST_ROWS = 2000
REPORT_BYTES = 64 * 1024
LONG_ROWS_SECONDS = 600.0
BROKEN_PAGES = 2
BROKEN_PAGES_SECONDS = 120.0
SILENT_IDS = 2


class Looks:
    """Tells where jobs stand.

    :param manager: where they are.
    :param timing: its clock.
    """

    def __init__(self, manager: Manager, timing: Timing) -> None:
        self.manager = manager
        self.timing = timing
        self._no_pages_until = 0.0
        self._broken_pages = 0

    def one(self, job_id: int, scheduler_cluster_id: int) -> Job:
        """Read one job by its id; a vanished one has the manager's present time as creation."""
        answer = self.manager.send("GET", f"{JOBS}/{job_id}")
        if answer.status != HTTPStatus.OK:
            error = self.manager.error_of(answer)
            if not isinstance(error, NotFoundError):
                raise error
            return Job(job_id, JobState.EXPIRED, "", created_at=clock_of(answer), age_seconds=0.0)
        row = decode(answer, Row, "a job")
        if row.id != job_id:
            raise UnexpectedAnswerError(
                f"{answer.system} answered {answer.request} with job {row.id}.",
                system=answer.system,
                request=answer.request,
                status=answer.status,
            )
        return job_of(Listed(row, answer), self.timing, scheduler_cluster_id)

    def whole(self, wanted: set[int], scheduler_cluster_id: int) -> dict[int, Job]:
        """Read jobs of one cluster with all that they report, as far as lists show them."""
        return {
            listed.row.id: job_of(listed, self.timing, scheduler_cluster_id)
            for listed in _of(wanted, rows(self.manager, "preheat"))
        }

    def brief(self, jobs: Mapping[int, int]) -> dict[int, Job | RemoteError]:
        """Look at jobs, given with their clusters; see :class:`preheat.drivers.base.Driver`.

        Where whole pages cannot be answered twice in a row, one row may be to blame, and the list
        of those that are pending is tried: else all jobs would wait for that one.

        :raises RemoteError: the manager cannot be asked.
        """
        if len(jobs) <= FEW:
            return self._by_id(jobs)
        if time.monotonic() < self._no_pages_until:
            return self._by_absence(jobs)
        try:
            seen = self._by_pages(jobs)
        except AnswerTooLargeError:
            self._no_pages_until = time.monotonic() + LONG_ROWS_SECONDS
            return self._by_absence(jobs)
        except (RemoteUnavailableError, ForeignAnswerError):
            self._broken_pages += 1
            if self._broken_pages < BROKEN_PAGES:
                raise
            found = self._by_absence(jobs)
            self._no_pages_until = time.monotonic() + BROKEN_PAGES_SECONDS
            return found
        self._broken_pages = 0
        missing = sorted(jobs.keys() - seen.keys())[:BY_ID]
        return seen | self._by_id({job_id: jobs[job_id] for job_id in missing}, answers=bool(seen))

    def _by_id(
        self, jobs: Mapping[int, int], *, answers: bool = False
    ) -> dict[int, Job | RemoteError]:
        """Ask for each; one that cannot be answered is left out where others are answered.

        :param answers: whether the manager answered anything just now.
        :raises RemoteError: it answers nothing at all.
        """
        seen: dict[int, Job | RemoteError] = {}
        silent = 0
        for job_id, cluster in jobs.items():
            try:
                seen[job_id] = self.one(job_id, cluster)
            except (RemoteUnavailableError, ForeignAnswerError):
                silent += 1
                if not (answers or seen) and silent >= min(SILENT_IDS, len(jobs)):
                    raise
                if silent > SILENT_IDS:  # the others wait for their next look
                    return seen
            except UnexpectedAnswerError as error:
                seen[job_id] = error
        return seen

    def _by_pages(self, jobs: Mapping[int, int]) -> dict[int, Job | RemoteError]:
        """Read list pages; a row that cannot be read does not harm the others."""
        listing = rows(self.manager, "preheat", split=(NotFoundError,), strict=False)
        seen: dict[int, Job | RemoteError] = {}
        for listed in _of(jobs.keys(), listing):
            job_id = listed.row.id
            try:
                seen[job_id] = self._brief_of(listed, jobs[job_id])
            except UnexpectedAnswerError as error:
                seen[job_id] = error
        return seen

    def _by_absence(self, jobs: Mapping[int, int]) -> dict[int, Job | RemoteError]:
        """Tell those that still run; all others ended, or are gone: whoever wants to know asks."""
        listing = rows(self.manager, "preheat", state="PENDING", strict=False)
        running: dict[int, Job | RemoteError] = {
            listed.row.id: job_of(listed, self.timing, jobs[listed.row.id])
            for listed in _of(jobs.keys(), listing)
        }
        now = datetime.now(UTC)
        ended = {
            job_id: Job(job_id, JobState.ENDED, "", created_at=now, age_seconds=0.0)
            for job_id in jobs.keys() - running.keys()
        }
        return running | ended

    def _brief_of(self, listed: Listed, scheduler_cluster_id: int) -> Job:
        """Read a row, but not a long report: a thousand of them would fill the memory."""
        row = listed.row
        if len(row.result) <= REPORT_BYTES or state_of(listed) is JobState.RUNNING:
            return job_of(listed, self.timing, scheduler_cluster_id)
        return Job(row.id, JobState.ENDED, row.state, row.created_at, listed.age_seconds)


def _of(wanted: Iterable[int], listing: Iterable[Listed]) -> Iterable[Listed]:
    """Pick the rows that are wanted, until all were seen or the list is past the oldest."""
    left = set(wanted)
    oldest = min(left)
    most = min(LIST_ROWS, PER_PAGE * len(left))  # a page for each job is no better than its id
    past = 0
    for read, listed in enumerate(listing):
        past = past + 1 if listed.row.id < oldest else 0
        if past > PAST or read >= most:
            return
        if listed.row.id in left:
            left.remove(listed.row.id)
            yield listed
            if not left:
                return
