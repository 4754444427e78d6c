"""Clusters: a scheduler, its peers, and how the API shows them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from preheat.sandbox.dragonfly.peers import Peer, PeerKind
from preheat.sandbox.dragonfly.settings import go_time

if TYPE_CHECKING:
    from datetime import datetime

    from preheat.sandbox.dragonfly.swarm import Swarm

__all__ = ["DEFAULT_TOPOLOGY", "Cluster", "ClusterSpec"]

_NO_BLOCKS = {"task": None, "persistent_task": None, "persistent_cache_task": None}


@dataclass(frozen=True, slots=True)
class ClusterSpec:
    """A cluster to build.

    :param seeds: addresses of seed peers.
    :param peers: addresses of normal peers.
    :param has_scheduler: without one, the cluster is skipped silently or answers 500.
    """

    id: int
    name: str
    seeds: tuple[str, ...] = ()
    peers: tuple[str, ...] = ()
    has_scheduler: bool = True

    def build_peers(self, announced: datetime) -> list[Peer]:
        """Name the hosts as in the recordings: ``seed-1``, ``node-1`` ..."""
        kinds = ((PeerKind.SEED, "seed", self.seeds), (PeerKind.NORMAL, "node", self.peers))
        return [
            Peer(ip, f"{stem}-{number}", kind, self.id, go_time(announced, digits=9))
            for kind, stem, ips in kinds
            for number, ip in enumerate(ips, start=1)
        ]


DEFAULT_TOPOLOGY = (
    ClusterSpec(1, "eu-1", ("10.77.0.11", "10.77.0.14"), ("10.77.0.12", "10.77.0.13")),
    ClusterSpec(2, "us-1", ("10.78.0.11",), ("10.78.0.12",)),
)


@dataclass(slots=True)
class Cluster:
    """One scheduler cluster at work."""

    id: int
    name: str
    swarm: Swarm = field(repr=False)
    created: datetime
    job_rate_limit: int
    scheduler_is_up: bool = True

    @property
    def scheduler_ip(self) -> str:
        """Address that failure texts name: the first of the peers' network."""
        some = next((peer.ip for peer in self.swarm.peers), f"10.{76 + self.id}.0.1")
        return some.rpartition(".")[0] + ".1"

    def nested_row(self) -> dict[str, Any]:
        """Build the object inside a job's ``scheduler_clusters``."""
        return {
            "id": self.id,
            "created_at": go_time(self.created),
            "updated_at": go_time(self.created),
            "is_del": 0,
            "name": self.name,
            "bio": "",
            "config": self._scheduler_config(),
            "client_config": {"load_limit": 200},
            "seed_client_config": {},
            "scopes": {},
            "is_default": self.id == 1,
            "seed_peer_clusters": None,
            "schedulers": None,
            "peers": None,
            "jobs": None,
        }

    def row(self) -> dict[str, Any]:
        """Build the object of ``GET /clusters``."""
        return {
            "id": self.id,
            "name": self.name,
            "bio": "",
            "scopes": {"idc": "", "location": "", "cidrs": None, "hostnames": None},
            "scheduler_cluster_id": self.id,
            "seed_peer_cluster_id": self.id,
            "scheduler_cluster_config": self._scheduler_config(),
            "seed_peer_cluster_config": {"load_limit": 2000, "block_list": _NO_BLOCKS},
            "peer_cluster_config": {"load_limit": 200, "block_list": _NO_BLOCKS},
            "created_at": go_time(self.created),
            "updated_at": go_time(self.created),
            "is_default": self.id == 1,
        }

    def _scheduler_config(self) -> dict[str, int]:
        return {
            "candidate_parent_limit": 3,
            "filter_parent_limit": 15,
            "job_rate_limit": self.job_rate_limit,
        }
