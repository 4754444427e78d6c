"""The driver itself: what ``preheat.drivers.base.Driver`` asks for, by the manager's jobs."""

from __future__ import annotations

from threading import Event
from typing import TYPE_CHECKING

from preheat.drivers.dragonfly.answers import Row, decode
from preheat.drivers.dragonfly.check import check
from preheat.drivers.dragonfly.clustercheck import check_cluster
from preheat.drivers.dragonfly.listing import Listed, rows
from preheat.drivers.dragonfly.looking import FEW, Looks
from preheat.drivers.dragonfly.manager import Manager
from preheat.drivers.dragonfly.pacing import paced_post
from preheat.drivers.dragonfly.proof import Proof
from preheat.drivers.dragonfly.reading import job_of
from preheat.drivers.dragonfly.request import nonce_of, preheat_body
from preheat.errors import (
    MisplacedJobError,
    RateLimitedError,
    RefusedError,
    RemoteError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from pydantic import SecretStr

    from preheat.checks import CheckReport
    from preheat.drivers.base import HeatRequest, Job, Report, Timing
    from preheat.transport import Transport

__all__ = ["DragonflyDriver"]

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
    :param wait: how it pauses while it asks for blobs one by one, and where the manager turns a job
        away because of its rate limit.
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
        self.looks = Looks(self.manager, timing)
        self.wait = wait or Event().wait
        self.proof = Proof(self.manager, timing, wait=self.wait)

    def check(self) -> CheckReport:
        """Try the connection: manager, token, clusters, version; reports, never raises."""
        return check(self.manager)

    def check_cluster(self, scheduler_cluster_id: int, *, at_once: int) -> CheckReport:
        """Look at one cluster; leaves one job behind that heats nothing. Never raises."""
        return check_cluster(self.manager, scheduler_cluster_id, at_once=at_once, wait=self.wait)

    def heat(self, request: HeatRequest) -> Job:
        """Create one preheat job for one scheduler cluster.

        Not idempotent: after any error with ``sent`` look for the nonce before asking again.

        :raises ProblemsError: the request itself is wrong; nothing was sent.
        :raises RefusedError: the manager or the registry said no; ``words`` holds theirs.
        :raises RateLimitedError: too many jobs a second, for half a minute.
        :raises RemoteUnavailableError: no answer, or one that says to come back.
        :raises MisplacedJobError: the job that was made is for other clusters.
        :raises UnexpectedAnswerError: a job of another kind came back; it may run.
        """
        body = preheat_body(request)
        asked = request.settings.scheduler_cluster_id
        answer = paced_post(
            self.manager,
            body,
            wait=self.wait,
            explain=lambda error: self._too_many(error, asked),
        )
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
        jobs = self.looks.whole(wanted, scheduler_cluster_id) if len(wanted) > FEW else {}
        for job_id in sorted(wanted - jobs.keys()):
            jobs[job_id] = self.looks.one(job_id, scheduler_cluster_id)
        return jobs

    def look(self, jobs: Mapping[int, int]) -> Mapping[int, Job | RemoteError]:
        """Look at many jobs in few requests; see :meth:`preheat.drivers.base.Driver.look`."""
        return self.looks.brief(jobs)

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
