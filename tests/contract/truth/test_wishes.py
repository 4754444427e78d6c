"""Upkeep against real answers: each policy's wish is judged by what that policy demands."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from preheat.demand import Demand
from preheat.ledger import RunRef
from preheat.placement import PlacementKey, Scope, TrackSettings
from preheat.plan import KeepWarm, Plan, PlannedPlacement
from preheat.upkeep import State, due, recheck
from preheat.verdict import Verdict

if TYPE_CHECKING:
    from preheat.upkeep import Rechecked

KEEP = KeepWarm(timedelta(hours=6), timedelta(days=14))
DAY = timedelta(days=1)
ALL, ONE = "peers 100%", "peers 1"


def keep(lab: Any, demand: str, *, policy: str = "", accepts: bool = False) -> int:
    """Let a policy want the image kept warm on all nodes; gives the placement's id."""
    key = PlacementKey(
        "eu-1",
        lab.sandbox.harbor_url,
        lab.repository,
        lab.image.digest,
        "linux/amd64",
        Scope.ALL_PEERS,
    )
    settings = TrackSettings(
        "dragonfly",
        "dragonfly_default",
        1,
        "harbor_default",
        timeout_seconds=600,
        expected_hosts=lab.hosts,
        demand=Demand.parse(demand),
    )
    name = policy or demand
    plan = Plan(
        name,
        datetime.now(UTC),
        (),
        (PlannedPlacement(key, settings, "kept"),),
        keep_warm=KEEP,
        accept_partial=accepts,
    )
    lab.ledger.record_image(lab.image)
    recorded = lab.ledger.record_plan(plan, RunRef(f"preheat__{name}", f"of {lab.image.digest}"))
    return int(recorded.items[0].placement_id)


def warm(lab: Any, placement_id: int) -> None:
    """Let every node fetch the image."""
    lab.runs += 1
    lab.prove(lab.ask(placement_id), Demand())


def look(lab: Any, placement_id: int) -> Rechecked:
    """Look again at what is kept."""
    wishes = [wish for wish in lab.ledger.upkeep.kept() if wish.placement.id == placement_id]
    (one,) = due(wishes, lab.ledger.upkeep.now(), ahead=10 * DAY)
    return recheck(lab.ledger, lab.driver, lab.harbor, one)


def lose_a_node(lab: Any) -> None:
    """Let one of the two nodes lose its disk."""
    lab.state.peer("10.77.0.13").wipe()


def test_the_laxer_plan_of_another_policy_does_not_hide_decay(lab: Any) -> None:
    """The strict wish is judged by its own demand, whoever planned last; so is what is asked."""
    placement_id = keep(lab, ALL)
    warm(lab, placement_id)
    keep(lab, ONE)
    lose_a_node(lab)

    found = look(lab, placement_id)

    assert (found.state, str(found.demand)) == (State.DECAYED, ALL)
    assert found.finding is not None
    assert (found.finding.verdict, found.finding.hosts_warm) == (Verdict.PARTIAL, 1)
    assert lab.ledger.placement(placement_id).verdict is Verdict.PARTIAL


def test_the_stricter_plan_of_another_policy_makes_nothing_decay(lab: Any) -> None:
    """Where the strict policy accepts PARTIAL nothing is asked for, but it is not called warm."""
    placement_id = keep(lab, ONE)
    warm(lab, placement_id)
    keep(lab, ALL, accepts=True)
    lose_a_node(lab)

    assert look(lab, placement_id).state is State.ACCEPTED


def test_what_a_policy_accepts_is_not_called_warm(lab: Any) -> None:
    """``onPartial: accept`` asks for nothing, and says PARTIAL; what is whole is warm again."""
    placement_id = keep(lab, ALL, accepts=True)
    warm(lab, placement_id)
    whole = look(lab, placement_id)
    lose_a_node(lab)

    found = look(lab, placement_id)

    assert whole.state is State.WARM
    assert (found.state, found.state.must_be_asked) == (State.ACCEPTED, False)
    assert found.finding is not None
    assert found.finding.verdict is Verdict.PARTIAL
    assert str(found.state) == "PARTIAL, which its policy accepts"


def test_a_wish_that_takes_partial_leaves_the_other_unmet(lab: Any) -> None:
    """Only what is not met is asked for, by what that policy demands and accepts."""
    placement_id = keep(lab, ALL, accepts=True)
    keep(lab, "peers 2")
    warm(lab, placement_id)
    lose_a_node(lab)

    found = look(lab, placement_id)

    assert (found.state, str(found.demand), found.accept_partial) == (
        State.DECAYED,
        "peers 2",
        False,
    )


def test_what_cannot_be_shown_is_asked_for_and_not_written_down(lab: Any) -> None:
    """Nobody names the hosts, all that answer hold it: only a job would name the others."""
    lab.hosts = {}
    placement_id = keep(lab, ALL)
    warm(lab, placement_id)
    before = lab.ledger.placement(placement_id)

    found = look(lab, placement_id)

    assert (found.state, found.state.must_be_asked) == (State.UNPROVED, True)
    assert str(found.demand) == ALL
    assert lab.ledger.placement(placement_id) == before


def test_what_one_wish_can_be_shown_of_is_written_down(lab: Any) -> None:
    """Without names of hosts a number of them is provable, and a percentage is not."""
    lab.hosts = {}
    placement_id = keep(lab, ALL)
    keep(lab, "peers 2")
    warm(lab, placement_id)
    before = lab.ledger.placement(placement_id)

    found = look(lab, placement_id)

    after = lab.ledger.placement(placement_id)
    assert (found.state, str(found.demand)) == (State.UNPROVED, ALL)
    assert after.verdict is Verdict.WARM
    assert after.checked_at > before.checked_at


def test_a_look_that_fails_is_no_finding(lab: Any) -> None:
    """The manager is down: what was proved stands, and nothing is asked for."""
    placement_id = keep(lab, ALL)
    warm(lab, placement_id)
    before = lab.ledger.placement(placement_id)
    lab.sandbox.dragonfly.faults.add(status=503, times=1000)
    try:
        found = look(lab, placement_id)
    finally:
        lab.sandbox.dragonfly.faults.clear()

    assert (found.state, found.state.must_be_asked, found.finding) == (State.FAILED, False, None)
    assert "503" in str(found.error)
    assert lab.ledger.placement(placement_id) == before
