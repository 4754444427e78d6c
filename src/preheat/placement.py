"""What should be warm where: the values that the plan, the ledger and the drivers share."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from preheat.demand import Demand

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Peers", "PlacementKey", "Scope", "TrackSettings", "grounds"]


class Scope(StrEnum):
    """Which peers of a cluster should hold the image; Dragonfly's words.

    Validated here because Dragonfly runs any misspelt scope as ``single_seed_peer``
    (dragonfly: scheduler/job/job.go).
    """

    SINGLE_SEED_PEER = "single_seed_peer"
    ALL_SEED_PEERS = "all_seed_peers"
    ALL_PEERS = "all_peers"


@dataclass(frozen=True, slots=True)
class Peers:
    """A part of the peers in scope: at most one of the three is set, none means all.

    :param ips: 1 to 100 addresses.
    :param count: 1 to 200 peers.
    :param percentage: 1 to 100, rounded down, at least one peer.
    """

    ips: tuple[str, ...] = ()
    count: int | None = None
    percentage: int | None = None

    def __str__(self) -> str:
        """Canonical text, part of a placement's key; empty when all peers are meant."""
        if self.ips:
            return "ips=" + ",".join(sorted(self.ips))
        if self.count is not None:
            return f"count={self.count}"
        return f"percentage={self.percentage}" if self.percentage is not None else ""

    @classmethod
    def parse(cls, text: str) -> Peers:
        """Read what ``str`` wrote.

        :raises ValueError: for any other text.
        """
        if not text:
            return cls()
        kind, _, value = text.partition("=")
        match kind:
            case "ips":
                return cls(ips=tuple(value.split(",")))
            case "count":
                return cls(count=int(value))
            case "percentage":
                return cls(percentage=int(value))
        message = f"not a selection of peers: {text!r}"
        raise ValueError(message)


@dataclass(frozen=True, slots=True)
class PlacementKey:
    """What makes two placements the same.

    The repository and the pull endpoint belong to it because Dragonfly's cache key is the whole
    blob URL: the same digest promoted by copy into another repository is cold there.

    :param cluster: name of the cluster in ``include/clusters.yaml``.
    :param pull_endpoint: scheme and host that the nodes pull from, no trailing slash.
    :param repository: project and repository, ``library/app``.
    :param digest: digest of one platform's manifest.
    :param platform: ``os/arch[/variant]``, or ``""`` when the artifact names none.
    :param peers: canonical text of :class:`Peers`.
    """

    cluster: str
    pull_endpoint: str
    repository: str
    digest: str
    platform: str
    scope: Scope
    peers: str = ""

    @property
    def manifest_url(self) -> str:
        """What Dragonfly is asked to heat: pinned by digest, one platform."""
        return f"{self.pull_endpoint}/v2/{self.repository}/manifests/{self.digest}"

    def blob_url(self, digest: str) -> str:
        """URL of a blob as Dragonfly reports it and as nodes ask for it."""
        return f"{self.pull_endpoint}/v2/{self.repository}/blobs/{digest}"


@dataclass(frozen=True, slots=True)
class TrackSettings:
    """How a placement is asked for and proved; in the ledger, so that nobody re-reads ``include/``.

    :param driver: name of the distribution driver, such as ``dragonfly``.
    :param connection: Airflow connection id of the cluster's Dragonfly manager.
    :param scheduler_cluster_id: Dragonfly's id of the scheduler cluster.
    :param registry: Airflow connection id of the Harbor that holds the image.
    :param timeout_seconds: how long Dragonfly may work on one job.
    :param concurrent_tasks: layers at once in one job, 1 to 100.
    :param concurrent_peers: peers at once per layer, 1 to 1000.
    :param expected_hosts: addresses that must hold the image, by ``seed_peers`` and ``peers``;
        may be empty.
    :param demand: what must be shown before it counts as warm, as the latest plan has it.
    """

    driver: str
    connection: str
    scheduler_cluster_id: int
    registry: str
    timeout_seconds: int = 3600
    concurrent_tasks: int = 8
    concurrent_peers: int = 500
    expected_hosts: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)
    demand: Demand = field(default_factory=Demand)

    def hosts_of(self, scope: Scope) -> tuple[str, ...]:
        """Tell the addresses that a scope means, as far as ``clusters.yaml`` names them."""
        match scope:
            case Scope.ALL_SEED_PEERS:
                return tuple(self.expected_hosts.get("seed_peers", ()))
            case Scope.ALL_PEERS:
                return tuple(self.expected_hosts.get("peers", ()))
            case Scope.SINGLE_SEED_PEER:
                return ()


def grounds(scope: Scope, settings: TrackSettings) -> str:
    """Digest the settings that a proof rests on: which cluster was meant, and which of its hosts.

    Where one of them changed, what was proved is not proved any more. How a job was asked for
    (time-outs, concurrency) changes nothing, nor does the order of hosts. Nor does the demand: a
    proof tells what was seen, and each run judges that by its own.
    """
    hosts = sorted(set(settings.hosts_of(scope)))
    cluster = [settings.driver, settings.connection, settings.scheduler_cluster_id]
    return hashlib.sha256(json.dumps([*cluster, hosts]).encode()).hexdigest()
