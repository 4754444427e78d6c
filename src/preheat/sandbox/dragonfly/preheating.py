"""The scheduler's side of a preheat: which hosts, which blobs, and how it reports them.

dragonfly: scheduler/job/job.go, preheatV2SingleSeedPeer, preheatV2AllSeedPeers, preheatV2AllPeers.
"""

from __future__ import annotations

import random
import threading
from collections import deque
from concurrent.futures import wait
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from preheat.sandbox.dragonfly.blobs import PeerError
from preheat.sandbox.dragonfly.jobs import Outcome
from preheat.sandbox.dragonfly.peers import PeerKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from concurrent.futures import Executor

    from preheat.sandbox.dragonfly.blobs import BlobTask
    from preheat.sandbox.dragonfly.peers import Peer
    from preheat.sandbox.dragonfly.swarm import Swarm

__all__ = ["Order", "Preheating"]

_shuffled = random.SystemRandom()


@dataclass(frozen=True, slots=True)
class Order:
    """What one scheduler is asked to do.

    :param scope: anything unknown runs as ``single_seed_peer``, as the real scheduler does.
    :param deadline: monotonic time after which downloads fail.
    :param lanes: downloads at once.
    :param loses_layers: the seed is overloaded: every other layer is refused.
    """

    cluster_id: int
    scheduler_ip: str
    group_uuid: str
    task_uuid: str
    tasks: tuple[BlobTask, ...]
    scope: str
    ips: tuple[str, ...] | None
    count: int | None
    percentage: int | None
    deadline: float
    lanes: int
    loses_layers: bool = False


@dataclass(frozen=True, slots=True)
class _Delivery:
    """One blob on one host: held before, fetched now, or failed."""

    task: BlobTask
    peer: Peer
    was_held: bool = False
    error: str = ""

    def entry(self, **more: str) -> dict[str, Any]:
        named = {"hostname": self.peer.hostname, "ip": self.peer.ip, "url": self.task.url}
        return {**more, **named}


class Preheating:
    """Runs orders on the peers of a cluster.

    :param executor: threads for downloads, shared by all jobs; downloads never wait for a place
        in it, so it cannot deadlock.
    """

    def __init__(self, swarm: Swarm, executor: Executor) -> None:
        self._swarm = swarm
        self._executor = executor

    def run(self, order: Order) -> Outcome:
        """Do the work and say how it ended, in the scheduler's words."""
        if order.scope == "all_peers":
            return self._on_all_peers(order)
        if not self._swarm.ring():
            where = f"cluster {order.cluster_id} scheduler {order.scheduler_ip}"
            return Outcome(error=f"{where} no available seed peer")
        if order.scope == "all_seed_peers":
            return self._on_all_seeds(order)
        return self._on_single_seed(order)

    def _on_single_seed(self, order: Order) -> Outcome:
        wanted = [
            (task, seed)
            for number, task in enumerate(order.tasks)
            if (seed := self._swarm.seed_of(task)) is not None
            and not (order.loses_layers and number % 2)
        ]
        done = [item for item in self._deliver(order, wanted) if not item.error]
        entries = [
            {"hostname": "unknown", "ip": "unknown", "url": item.task.url}
            if item.was_held
            else item.entry()
            for item in done
        ]
        return Outcome(_result(order, entries or None, None))

    def _on_all_seeds(self, order: Order) -> Outcome:
        hosts = self._swarm.hosts(PeerKind.SEED)
        where = f"cluster {order.cluster_id} scheduler {order.scheduler_ip}"
        if not hosts:
            return Outcome(error=f"{where} has no available seed peer")
        return self._on_hosts(order, hosts, "no seed peer found for ips")

    def _on_all_peers(self, order: Order) -> Outcome:
        hosts = self._swarm.hosts(PeerKind.NORMAL)
        where = f"cluster {order.cluster_id} scheduler {order.scheduler_ip}"
        if not hosts:
            return Outcome(error=f"[preheat]: {where} has no available peer")
        return self._on_hosts(order, hosts, "no peer found for ips")

    def _on_hosts(self, order: Order, hosts: Sequence[Peer], nobody: str) -> Outcome:
        chosen = _choose(order, hosts)
        if not chosen:
            return Outcome(error=f"{nobody} [{' '.join(order.ips or ())}]")
        wanted = [(task, host) for task in order.tasks for host in chosen]
        done = self._deliver(order, wanted)
        failed = [item for item in done if item.error]
        spoilt = {item.peer.ip for item in failed}
        kept = [item.entry() for item in done if item.peer.ip not in spoilt]
        if failed and not kept:
            first = failed[0]
            who = f"{order.group_uuid} {order.task_uuid} {first.peer.ip} {first.peer.hostname}"
            return Outcome(error=f"all peers preheat failed: {who} {_description(first)}")
        failures = [item.entry(description=_description(item)) for item in failed]
        return Outcome(_result(order, kept, failures))

    def _deliver(self, order: Order, wanted: Iterable[tuple[BlobTask, Peer]]) -> list[_Delivery]:
        """Work through the list in as many lanes as the order allows, in order of completion."""
        waiting = deque(wanted)
        done: list[_Delivery] = []
        lock = threading.Lock()

        def lane() -> None:
            while True:
                with lock:
                    if not waiting:
                        return
                    task, peer = waiting.popleft()
                delivery = self._try(task, peer, order.deadline)
                with lock:
                    done.append(delivery)

        self._run_lanes(lane, min(order.lanes, len(waiting)))
        return done

    def _run_lanes(self, lane: Callable[[], None], lanes: int) -> None:
        futures = [self._executor.submit(lane) for _ in range(lanes)]
        wait(futures)
        for future in futures:
            future.result()

    def _try(self, task: BlobTask, peer: Peer, deadline: float) -> _Delivery:
        try:
            return _Delivery(task, peer, was_held=self._swarm.deliver(peer, task, deadline))
        except PeerError as error:
            return _Delivery(task, peer, error=str(error))


def _choose(order: Order, hosts: Sequence[Peer]) -> list[Peer]:
    """Select hosts: addresses before count before percentage (dragonfly: selectPeers)."""
    if order.ips:
        return [host for host in hosts if host.ip in order.ips]
    unordered = list(hosts)
    _shuffled.shuffle(unordered)
    if order.count:
        return unordered[: order.count]
    if order.percentage:
        return unordered[: max(1, len(hosts) * order.percentage // 100)]
    return unordered


def _description(item: _Delivery) -> str:
    return f"task {item.task.id} failed: {item.error}"


def _result(
    order: Order, success: list[dict[str, Any]] | None, failure: list[dict[str, Any]] | None
) -> dict[str, Any]:
    return {
        "failure_tasks": failure,
        "scheduler_cluster_id": order.cluster_id,
        "success_tasks": success,
    }
