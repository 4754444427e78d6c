"""A lab: the stand-ins, a ledger, and the disks of all simulated peers to look at."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from threading import Event
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr

from preheat.asking import ask
from preheat.demand import Demand
from preheat.drivers.base import Timing
from preheat.drivers.dragonfly import DragonflyDriver
from preheat.harbor.client import HarborClient
from preheat.ledger import Ledger, RunRef
from preheat.placement import PlacementKey, Scope, TrackSettings
from preheat.plan import Plan, PlannedPlacement
from preheat.proving import look_now, prove
from preheat.sandbox import serve
from preheat.sandbox.dragonfly.blobs import BlobTask
from preheat.sandbox.dragonfly.peers import Peer, PeerKind
from preheat.sandbox.harbor import ImageSpec, push_image
from preheat.transport import Transport

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import requests

    from preheat.artifact import Image
    from preheat.drivers.base import Driver, Job
    from preheat.ledger import StoredPlacement
    from preheat.sandbox import Sandbox
    from preheat.verdict import Finding

CLOCK_FACTOR = 0.01
MIB = 1024 * 1024
SEEDS = ("10.77.0.11", "10.77.0.14")
NODES = ("10.77.0.12", "10.77.0.13")
LARGE, SMALL = 5 * MIB, 700


@dataclass
class Lab:
    """One cluster of two seeds and two nodes, which tests may break.

    :param hosts: what ``clusters.yaml`` says of the cluster.
    :param image: the image in question, of a config, a small and a large layer.
    """

    sandbox: Sandbox
    ledger: Ledger
    harbor: HarborClient
    driver: Driver
    hosts: dict[str, tuple[str, ...]] = field(default_factory=dict)
    repository: str = "library/truth"
    endpoint: str = ""
    image: Image = None  # type: ignore[assignment] # set by push
    runs: int = 0

    @property
    def state(self) -> Any:
        """The manager and its peers, from behind."""
        return self.sandbox.dragonfly.state

    def push(self, repository: str, seed: str, layers: Sequence[tuple[str, int]] = ()) -> Image:
        """Push an image and say of what it consists."""
        made = layers or ((f"{seed} small", SMALL), (f"{seed} large", LARGE))
        pushed = push_image(self.sandbox.harbor.state, repository, ImageSpec(seed, made))
        return self.harbor.resolve(repository, pushed.digest, "linux/amd64")

    def add_node(self, ip: str, hostname: str) -> Peer:
        """Let one more node join; several may share an address."""
        peer = Peer(ip, hostname, PeerKind.NORMAL, 1, "2026-11-24T04:00:00Z")
        self.state.clusters[1].swarm.peers.append(peer)
        return peer

    def place(self, scope: Scope, peers: str = "", *, timeout_seconds: int = 600) -> int:
        """Plan the image in a run of its own; gives the placement's id."""
        self.runs += 1
        key = PlacementKey(
            "eu-1",
            self.endpoint or self.sandbox.harbor_url,
            self.repository,
            self.image.digest,
            "linux/amd64",
            scope,
            peers,
        )
        settings = TrackSettings(
            "dragonfly",
            "dragonfly_default",
            1,
            "harbor_default",
            timeout_seconds=timeout_seconds,
            expected_hosts=self.hosts,
        )
        planned = PlannedPlacement(key, settings, "truth")
        plan = Plan("truth", datetime.now(UTC), (), (planned,))
        self.ledger.record_image(self.image)
        return self.ledger.record_plan(plan, self.run).items[0].placement_id

    @property
    def run(self) -> RunRef:
        """The run of the last placement."""
        return RunRef("preheat__truth", f"run-{self.runs}", "track", 0, 1)

    def ask(self, placement_id: int) -> int:
        """Ask for a placement; gives the attempt's id."""
        placement = self.ledger.placement(placement_id)
        repository = placement.key.repository
        attempt = ask(
            self.ledger,
            self.driver,
            placement,
            owner="test",
            run=self.run,
            authorize=lambda: self.harbor.pull_authorization([repository]),
            wait=lambda seconds: Event().wait(seconds) and None,
        )
        return attempt.id

    def prove(self, attempt_id: int, demand: Demand) -> Finding:
        """Wait for the job's end and prove what it left."""
        followed = self.ledger.followed(attempt_id)
        job_id = followed.attempt.job_id
        assert job_id is not None
        job = self.ended(job_id)
        finding = prove(self.ledger, self.driver, followed, job, self.harbor, demand=demand)
        assert finding is not None
        return finding

    def ended(self, job_id: int) -> Job:
        """Wait for a job's end, time passing quickly."""
        while True:
            job = self.driver.query([job_id], scheduler_cluster_id=1)[job_id]
            if job.state.is_terminal:
                return job
            self.state.advance(31)

    def look(self, placement: StoredPlacement) -> Finding:
        """Ask the peers now."""
        demand = Demand.parse("peers 100%")
        return look_now(self.driver, placement, self.image, self.harbor, demand)

    def disks(self, key: PlacementKey) -> dict[str, set[str]]:
        """Say which blobs each running host of the scope truly holds whole, for this placement."""
        kind = PeerKind.NORMAL if key.scope is Scope.ALL_PEERS else PeerKind.SEED
        tasks = {blob.digest: BlobTask(key.blob_url(blob.digest)).id for blob in self.image.blobs}
        return {
            f"{peer.ip} {peer.hostname}": {
                digest
                for digest, task in tasks.items()
                if peer.state.is_running and peer.holds(task)
            }
            for peer in self.state.clusters[1].swarm.peers
            if peer.kind is kind
        }


@pytest.fixture(scope="module")
def served() -> Iterator[Sandbox]:
    """Serve both stand-ins."""
    with serve(clock_factor=CLOCK_FACTOR) as sandbox:
        sandbox.dragonfly.state.set_rate(1, 1000)
        yield sandbox


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    """Open one ledger for all: every test has an image of its own."""
    path = tmp_path_factory.mktemp("truth") / "preheat.db"
    with Ledger.open(f"sqlite:///{path}") as opened:
        yield opened


@pytest.fixture
def lab(
    served: Sandbox, ledger: Ledger, session: requests.Session, request: pytest.FixtureRequest
) -> Iterator[Lab]:
    """Give healthy peers without anything on their disks, and an image that nobody has seen."""
    harbor = HarborClient(
        Transport(session, served.harbor_url, system="Harbor"),
        registry="harbor_default",
        username=served.robot_name,
        secret=SecretStr(served.robot_secret),
    )
    driver = DragonflyDriver(
        Transport(session, served.dragonfly_url, system="Dragonfly"),
        token=SecretStr(served.token),
        timing=Timing(CLOCK_FACTOR),
    )
    made = Lab(served, ledger, harbor, driver, {"seed_peers": SEEDS, "peers": NODES})
    made.image = made.push(made.repository, request.node.name)
    healthy = list(made.state.clusters[1].swarm.peers)
    yield made
    served.harbor.faults.clear()
    served.dragonfly.faults.clear()
    made.state.clusters[1].swarm.peers[:] = healthy
    for peer in healthy:
        made.state.set_peer(peer.ip, "up", settle=True)
        peer.delay_seconds = 0.0
        peer.wipe()
    made.state.settings.seed_capacity = None


def judged_by_hand(lab: Lab, key: PlacementKey, wanted: int = 0) -> str:
    """Tell the verdict from the disks, in another way than the product does.

    :param wanted: how many hosts are asked for; 0 means every expected one.
    """
    whole = {blob.digest for blob in lab.image.blobs}
    disks = lab.disks(key)
    held = set().union(*disks.values())
    if key.scope is Scope.SINGLE_SEED_PEER:
        is_warm = held == whole
    elif wanted:
        is_warm = sum(disk == whole for disk in disks.values()) >= wanted
    else:
        is_warm = all(disk == whole for disk in disks.values())
    if is_warm:
        return "WARM"
    return "PARTIAL" if held else "COLD"


def key_with(key: PlacementKey, **changes: Any) -> PlacementKey:
    """Change a key."""
    return replace(key, **changes)
