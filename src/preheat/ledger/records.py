"""What goes into the ledger and comes out of it, as values.

Times are aware UTC datetimes by the database's clock, never by the caller's.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from preheat.demand import Demand
from preheat.verdict import Verdict

if TYPE_CHECKING:
    from datetime import datetime

    from preheat.artifact import Image
    from preheat.placement import PlacementKey, TrackSettings
    from preheat.plan import Disposition
    from preheat.verdict import Finding, MissingLayer, Seen

__all__ = [
    "Attempt",
    "Claim",
    "Followed",
    "LedgerStatus",
    "Outcome",
    "PlanItem",
    "Proof",
    "RecordedPlan",
    "RunRef",
    "StoredPlacement",
]


@dataclass(frozen=True, slots=True)
class RunRef:
    """Which task instance of which DAG run does something."""

    dag_id: str
    run_id: str
    task_id: str = ""
    map_index: int = -1
    try_number: int = 0


@dataclass(frozen=True, slots=True)
class PlanItem:
    """One placement of a recorded plan, with the id by which everything later calls it."""

    placement_id: int
    cluster: str
    wave: int
    label: str
    disposition: Disposition
    detail: str = ""


@dataclass(frozen=True, slots=True)
class RecordedPlan:
    """A plan as the ledger holds it.

    :param items: one for each placement, in plan order.
    """

    plan_id: int
    items: tuple[PlanItem, ...]


class Proof(NamedTuple):
    """When a placement was found warm, or warm on some hosts, and what that rests on.

    :param grounds: see :func:`preheat.placement.grounds`.
    :param seen: to be judged by what a run demands.
    """

    checked_at: datetime
    grounds: str
    seen: Seen


@dataclass(frozen=True, slots=True)
class StoredPlacement:
    """A placement and the last that was proved of it.

    :param verdict: of the last check; UNKNOWN when there was none.
    :param warm_since: first check of the unbroken warm period that still lasts; None when not warm.
    :param checked_at: when the verdict was found; None when never.
    :param deleted_at: when its artifact was found to be gone from Harbor; None while it is there.
    """

    id: int
    key: PlacementKey
    settings: TrackSettings
    verdict: Verdict = Verdict.UNKNOWN
    warm_since: datetime | None = None
    checked_at: datetime | None = None
    deleted_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One time we asked for a placement.

    :param nonce: marks the job in the other system; the same for every POST of the attempt.
    :param owner: who may POST while the lease lasts.
    :param run: the task instance that drives it; others may have joined.
    :param asked_at: when the last POST began; None when nothing was ever asked.
    :param job_id: the job that is followed; None before the answer came.
    :param verdict: None while the attempt is open.
    :param finding: what the verdict rests on; None when nothing could be checked.
    :param words: the words of the other systems, and why the attempt ended without a finding.
    :param note: what else a person should know, such as a second job with the same nonce.
    """

    id: int
    placement_id: int
    nonce: str
    owner: str
    run: RunRef
    opened_at: datetime
    lease_until: datetime
    asked_at: datetime | None = None
    job_id: int | None = None
    closed_at: datetime | None = None
    verdict: Verdict | None = None
    finding: Finding | None = None
    words: str = ""
    note: str = ""

    @property
    def try_number(self) -> int:
        """Try of the task that drives it."""
        return self.run.try_number

    @property
    def is_open(self) -> bool:
        """Whether the attempt still waits for its verdict."""
        return self.closed_at is None

    @property
    def missing(self) -> tuple[MissingLayer, ...]:
        """Layers found missing when the attempt was closed."""
        return self.finding.missing if self.finding else ()

    @property
    def seconds(self) -> float | None:
        """From the last POST to the verdict; None while either is missing."""
        if self.asked_at is None or self.closed_at is None:
            return None
        return (self.closed_at - self.asked_at).total_seconds()


@dataclass(frozen=True, slots=True)
class Claim:
    """An attempt as one asker finds it, measured by the database's clock.

    :param mine: whether this asker holds the lease, and so alone may POST.
    :param lease_seconds_left: how long the lease still lasts; 0 when it has run out.
    :param age_seconds: since the attempt was opened.
    :param seconds_since_asked: since the last POST began; None when there was none.
    """

    attempt: Attempt
    mine: bool
    lease_seconds_left: float
    age_seconds: float
    seconds_since_asked: float | None


@dataclass(frozen=True, slots=True)
class Followed:
    """An attempt with all that following and judging its job needs, read at one moment.

    Stays true while the attempt is open: when the cluster is set up anew, it is closed.

    :param image: None when its manifest was never resolved.
    :param seconds_since_asked: since the last POST began, by the database's clock.
    """

    attempt: Attempt
    placement: StoredPlacement
    image: Image | None
    seconds_since_asked: float | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one planned placement in one run.

    :param verdict: of the attempt that this run made or joined last; without one, of an
        ALREADY_WARM item what the ledger holds now, and of any other what was found since this plan
        was made, by a look or another run, else UNKNOWN. Judged by what this run demands.
    :param checked_at: when that verdict was found; None when nothing was.
    :param attempt: the attempt that this run made or joined last, if any.
    :param words: the words of the other systems, or why there is no verdict.
    :param demand: what this run wants shown before it counts as warm.
    :param policy: of the plan that wants it; a run may have plans of several.
    :param accept_partial: whether PARTIAL is well enough for that plan.
    """

    placement_id: int
    key: PlacementKey
    label: str
    wave: int
    disposition: Disposition
    detail: str
    verdict: Verdict
    checked_at: datetime | None
    words: str
    attempt: Attempt | None = None
    demand: Demand = field(default_factory=Demand)
    policy: str = ""
    accept_partial: bool = False

    @property
    def cluster(self) -> str:
        """Name of the cluster."""
        return self.key.cluster

    @property
    def platform(self) -> str:
        """Platform of the image."""
        return self.key.platform

    @property
    def job_id(self) -> int | None:
        """The job that was followed, if there was one."""
        return self.attempt.job_id if self.attempt else None

    @property
    def finding(self) -> Finding | None:
        """What the verdict rests on; None when nothing was counted in this run."""
        found = self.attempt.finding if self.attempt else None
        return found.under(self.demand) if found else None

    @property
    def layers_warm(self) -> int | None:
        """Layers proved warm; None when nothing was counted."""
        return self.finding.layers_warm if self.finding else None

    @property
    def layers_expected(self) -> int | None:
        """Layers of the image; None when nothing was counted."""
        return self.finding.layers_expected if self.finding else None

    @property
    def bytes_warm(self) -> int | None:
        """Bytes proved warm; None when nothing was counted."""
        return self.finding.bytes_warm if self.finding else None

    @property
    def bytes_expected(self) -> int | None:
        """Bytes of the image; None when nothing was counted."""
        return self.finding.bytes_expected if self.finding else None

    @property
    def missing(self) -> tuple[MissingLayer, ...]:
        """Layers found missing in this run."""
        return self.finding.missing if self.finding else ()

    @property
    def seconds(self) -> float | None:
        """From asking to the verdict; None when either is missing."""
        return self.attempt.seconds if self.attempt else None


@dataclass(frozen=True, slots=True)
class LedgerStatus:
    """How a ledger stands, for a person.

    :param url: without any password.
    :param revision: "" when the database holds no ledger yet.
    :param rows: number of rows by table; empty unless the ledger is current.
    :param waiting_events: how many events no run has taken up.
    """

    url: str
    revision: str
    head: str
    rows: dict[str, int]
    open_attempts: int = 0
    waiting_events: int = 0

    @property
    def is_current(self) -> bool:
        """Whether this Preheat can use the ledger as it is."""
        return self.revision == self.head
