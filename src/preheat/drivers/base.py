"""The distribution driver: check the connection, heat an image, query jobs, verify what peers hold.

A driver knows its vendor's API and nothing of policies, ledgers or Airflow. It computes no verdict.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from preheat.checks import CheckItem, CheckReport

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from pydantic import SecretStr

    from preheat.errors import RemoteError
    from preheat.placement import PlacementKey, TrackSettings

__all__ = [
    "PEER",
    "SEED",
    "UNKNOWN_HOST",
    "CheckItem",
    "CheckReport",
    "Driver",
    "HeatRequest",
    "Job",
    "JobState",
    "LayerCopy",
    "LayerFailure",
    "Report",
    "Timing",
]


SEED = "seed"
PEER = "peer"
UNKNOWN_HOST = "unknown"


class JobState(StrEnum):
    """Where a job stands, whatever the vendor calls it."""

    RUNNING = "running"
    ENDED = "ended"
    FAILED = "failed"
    EXPIRED = "expired"
    LOST = "lost"

    @property
    def is_terminal(self) -> bool:
        """Whether waiting longer changes nothing."""
        return self is not JobState.RUNNING

    @property
    def has_vanished(self) -> bool:
        """Whether the job is gone without a word, so that nothing speaks against asking again."""
        return self in {JobState.EXPIRED, JobState.LOST}


@dataclass(frozen=True, slots=True)
class LayerCopy:
    """A blob that a host is said to hold.

    :param digest: blob digest (last path part of the reported URL).
    :param ip: address, or ``UNKNOWN_HOST`` (Dragonfly, for blobs the seed already held).
    :param host_type: ``SEED``, ``PEER``, "" when the vendor does not say, or any other word for a
        host that belongs to no scope.
    """

    digest: str
    url: str
    hostname: str
    ip: str
    host_type: str = ""


@dataclass(frozen=True, slots=True)
class LayerFailure:
    """A blob that a host failed to fetch or has not finished, with the vendor's words.

    :param is_final: whether asking again cannot bring it, as far as these words tell.
    """

    digest: str
    url: str
    hostname: str
    ip: str
    words: str
    host_type: str = ""
    is_final: bool = False


@dataclass(frozen=True, slots=True)
class Report:
    """What the peers are said to hold.

    :param error: failure text of the job as a whole.
    :param names_every_host: whether a host that holds nothing is named too. A job names each host
        that it chose; peers that are asked directly do not answer when they hold nothing.
    :param from_peers: whether the peers themselves were asked, now; else a job says it.
    :param hosts: hosts that are meant, by address and name, whether or not they hold anything.
    :param untold: digests of blobs of which nobody could be asked.
    :param unshared_bytes: blobs of at most this size are never given from peer to peer: each node
        fetches them from the registry. 0 if there is no such limit.
    :param is_final: whether the whole job failed of what asking again does not change.
    :param is_refused: whether the registry refused the credentials of the job: those of one that
        ran long may have expired meanwhile.
    """

    copies: tuple[LayerCopy, ...] = ()
    failures: tuple[LayerFailure, ...] = ()
    error: str = ""
    names_every_host: bool = True
    from_peers: bool = False
    hosts: tuple[tuple[str, str], ...] = ()
    untold: tuple[str, ...] = ()
    unshared_bytes: int = 0
    is_final: bool = False
    is_refused: bool = False


@dataclass(frozen=True, slots=True)
class Job:
    """One preheat job as its manager shows it.

    :param age_seconds: by the manager's own clock (its ``Date`` header minus ``created_at``).
    :param raw_state: the vendor's word, for logs.
    :param nonce: the nonce found in the job, "" if none of ours.
    """

    id: int
    state: JobState
    raw_state: str
    created_at: datetime
    age_seconds: float
    nonce: str = ""
    report: Report | None = None


@dataclass(frozen=True, slots=True)
class HeatRequest:
    """All that one preheat job needs.

    :param authorization: value of the registry's ``Authorization`` header; None for anonymous.
    :param nonce: marks the job so that it can be found again; one for every POST of an attempt.
    :param note: free text for people who look at the vendor's console.
    """

    key: PlacementKey
    settings: TrackSettings
    nonce: str
    authorization: SecretStr | None = field(default=None, repr=False)
    note: str = ""


@dataclass(frozen=True, slots=True)
class Timing:
    """The manager's clock, in seconds; ``factor`` is 1 except for the sandbox, which runs faster.

    Looks at 0, 30, 90, 210, 450, 750 s, then every 300 s, 16 in all
    (dragonfly: manager/service/job.go pollingJob; measured: recorded/dragonfly, "looks at
    0/30/90 s").
    """

    factor: float = 1.0

    @property
    def looks(self) -> tuple[float, ...]:
        """When the manager looks at a job, seconds of its age."""
        first = (30.0, 90.0, 210.0, 450.0, 750.0)
        later = (750.0 + 300.0 * n for n in range(1, 11))
        return tuple(look * self.factor for look in (*first, *later))

    def next_look(self, age_seconds: float) -> float | None:
        """Return the age at which asking next is worth it, None after the last look.

        That is a margin after each look, and once more a little later: a look may come late.
        """
        moments = (look + late * self.margin for look in self.looks for late in (1, 4))
        return next((moment for moment in moments if moment > age_seconds), None)

    @property
    def margin(self) -> float:
        """How long after a look its outcome can be read."""
        return max(1.0 * self.factor, 0.05)

    @property
    def lost_after(self) -> float:
        """Age past which a pending job is lost: the last look and a margin of a minute."""
        return self.looks[-1] + 60.0 * self.factor

    def absence_believed_after(self, post_timeout_seconds: float) -> float:
        """How long after a cut POST the absence of its row can be believed (30 s old lists)."""
        return post_timeout_seconds + 30.0 * self.factor


class Driver(Protocol):
    """What each distribution system must offer; calls are synchronous and raise ``RemoteError``."""

    timing: Timing
    post_timeout_seconds: float

    def check(self) -> CheckReport:
        """Try the connection: token, database, version; never raises a RemoteError, reports it."""
        ...

    def check_cluster(self, scheduler_cluster_id: int, *, at_once: int) -> CheckReport:
        """Look at one cluster: known, scheduler alive, rate limit; never raises a RemoteError.

        :param at_once: jobs that may be asked for there at the same time.
        """
        ...

    def heat(self, request: HeatRequest) -> Job:
        """Ask for one image on one cluster. Not idempotent: see ``preheat.asking``."""
        ...

    def query(self, job_ids: Iterable[int], *, scheduler_cluster_id: int) -> Mapping[int, Job]:
        """Where these jobs stand; a job that vanished comes back as EXPIRED."""
        ...

    def look(self, jobs: Mapping[int, int]) -> Mapping[int, Job | RemoteError]:
        """Look at many jobs, given with their scheduler clusters, in few requests.

        A job that ended may come without its report: ``query`` it then, for it is long, or the job
        may be gone, or still run after all. One that cannot be read comes as its error; one of
        which nothing was learned does not come, and is worth another look.
        """
        ...

    def find(self, nonce: str, *, max_age_seconds: float | None = None) -> Sequence[Job]:
        """Jobs that carry this nonce and are no older than that, lowest id first."""
        ...

    def verify(self, request: HeatRequest, digests: Sequence[str]) -> Report:
        """Ask the peers themselves which finished copies of these blobs they hold, now."""
        ...

    def job_url(self, job_id: int) -> str:
        """Where a person can look at the job."""
        ...
