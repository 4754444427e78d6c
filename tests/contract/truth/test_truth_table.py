"""The truth table: whatever befalls a cluster, the verdict is what lies on its disks.

Each row is named after what was recorded on a real Dragonfly (tests/data/recorded/dragonfly, and
the table in docs/verification.md). It runs the whole way: asked once, followed, proved; once by the
job's report and once by the peers' own word.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from tests.contract.truth.conftest import NODES, SEEDS, judged_by_hand

from preheat.demand import Demand
from preheat.placement import Scope
from preheat.verdict import Verdict

if TYPE_CHECKING:
    from tests.contract.truth.conftest import Lab

SEED, ALL_SEEDS, ALL = Scope.SINGLE_SEED_PEER, Scope.ALL_SEED_PEERS, Scope.ALL_PEERS
Act = Callable[["Lab"], object]
LAYERS, PEERS = Demand(), Demand.parse("peers 100%")


@dataclass(frozen=True)
class Row:
    """What befalls the cluster, and what must come out.

    :param verdict: as somebody who knows the recording expects it.
    :param before: done before asking.
    :param during: done after asking, before anybody follows the job.
    :param wanted: how many hosts a selection asks for.
    """

    name: str
    scope: Scope
    verdict: str
    before: Act = lambda _: None
    during: Act = lambda _: None
    peers: str = ""
    wanted: int = 0
    timeout_seconds: int = 600


def blob(state: str, *numbers: int) -> Act:
    """Break blobs of the image in the registry's storage."""

    def act(lab: Lab) -> None:
        for number in numbers:
            digest = lab.image.blobs[number].digest
            lab.sandbox.harbor.state.set_blob(digest, state)

    return act


def peer(ip: str, *states: str, settle: bool = False) -> Act:
    """Take a host through states."""

    def act(lab: Lab) -> None:
        for state in states:
            lab.state.set_peer(ip, state, settle=settle)

    return act


def both(*acts: Act) -> Act:
    """Do several things."""
    return lambda lab: [act(lab) for act in acts]


def seeds(state: str, *, settle: bool = False) -> Act:
    """Do the same to both seeds."""
    return both(*(peer(ip, state, settle=settle) for ip in SEEDS))


def heated(scope: Scope) -> Act:
    """Have the image heated before, by another run."""

    def act(lab: Lab) -> None:
        lab.prove(lab.ask(lab.place(scope)), LAYERS)

    return act


def refuse_large(lab: Lab) -> None:
    """Answer peers with 401 for the last layer, as when their token has expired."""
    match = {"path": lab.image.blobs[-1].digest, "headers": {"user-agent": "dragonfly-peer"}}
    lab.sandbox.harbor.faults.add(match=match, times=None, status=401)


def returned(lab: Lab) -> None:
    """Kill a node and let it come back; its scheduler does not believe it for some seconds."""
    peer(NODES[1], "killed", "up")(lab)
    lab.state.peer(NODES[1]).refused_until = lab.state.clock.monotonic() + 10


def linger(lab: Lab, ip: str) -> None:
    """Let a slow peer take two seconds for each blob."""
    lab.state.peer(ip).delay_seconds = 200


def finish(lab: Lab) -> None:
    """Let the work end before the manager looks."""
    lab.state.advance(0)


def vanish(lab: Lab) -> None:
    """Let the work end, and the job's row go, as it does after six hours."""
    finish(lab)
    lab.state.jobs.expire(None)


ROWS = (
    Row("run-6mib-single-seed", SEED, "WARM"),
    Row("run-6mib-all-seed-peers", ALL_SEEDS, "WARM"),
    Row("run-6mib-all-peers", ALL, "WARM"),
    Row("repeat-6mib-single-seed", SEED, "WARM", heated(SEED)),
    Row("repeat-6mib-all-peers", ALL, "WARM", heated(ALL)),
    Row("all-peers-after-seed", ALL, "WARM", heated(SEED)),
    Row("run-ips-one-peer", ALL, "WARM", peers=f"ips={NODES[0]}", wanted=1),
    Row("run-ips-one-known-one-unknown", ALL, "PARTIAL", peers=f"ips={NODES[0]},10.77.0.99"),
    Row("run-ips-unknown", ALL, "COLD", peers="ips=10.77.0.99"),
    Row("run-count-1", ALL, "WARM", peers="count=1", wanted=1),
    Row("run-percentage-50", ALL, "WARM", peers="percentage=50", wanted=1),
    Row("run-one-blob-missing-single-seed", SEED, "PARTIAL", blob("missing", 2)),
    Row("run-one-blob-missing-all-seed-peers", ALL_SEEDS, "PARTIAL", blob("missing", 1)),
    Row("run-one-blob-missing-all-peers", ALL, "PARTIAL", blob("missing", 2)),
    Row("one blob unreadable", ALL_SEEDS, "PARTIAL", blob("unreadable", 2)),
    Row("run-all-blobs-missing-single-seed", SEED, "COLD", blob("missing", 0, 1, 2)),
    Row("run-all-blobs-missing-all-peers", ALL, "COLD", blob("missing", 0, 1, 2)),
    Row("registry-bearer-token-expired-midway", SEED, "PARTIAL", refuse_large),
    Row("all-peers-one-dead", ALL, "PARTIAL", peer(NODES[1], "killed")),
    Row("all-peers-after-graceful-stop", ALL, "PARTIAL", peer(NODES[1], "stopped")),
    Row("all-peers-after-return", ALL, "PARTIAL", returned),
    Row("all-peers-ips-dead-only", ALL, "COLD", peer(NODES[1], "killed"), peers=f"ips={NODES[1]}"),
    Row(
        "all-peers-one-killed-midway",
        ALL,
        "PARTIAL",
        both(peer(NODES[1], "slow"), lambda lab: linger(lab, NODES[1])),
        peer(NODES[1], "killed"),
    ),
    Row("one node overloaded", ALL, "PARTIAL", peer(NODES[0], "overloaded")),
    Row("one seed overloaded", ALL_SEEDS, "PARTIAL", peer(SEEDS[0], "overloaded")),
    Row("seed-sigterm-series", SEED, "COLD", seeds("stopped")),
    Row("single-seed-seed-dead-1s", SEED, "COLD", seeds("killed")),
    Row("single-seed-seed-dead-70s", SEED, "COLD", seeds("killed", settle=True)),
    Row("all-seed-peers-seed-dead-1s", ALL_SEEDS, "COLD", seeds("killed", settle=True)),
    Row("all-peers-seed-dead-1s", ALL, "WARM", seeds("killed")),
    Row("all-seed-peers-normal-dead", ALL_SEEDS, "WARM", peer(NODES[1], "killed")),
    Row(
        "scale-concurrent-jobs",
        SEED,
        "PARTIAL",
        lambda lab: setattr(lab.state.settings, "seed_capacity", 0),
    ),
    Row(
        "scheduler-start-series",
        SEED,
        "COLD",
        lambda lab: lab.state.clusters[1].swarm.restart_scheduler(),
    ),
    Row("timeout-3s-single-seed", SEED, "COLD", seeds("slow"), timeout_seconds=3),
    Row("timeout-3s-all-peers", ALL, "PARTIAL", peer(NODES[1], "slow"), timeout_seconds=3),
    Row(
        "manager-restart-job-pending",
        ALL,
        "WARM",
        during=lambda lab: (finish(lab), lab.state.restart(), lab.state.advance(4000)),
    ),
    Row(
        "row gone after its time",
        ALL_SEEDS,
        "WARM",
        during=vanish,
    ),
    Row(
        "row gone, and a node with it",
        ALL,
        "PARTIAL",
        during=both(vanish, peer(NODES[0], "stopped")),
    ),
)


@pytest.mark.parametrize("demand", [LAYERS, PEERS], ids=["layers", "peers"])
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name.replace(" ", "-"))
def test_the_verdict_is_what_lies_on_the_disks(lab: Lab, row: Row, demand: Demand) -> None:
    """By the job's word or by the peers', and with every missing layer on the right hosts."""
    row.before(lab)
    placement_id = lab.place(row.scope, row.peers, timeout_seconds=row.timeout_seconds)
    attempt_id = lab.ask(placement_id)
    row.during(lab)

    finding = lab.prove(attempt_id, demand)

    key = lab.ledger.placement(placement_id).key
    assert finding.verdict.value == row.verdict, finding
    if "99" not in row.peers:  # a host that does not exist has no disk
        assert finding.verdict.value == judged_by_hand(lab, key, row.wanted)
    assert finding.layers_small == 2
    if row.scope is SEED or row.peers:
        return
    disks = {name.split()[0]: disk for name, disk in lab.disks(key).items()}
    lacking = {layer.digest: set(layer.hosts) for layer in finding.missing}
    for each in lab.image.blobs:
        truly = {ip for ip, disk in disks.items() if each.digest not in disk}
        assert lacking.get(each.digest, set()) == truly


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name.replace(" ", "-"))
def test_without_a_list_of_hosts_no_cold_host_is_called_warm(lab: Lab, row: Row) -> None:
    """Hosts that Dragonfly itself still knows; one that left before is known to nobody."""
    lab.hosts = {}
    row.before(lab)
    placement_id = lab.place(row.scope, row.peers, timeout_seconds=row.timeout_seconds)
    attempt_id = lab.ask(placement_id)
    row.during(lab)

    finding = lab.prove(attempt_id, LAYERS)

    if finding.verdict is Verdict.WARM:
        swarm = lab.state.clusters[1].swarm
        swarm.peers[:] = [peer for peer in swarm.peers if peer.state != "stopped"]
        key = lab.ledger.placement(placement_id).key
        assert judged_by_hand(lab, key, row.wanted) == "WARM"
