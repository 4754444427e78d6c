"""The world of one simulated manager, in memory."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING

from preheat.sandbox.dragonfly.blobs import Origin
from preheat.sandbox.dragonfly.clusters import DEFAULT_TOPOLOGY, Cluster, ClusterSpec
from preheat.sandbox.dragonfly.jobs import Look, Outcome
from preheat.sandbox.dragonfly.limiter import RateLimiter
from preheat.sandbox.dragonfly.peers import Peer, PeerState
from preheat.sandbox.dragonfly.registry import Resolver
from preheat.sandbox.dragonfly.settings import Clock, ManagerSettings
from preheat.sandbox.dragonfly.store import JobStore
from preheat.sandbox.dragonfly.swarm import RECONNECT_SECONDS, Swarm
from preheat.sandbox.dragonfly.tokens import Token, Tokens

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["DragonflyState"]

_DOWNLOADS = 16
_SCHEDULERS = 16


class DragonflyState:
    """Everything a manager, its schedulers and their peers remember; tests may look and change.

    :param topology: clusters known from the start.
    """

    def __init__(
        self,
        settings: ManagerSettings | None = None,
        topology: Sequence[ClusterSpec] = DEFAULT_TOPOLOGY,
    ) -> None:
        self.settings = settings or ManagerSettings()
        self.clock = Clock(
            self.settings.clock_factor,
            offset_hours=self.settings.utc_offset_hours,
            skew_seconds=self.settings.skew_seconds,
        )
        self.jobs = JobStore(self.clock)
        self.tokens = Tokens(self.clock)
        self.tokens.add(Token(self.settings.token))
        self.limiter = RateLimiter(self.clock)
        self.redis_is_down = False
        self.clusters: dict[int, Cluster] = {}
        self.origin = Origin()
        self.resolver = Resolver(
            host_platform=self.settings.host_platform,
            refuse_loopback=self.settings.refuse_loopback,
        )
        self.downloads = ThreadPoolExecutor(_DOWNLOADS, thread_name_prefix="dragonfly-peer")
        self.schedulers = ThreadPoolExecutor(_SCHEDULERS, thread_name_prefix="dragonfly-scheduler")
        self._work: set[Future[None]] = set()
        for spec in topology:
            self.add_cluster(spec, at_once=True)

    def close(self) -> None:
        """End the threads and let go of the connections."""
        for cluster in self.clusters.values():
            cluster.swarm.close()
        self.schedulers.shutdown(cancel_futures=True)
        self.downloads.shutdown(cancel_futures=True)
        self.origin.close()
        self.resolver.close()

    def work(self, task: Callable[[], None]) -> None:
        """Hand work to the schedulers' threads."""
        future = self.schedulers.submit(task)
        self._work.add(future)
        future.add_done_callback(self._work.discard)

    def advance(self, seconds: float) -> None:
        """Wait for all work under way, then let time pass: a look that is due has been made."""
        wait(list(self._work))
        self.clock.advance(seconds)

    def add_cluster(self, spec: ClusterSpec, *, at_once: bool = False) -> Cluster:
        """Make a cluster; the rate limiter knows it only after its next reload unless told."""
        now = self.clock.now()
        swarm = Swarm(spec.build_peers(now), self.origin, self.clock, self.settings)
        rate = self.settings.job_rate_limit
        cluster = Cluster(spec.id, spec.name, swarm, now, rate, spec.has_scheduler)
        self.clusters[spec.id] = cluster
        self.limiter.know(spec.id, rate, at_once=at_once)
        return cluster

    def set_rate(self, cluster_id: int, job_rate_limit: int) -> None:
        """Change how many jobs a second a cluster takes, at once."""
        self.clusters[cluster_id].job_rate_limit = job_rate_limit
        self.limiter.know(cluster_id, job_rate_limit, at_once=True)

    @property
    def peers(self) -> list[Peer]:
        """Every host of every cluster."""
        return [peer for cluster in self.clusters.values() for peer in cluster.swarm.peers]

    def peer(self, ip: str) -> Peer:
        """Find a host.

        :raises KeyError: if no cluster has it.
        """
        found = next((peer for peer in self.peers if peer.ip == ip), None)
        if found is None:
            raise KeyError(ip)
        return found

    def set_peer(self, ip: str, state: str, *, keep: bool = False, settle: bool = False) -> Peer:
        """Change the state of a host.

        :param keep: a stopped or killed host keeps its cache when it comes back.
        :param settle: skip the ring's 30 s refresh and the 15 s back-off after a kill.
        """
        peer, before = self.peer(ip), self.peer(ip).state
        peer.state = PeerState(state)
        if not before.is_running and peer.state.is_running:
            if not keep:
                peer.wipe()
            if before is PeerState.KILLED and not settle:
                peer.refused_until = self.clock.monotonic() + self.clock.real(RECONNECT_SECONDS)
        if settle:
            peer.refused_until = 0.0
            self.clusters[peer.cluster_id].swarm.refresh()
        return peer

    def set_scheduler(self, cluster_id: int, *, is_up: bool) -> None:
        """Stop or start a scheduler; started anew, it knows no seed for the first 30 s."""
        cluster = self.clusters[cluster_id]
        if is_up and not cluster.scheduler_is_up:
            cluster.swarm.restart_scheduler()
        cluster.scheduler_is_up = is_up

    def restart(self) -> None:
        """Restart the manager process: nobody looks at running jobs any more, for ever."""
        now = self.clock.monotonic()
        for job in self.jobs.newest_first():
            if not job.look(now).is_final:
                job.polled_until = min(job.polled_until, now)

    def force(self, job_id: int, state: str, error: str = "") -> None:
        """Make a row show a state, with an error text as if its work had ended with it.

        :raises NotFound: if there is no such row.
        """
        job = self.jobs.get(job_id)
        seconds = self.clock.monotonic() - job.born
        if error:
            for task in job.tasks:
                task.outcome = Outcome(error=error)
        shown = tuple((task, state) for task in job.tasks)
        job.forced = Look(state, seconds, shown, is_final=True)
