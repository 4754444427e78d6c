"""The driver itself: what ``preheat.drivers.base.Driver`` asks for, by the manager's jobs."""

from __future__ import annotations

from http import HTTPStatus
from threading import Event
from typing import TYPE_CHECKING

from preheat.drivers.base import Job, JobState
from preheat.drivers.dragonfly.answers import Row, decode
from preheat.drivers.dragonfly.check import check
from preheat.drivers.dragonfly.listing import Listed, rows
from preheat.drivers.dragonfly.manager import JOBS, Manager, clock_of
from preheat.drivers.dragonfly.proof import Proof
from preheat.drivers.dragonfly.reading import job_of
from preheat.drivers.dragonfly.request import nonce_of, preheat_body
from preheat.errors import (
    MisplacedJobError,
    NotFoundError,
    RateLimitedError,
    RefusedError,
    RemoteError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from pydantic import SecretStr

    from preheat.checks import CheckReport
    from preheat.drivers.base import HeatRequest, Report, Timing
    from preheat.transport import Transport

__all__ = ["DragonflyDriver"]

FEW = 4
LIST_ROWS = 2000
TWIN_SECONDS = 600.0


class DragonflyDriver:
    """Heats images through one Dragonfly manager and reads what its peers report.

    Safe to share between threads. Holds no state of jobs.

    :param transport: to the manager's REST address.
    :param token: personal access token with the scopes ``job`` and, for clear messages,
        ``cluster``.
    :param timing: the manager's clock.
    :param post_timeout_seconds: how long creating a job may take in all.
    :param console_url: where people see the console, if not at the manager's own address.
    :param token_worked: tells whether this token is known to be good: a 401 is then worth a repeat.
    :param wait: how ``verify`` pauses while it asks for blobs one by one.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        token: SecretStr,
        timing: Timing,
        post_timeout_seconds: float = 120,
        console_url: str = "",
        token_worked: Callable[[], bool] = lambda: False,
        wait: Callable[[float], object] | None = None,
    ) -> None:
        self.timing = timing
        self.post_timeout_seconds = post_timeout_seconds
        self.console_url = (console_url or transport.base_url).rstrip("/")
        self.manager = Manager(
            transport,
            token,
            post_timeout_seconds=post_timeout_seconds,
            token_worked=token_worked,
        )
        self.proof = Proof(self.manager, timing, wait=wait or Event().wait)

    def check(self) -> CheckReport:
        """Try the connection: manager, token, clusters, version; reports, never raises."""
        return check(self.manager)

    def heat(self, request: HeatRequest) -> Job:
        """Create one preheat job for one scheduler cluster.

        Not idempotent: after any error with ``sent`` look for the nonce before asking again.

        :raises ProblemsError: the request itself is wrong; nothing was sent.
        :raises RefusedError: the manager or the registry said no; ``words`` holds theirs.
        :raises RateLimitedError: too many jobs a second.
        :raises RemoteUnavailableError: no answer, or one that says to come back.
        :raises MisplacedJobError: the job that was made is for other clusters.
        :raises UnexpectedAnswerError: a job of another kind came back; it may run.
        """
        body = preheat_body(request)
        asked = request.settings.scheduler_cluster_id
        try:
            answer = self.manager.post(body)
        except RateLimitedError as error:
            raise self._too_many(error, asked) from None
        row = decode(answer, Row, "a job")
        got = sorted(cluster.id for cluster in row.scheduler_clusters or ())
        if got != [asked]:
            raise MisplacedJobError(
                f"Dragonfly made job {row.id} for scheduler clusters {got} instead of [{asked}].",
                system=answer.system,
                request=answer.request,
                status=answer.status,
                words=f"scheduler_clusters {got}",
            )
        return job_of(Listed(row, answer), self.timing, asked)

    def query(self, job_ids: Iterable[int], *, scheduler_cluster_id: int) -> Mapping[int, Job]:
        """Read where jobs stand: a few by id, many by list pages, which cost the manager less.

        The manager keeps a metric for every path it was asked, so thousands of ids would stay in
        its memory (dragonfly: manager/router/router.go). A job that is in no page is asked for by
        its id before it is called EXPIRED. An expired job has the manager's present time as
        ``created_at``.

        :raises RemoteError: the manager cannot be asked, or a row is not what the contract says.
        """
        wanted = set(job_ids)
        listed = self._listed(wanted) if len(wanted) > FEW else {}
        jobs = {
            job_id: job_of(found, self.timing, scheduler_cluster_id)
            for job_id, found in listed.items()
        }
        for job_id in sorted(wanted - jobs.keys()):
            jobs[job_id] = self._one(job_id, scheduler_cluster_id)
        return jobs

    def find(self, nonce: str, *, max_age_seconds: float | None = None) -> Sequence[Job]:
        """Look through the list for jobs whose ``bio`` starts with this nonce, lowest id first.

        The manager cannot filter by ``bio`` (recorded list-filter-bio-ignored). Stops at rows older
        than ``max_age_seconds``, ten minutes below a job that was found, or at the list's end.
        """
        found: dict[int, Job] = {}
        oldest = float("inf") if max_age_seconds is None else max_age_seconds
        for listed in rows(self.manager, "preheat"):
            if listed.age_seconds > oldest:
                break
            if nonce_of(listed.row.bio) == nonce:
                found[listed.row.id] = job_of(listed, self.timing)
                oldest = min(oldest, listed.age_seconds + self.post_timeout_seconds + TWIN_SECONDS)
        return [found[job_id] for job_id in sorted(found)]

    def verify(self, request: HeatRequest, digests: Sequence[str]) -> Report:
        """Ask the peers which finished copies of these blobs they hold now, seeds included.

        Takes about 3 s; 30 s more when the quick way leaves blobs out. A host that holds nothing at
        all is not named. Credentials go along because the manager resolves the image once more.

        :raises RemoteError: the manager cannot be asked.
        """
        return self.proof.report(request, digests)

    def job_url(self, job_id: int) -> str:
        """Link to the job's page in the console (dragonflyoss/console: src/layouts/main.tsx)."""
        return f"{self.console_url}/jobs/preheats/{job_id}"

    def _listed(self, wanted: set[int]) -> dict[int, Listed]:
        """Read list pages until all are found or the pages are past the oldest."""
        found: dict[int, Listed] = {}
        oldest = min(wanted)
        older = 0
        for read, listed in enumerate(rows(self.manager, "preheat")):
            job_id = listed.row.id
            older = older + 1 if job_id < oldest else 0
            if older > FEW or read >= LIST_ROWS:
                break
            if job_id in wanted:
                found[job_id] = listed
                if len(found) == len(wanted):
                    break
        return found

    def _one(self, job_id: int, scheduler_cluster_id: int) -> Job:
        answer = self.manager.send("GET", f"{JOBS}/{job_id}")
        if answer.status != HTTPStatus.OK:
            error = self.manager.error_of(answer)
            if not isinstance(error, NotFoundError):
                raise error
            return Job(job_id, JobState.EXPIRED, "", created_at=clock_of(answer), age_seconds=0.0)
        return job_of(
            Listed(decode(answer, Row, "a job"), answer), self.timing, scheduler_cluster_id
        )

    def _too_many(self, error: RateLimitedError, asked: int) -> RemoteError:
        """Find out what a 429 meant: the manager answers it for an unknown cluster too."""
        try:
            clusters = {
                cluster.scheduler_cluster_id: cluster for cluster in self.manager.clusters()
            }
        except RemoteError:
            return error
        if asked in clusters:
            return error
        known = ", ".join(f"{number} {clusters[number].name}" for number in sorted(clusters))
        return RefusedError(
            f"Dragonfly has no scheduler cluster {asked}: it answered {error.request} with 429. "
            f"It has: {known or 'none'}.",
            system=error.system,
            request=error.request,
            status=error.status,
            words=error.words,
        )
