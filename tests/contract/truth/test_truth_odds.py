"""What no row of the truth table tells: several images, several names, shares, and chance."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from tests.contract.truth.conftest import NODES, SEEDS, judged_by_hand

from preheat.demand import Demand, MinHosts
from preheat.placement import Scope
from preheat.sandbox.dragonfly.peers import PeerState
from preheat.verdict import Verdict

if TYPE_CHECKING:
    from tests.contract.truth.conftest import Lab

SEED, ALL_SEEDS, ALL = Scope.SINGLE_SEED_PEER, Scope.ALL_SEED_PEERS, Scope.ALL_PEERS
LAYERS, PEERS = Demand(), Demand.parse("peers 100%")


def finish(lab: Lab) -> None:
    """Let the work end before the manager looks."""
    lab.state.advance(0)


def vanish(lab: Lab) -> None:
    """Let the work end, and the job's row go, as it does after six hours."""
    finish(lab)
    lab.state.jobs.expire(None)


def test_promotion_by_copy_is_cold(lab: Lab, request: pytest.FixtureRequest) -> None:
    """The same digest in another repository has other URLs, and those are what peers cache."""
    first = lab.image
    lab.prove(lab.ask(lab.place(ALL)), LAYERS)
    lab.repository = "library/promoted"
    lab.image = lab.push(lab.repository, request.node.name)
    promoted = lab.ledger.placement(lab.place(ALL))
    assert promoted.key.digest == first.digest
    assert lab.look(promoted).verdict is Verdict.COLD
    assert judged_by_hand(lab, promoted.key) == "COLD"
    assert lab.prove(lab.ask(promoted.id), LAYERS).verdict is Verdict.WARM
    assert lab.look(promoted).verdict is Verdict.WARM


def test_shared_layers_are_held_and_the_others_are_not(lab: Lab) -> None:
    """An image of the same repository that shares its large layer is partly there already."""
    seed = lab.image.digest
    shared = (f"{seed} shared", 5 * 1024 * 1024)
    lab.image = lab.push(lab.repository, f"{seed} one", (shared, (f"{seed} a", 700)))
    lab.prove(lab.ask(lab.place(ALL)), LAYERS)
    lab.image = lab.push(lab.repository, f"{seed} two", (shared, (f"{seed} b", 800)))
    second = lab.ledger.placement(lab.place(ALL))
    finding = lab.look(second)
    assert finding.verdict is Verdict.PARTIAL
    assert {layer.digest for layer in finding.missing} == {
        blob.digest for blob in lab.image.blobs if blob.size < 5 * 1024 * 1024
    }
    assert judged_by_hand(lab, second.key) == "PARTIAL"


def test_one_repository_under_two_host_names_is_two_placements(lab: Lab) -> None:
    """What nodes of one mirror hold is nothing to nodes that pull by the other name."""
    lab.prove(lab.ask(lab.place(ALL)), LAYERS)
    lab.endpoint = lab.sandbox.harbor_url.replace("127.0.0.1", "localhost")
    other = lab.ledger.placement(lab.place(ALL))
    assert lab.look(other).verdict is Verdict.COLD
    assert judged_by_hand(lab, other.key) == "COLD"
    assert lab.prove(lab.ask(other.id), LAYERS).verdict is Verdict.WARM
    assert judged_by_hand(lab, other.key) == "WARM"


@pytest.mark.parametrize("demand", [LAYERS, PEERS], ids=["layers", "peers"])
def test_hosts_that_share_an_address_are_told_apart(lab: Lab, demand: Demand) -> None:
    """One of two fails, and the job leaves both out of its report: the peers tell which."""
    twin = lab.add_node(NODES[0], "node-3")
    twin.state = PeerState.KILLED
    key = lab.ledger.placement(placement_id := lab.place(ALL)).key
    finding = lab.prove(lab.ask(placement_id), demand)
    assert finding.verdict is Verdict.PARTIAL
    assert {layer.hosts for layer in finding.missing} == {(f"{NODES[0]} (node-3)",)}
    assert len(finding.missing) == len(lab.image.blobs)
    assert judged_by_hand(lab, key) == "PARTIAL"
    assert (finding.hosts_warm, finding.hosts_expected) == (1, 2)


def test_a_job_cannot_know_what_befalls_its_peers_later(lab: Lab) -> None:
    """A node that lost its disk after the job: only the peers' own word tells."""
    trusting, asking = Demand(), Demand.parse("peers 100%")
    attempt_id = lab.ask(lab.place(ALL))
    finish(lab)
    lab.state.peer(NODES[1]).wipe()
    assert lab.prove(attempt_id, trusting).verdict is Verdict.WARM
    attempt_id = lab.ask(lab.place(ALL))
    finish(lab)
    lab.state.peer(NODES[1]).wipe()
    assert lab.prove(attempt_id, asking).verdict is Verdict.PARTIAL


def test_a_registry_that_is_away_does_not_stop_the_proof(lab: Lab) -> None:
    """The quick way needs it; blob by blob, only the peers are asked."""
    placement = lab.ledger.placement(lab.place(ALL))
    lab.prove(lab.ask(placement.id), LAYERS)
    lab.sandbox.harbor.stop()
    try:
        assert lab.look(placement).verdict is Verdict.WARM
    finally:
        lab.sandbox.harbor.start()


@pytest.mark.parametrize(("state", "is_hopeless"), [("missing", True), ("unreadable", False)])
@pytest.mark.parametrize("scope", [SEED, ALL])
def test_a_layer_that_the_registry_lost_is_known_to_be_lost(
    lab: Lab, scope: Scope, state: str, is_hopeless: bool
) -> None:
    """Dragonfly hides why, or names one failure of many: the registry itself is asked."""
    lab.sandbox.harbor.state.set_blob(lab.image.blobs[-1].digest, state)
    finding = lab.prove(lab.ask(lab.place(scope)), LAYERS)
    assert finding.verdict is Verdict.PARTIAL
    assert finding.is_hopeless is is_hopeless


@pytest.mark.parametrize("demand", ["layers 50%", "peers 50%", "peers 1"])
def test_enough_hosts_are_warm_and_the_others_are_told(lab: Lab, demand: str) -> None:
    """With one of two nodes dead, a half is there: exactly the dead one is tolerated."""
    lab.state.set_peer(NODES[1], "killed")
    attempt_id = lab.ask(lab.place(ALL))
    finding = lab.prove(attempt_id, Demand.parse(demand))
    assert finding.verdict is Verdict.WARM
    assert (finding.hosts_warm, finding.hosts_expected) == (1, 2)
    assert {layer.hosts for layer in finding.tolerated} == {(NODES[1],)}
    assert finding.under(Demand()).verdict is Verdict.PARTIAL


@pytest.mark.parametrize("seed", range(16))
def test_no_mix_of_troubles_makes_a_cold_host_warm(lab: Lab, seed: int) -> None:
    """Hosts in any state, blobs in any state, any scope and share: WARM is true on the disks."""
    chance = random.Random(seed)  # noqa: S311 - troubles, not secrets
    for ip in SEEDS + NODES:
        lab.state.set_peer(ip, chance.choice(["up", "up", "stopped", "killed", "overloaded"]))
    for each in lab.image.blobs:
        state = chance.choice(["ok", "ok", "ok", "missing", "unreadable"])
        lab.sandbox.harbor.state.set_blob(each.digest, state)
    demand = Demand.parse(chance.choice(["layers 100%", "peers 100%", "peers 50%", "layers 1"]))
    placement_id = lab.place(chance.choice([SEED, ALL_SEEDS, ALL]))
    attempt_id = lab.ask(placement_id)
    event = chance.choice([finish, vanish, lambda _: None])
    event(lab)

    finding = lab.prove(attempt_id, demand)

    key = lab.ledger.placement(placement_id).key
    wanted = 0 if demand.min_hosts == MinHosts() else 1
    truth = judged_by_hand(lab, key, wanted)
    assert (finding.verdict is Verdict.WARM) == (truth == "WARM"), (demand, truth, finding)
