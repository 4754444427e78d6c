"""What a policy and a cluster are, once their files are known to be right.

The loader makes these; nothing here reads YAML. Every value is effective: defaults are filled in.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from preheat.demand import Demand
from preheat.errors import Problem, ProblemsError
from preheat.placement import Peers, Scope, TrackSettings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from preheat.event import EventKind
    from preheat.plan import KeepWarm
    from preheat.policy.budget import Budget
    from preheat.policy.pins import Pin
    from preheat.policy.rule import Gate, Rule, Source
    from preheat.policy.windows import Windows

__all__ = [
    "Cluster",
    "Clusters",
    "OnMissing",
    "OnPartial",
    "Platforms",
    "Policy",
    "Retry",
    "Schedule",
    "Submit",
    "Target",
    "Verify",
]


@dataclass(frozen=True, slots=True)
class Cluster:
    """A named Dragonfly scheduler cluster.

    :param connection: Airflow connection id of its Dragonfly manager.
    :param platforms: what its nodes run; used where a policy names no platforms.
    :param pull_endpoints: by registry connection id, the scheme and host that its nodes pull from:
        the exact string counts, Dragonfly's cache key is the whole blob URL.
    :param pool: Airflow pool that caps the jobs in flight.
    :param max_concurrent_jobs: slots of that pool.
    :param hosts: expected addresses by ``seed_peers`` and ``peers``; may be empty.
    """

    name: str
    connection: str
    scheduler_cluster_id: int
    driver: str = "dragonfly"
    labels: Mapping[str, str] = field(default_factory=dict, hash=False)
    platforms: tuple[str, ...] = ()
    pull_endpoints: Mapping[str, str] = field(default_factory=dict, hash=False)
    pool: str = ""
    max_concurrent_jobs: int = 10
    hosts: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)

    def as_data(self) -> dict[str, object]:
        """Give the entry as plain data, for the ledger."""
        return asdict(self)

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Cluster:
        """Take an entry from the ledger, where its tuples have become lists."""
        hosts = {kind: tuple(names) for kind, names in data["hosts"].items()}
        return cls(**{**data, "platforms": tuple(data["platforms"]), "hosts": hosts})

    def settings(
        self, registry: str = "", submit: Submit | None = None, demand: Demand | None = None
    ) -> TrackSettings:
        """Say how an image of a registry is asked for and proved there."""
        asked = submit or Submit()
        return TrackSettings(
            driver=self.driver,
            connection=self.connection,
            scheduler_cluster_id=self.scheduler_cluster_id,
            registry=registry,
            timeout_seconds=asked.timeout_seconds,
            concurrent_tasks=asked.concurrent_tasks,
            concurrent_peers=asked.concurrent_peers,
            expected_hosts=self.hosts,
            demand=demand or Demand(),
        )

    def renewed(self, settings: TrackSettings) -> TrackSettings:
        """Say how what was planned there before is asked for and proved as it is described now."""
        return replace(
            settings,
            driver=self.driver,
            connection=self.connection,
            scheduler_cluster_id=self.scheduler_cluster_id,
            expected_hosts=self.hosts,
        )


@dataclass(frozen=True, slots=True)
class Clusters:
    """All clusters of ``include/clusters.yaml``, in the file's order."""

    entries: tuple[Cluster, ...] = ()

    def __iter__(self) -> Iterator[Cluster]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    @property
    def names(self) -> tuple[str, ...]:
        """All names, in the file's order."""
        return tuple(cluster.name for cluster in self.entries)

    def get(self, name: str) -> Cluster | None:
        """One cluster by name, None if there is none."""
        return next((cluster for cluster in self.entries if cluster.name == name), None)

    def named(self, names: Sequence[str]) -> tuple[Cluster, ...]:
        """Clusters that a person named, in that order, each once.

        :raises ProblemsError: with every name that is unknown, listing the known ones.
        """
        unknown = [name for name in names if self.get(name) is None]
        if unknown:
            known = ", ".join(self.names) or "none"
            raise ProblemsError([
                Problem(f"There is no cluster {name!r}; known clusters: {known}.", "clusters")
                for name in unknown
            ])
        found = (self.get(name) for name in dict.fromkeys(names))
        return tuple(cluster for cluster in found if cluster is not None)

    def labelled(self, labels: Mapping[str, str]) -> tuple[Cluster, ...]:
        """Clusters that carry all these labels."""
        wanted = labels.items()
        return tuple(cluster for cluster in self.entries if wanted <= cluster.labels.items())


@dataclass(frozen=True, slots=True)
class Target:
    """Where images should be warm.

    :param clusters: names, already resolved when the file used labels.
    """

    clusters: tuple[str, ...]
    scope: Scope
    peers: Peers = field(default_factory=Peers)
    line: int | None = None


class OnMissing(StrEnum):
    """What it means when an image lacks a platform that the policy names."""

    SKIP = "skip"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Platforms:
    """Which platforms to warm.

    :param include: ``os/arch[/variant]``; empty means those of each cluster.
    """

    include: tuple[str, ...] = ()
    on_missing: OnMissing = OnMissing.SKIP
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a policy runs by itself."""

    cron: str
    timezone: str


@dataclass(frozen=True, slots=True)
class Submit:
    """How Dragonfly is asked.

    :param timeout_seconds: how long it may work on one job.
    :param concurrent_tasks: layers at once in one job.
    :param concurrent_peers: peers at once per layer.
    :param fresh_for_seconds: a placement found warm less than this ago is not asked for again.
    """

    timeout_seconds: int = 3600
    concurrent_tasks: int = 8
    concurrent_peers: int = 500
    fresh_for_seconds: int = 6 * 3600


@dataclass(frozen=True, slots=True)
class Retry:
    """How often a placement is asked for again, and after what wait.

    :param attempts: tries in all, the first included.
    """

    attempts: int = 3
    backoff_seconds: int = 15
    max_backoff_seconds: int = 300


class OnPartial(StrEnum):
    """What a PARTIAL verdict leads to."""

    RETRY = "retry"
    FAIL = "fail"
    ACCEPT = "accept"


@dataclass(frozen=True, slots=True)
class Verify:
    """How warmth is proved, on how many hosts, and what follows when it is not."""

    demand: Demand = field(default_factory=Demand)
    on_partial: OnPartial = OnPartial.RETRY


@dataclass(frozen=True, slots=True)
class Policy:
    """One policy file, right and complete.

    :param owner: who answers for it.
    :param labels: a person's words about the policy itself; they become tags of its DAG.
    :param gates: what every image must pass, in the order they are asked.
    :param source: file name, for messages.
    :param text: the file as read.
    """

    name: str
    sources: tuple[Source, ...]
    rules: tuple[Rule, ...]
    targets: tuple[Target, ...]
    pins: tuple[Pin, ...] = ()
    platforms: Platforms = field(default_factory=Platforms)
    gates: tuple[Gate, ...] = ()
    budget: Budget | None = None
    windows: Windows | None = None
    schedule: Schedule | None = None
    events: tuple[EventKind, ...] = ()
    submit: Submit = field(default_factory=Submit)
    retry: Retry = field(default_factory=Retry)
    verify: Verify = field(default_factory=Verify)
    keep_warm: KeepWarm | None = None
    suspend: bool = False
    description: str = ""
    owner: str = ""
    labels: Mapping[str, str] = field(default_factory=dict, hash=False)
    source: str = ""
    text: str = field(default="", repr=False)

    @property
    def hash(self) -> str:
        """SHA-256 of the file's text."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def registries(self) -> tuple[str, ...]:
        """Connection ids of all Harbors it reads, each once."""
        return tuple(dict.fromkeys(source.registry for source in self.sources))

    def day_of(self, now: datetime) -> datetime:
        """Tell when the calendar day began, in the time zone of the schedule, else in UTC."""
        zone = ZoneInfo(self.schedule.timezone) if self.schedule else UTC
        return now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)

    @property
    def cluster_names(self) -> tuple[str, ...]:
        """All clusters it targets, each once, in the order of the targets."""
        return tuple(dict.fromkeys(name for target in self.targets for name in target.clusters))
