"""Runs that demand different things of one placement: what was seen is kept, each judges it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from preheat.demand import Demand, VerifyMode
from preheat.plan import Disposition
from preheat.verdict import Finding, MissingLayer, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from preheat.ledger import Ledger, Outcome, RunRef
    from preheat.plan import Plan, PlannedPlacement

    MakePlan = Callable[..., Plan]
    Planned = Callable[..., PlannedPlacement]

LAYER = MissingLayer("sha256:c", 7, ("10.0.0.9",), "404")
SOME = Finding(Verdict.PARTIAL, 3, 2, 20, 13, missing=(LAYER,), hosts_warm=19, hosts_expected=20)
ALL = Finding(Verdict.WARM, 3, 3, 20, 20, hosts_warm=20, hosts_expected=20)
LENIENT = Demand.parse("layers 95%")
ASKS = Demand.parse("peers 100%")


@pytest.fixture
def runs(ledger: Ledger, run: RunRef, plan: MakePlan, planned: Planned) -> Callable[..., RunRef]:
    """Give a way to plan the one placement in a run of its own, with a demand."""

    def record(name: str, demand: Demand, **changes: Any) -> RunRef:
        item = planned()
        settings = replace(item.settings, demand=demand)
        own = replace(run, dag_id=f"preheat__{name}")
        ledger.record_plan(plan(replace(item, settings=settings, **changes)), own)
        return own

    return record


def outcome_of(ledger: Ledger, run: RunRef) -> Outcome:
    """Read what became of the run's one placement."""
    (outcome,) = ledger.outcomes(run.dag_id, run.run_id)
    return outcome


def follow(ledger: Ledger, placement_id: int, *runs: RunRef) -> int:
    """Let runs open or join one attempt; gives its id."""
    claims = [
        ledger.open_attempt(placement_id, owner=run.dag_id, run=run, lease_seconds=60)
        for run in runs
    ]
    assert len({claim.attempt.id for claim in claims}) == 1
    return claims[0].attempt.id


def test_each_run_judges_the_shared_attempt_by_its_own_demand(
    ledger: Ledger, placement_id: int, runs: Callable[..., RunRef]
) -> None:
    """19 of 20 hosts are enough for one policy and too few for the other: one job, two verdicts."""
    lenient, strict = runs("lenient", LENIENT), runs("strict", Demand())
    ledger.close_attempt(follow(ledger, placement_id, lenient, strict), SOME)
    accepted, refused = outcome_of(ledger, lenient), outcome_of(ledger, strict)
    assert (accepted.verdict, accepted.missing) == (Verdict.WARM, ())
    assert accepted.finding is not None
    assert accepted.finding.tolerated == (LAYER,)
    assert (refused.verdict, refused.missing) == (Verdict.PARTIAL, (LAYER,))


def test_a_plan_of_another_policy_closes_no_attempt(
    ledger: Ledger, placement_id: int, runs: Callable[..., RunRef]
) -> None:
    """A demand is no setting of the cluster: the job goes on and is shared."""
    attempt_id = follow(ledger, placement_id, runs("lenient", LENIENT))
    strict = runs("strict", ASKS)
    assert ledger.attempt(attempt_id).is_open
    assert follow(ledger, placement_id, strict) == attempt_id
    assert ledger.placement(placement_id).settings.demand == ASKS


@pytest.mark.parametrize(
    ("finding", "demand", "is_warm"),
    [
        (ALL, Demand(), True),
        (ALL, ASKS, False),
        (replace(ALL, proof=VerifyMode.PEERS), ASKS, True),
        (SOME, Demand(), False),
        (SOME, LENIENT, True),
        (SOME.under(LENIENT), LENIENT, True),
        (SOME.under(LENIENT), Demand(), False),
        (SOME, Demand.parse("layers 19"), True),
        (SOME, Demand.parse("layers 20"), False),
    ],
)
def test_a_proof_is_one_only_for_what_it_is_enough_for(
    ledger: Ledger, placement_id: int, run: RunRef, finding: Finding, demand: Demand, is_warm: bool
) -> None:
    """``freshFor`` asks again where a policy wants more than was shown."""
    ledger.close_attempt(follow(ledger, placement_id, run), finding)
    proofs = ledger.warm().values()
    assert any(proof.seen.is_warm_under(demand) for proof in proofs) is is_warm


def test_what_was_warm_for_a_plan_is_judged_by_its_demand_again(
    ledger: Ledger, placement_id: int, run: RunRef, runs: Callable[..., RunRef]
) -> None:
    """Another run's stricter verdict does not make the lenient one's plan cold."""
    ledger.close_attempt(follow(ledger, placement_id, run), SOME)
    kept = {"disposition": Disposition.ALREADY_WARM}
    assert outcome_of(ledger, runs("lenient", LENIENT, **kept)).verdict is Verdict.WARM
    assert outcome_of(ledger, runs("strict", Demand(), **kept)).verdict is Verdict.PARTIAL


def test_the_peers_word_takes_the_place_of_a_jobs(
    ledger: Ledger, placement_id: int, run: RunRef, runs: Callable[..., RunRef]
) -> None:
    """A run that wants the peers asked does not have to ask Dragonfly for the image again."""
    asking = runs("asking", ASKS)
    attempt_id = follow(ledger, placement_id, run, asking)
    ledger.close_attempt(attempt_id, ALL)
    before = outcome_of(ledger, asking)
    assert before.verdict is Verdict.UNKNOWN
    assert before.words == "Only the job's report says so; the peers themselves were not asked."
    seen = replace(SOME, proof=VerifyMode.PEERS)
    assert ledger.strengthen(attempt_id, seen)
    assert outcome_of(ledger, asking).verdict is Verdict.PARTIAL
    assert ledger.placement(placement_id).verdict is Verdict.PARTIAL
    assert not ledger.strengthen(attempt_id, replace(ALL, proof=VerifyMode.PEERS))
    assert not ledger.strengthen(attempt_id, ALL)
    assert ledger.attempt(attempt_id).finding == seen


def test_an_older_attempts_proof_does_not_undo_a_later_verdict(
    ledger: Ledger, placement_id: int, run: RunRef
) -> None:
    """The placement's verdict is that of the last check."""
    first = follow(ledger, placement_id, run)
    ledger.close_attempt(first, ALL)
    ledger.close_attempt(follow(ledger, placement_id, run), SOME)
    assert ledger.strengthen(first, replace(ALL, proof=VerifyMode.PEERS))
    assert ledger.placement(placement_id).verdict is Verdict.PARTIAL


def test_an_open_attempt_is_not_strengthened(
    ledger: Ledger, placement_id: int, run: RunRef
) -> None:
    """It is closed, once."""
    attempt_id = follow(ledger, placement_id, run)
    assert not ledger.strengthen(attempt_id, replace(ALL, proof=VerifyMode.PEERS))
    assert ledger.attempt(attempt_id).is_open


def test_what_another_run_proved_meanwhile_is_not_asked_for_again(
    ledger: Ledger, placement_id: int, runs: Callable[..., RunRef]
) -> None:
    """Both plans said *ask*; the second run's task got its place in the pool when all was done."""
    first, second = runs("first", Demand()), runs("second", ASKS)
    attempt_id = follow(ledger, placement_id, first)
    ledger.record_job(attempt_id, 7)
    ledger.close_attempt(attempt_id, ALL)
    claim = ledger.open_attempt(placement_id, owner="second", run=second, lease_seconds=60)
    assert (claim.attempt.id, claim.attempt.job_id, claim.mine) == (attempt_id, 7, False)
    assert outcome_of(ledger, second).attempt is not None
    assert len(ledger.attempts(placement_id)) == 1


def test_a_task_that_is_cleared_asks_anew(
    ledger: Ledger, placement_id: int, runs: Callable[..., RunRef]
) -> None:
    """What a run followed before is no reason not to ask: a person wants it warmed again."""
    first, second = runs("first", Demand()), runs("second", Demand())
    for expected in (1, 2):
        attempt_id = follow(ledger, placement_id, first, second)
        ledger.record_job(attempt_id, expected)
        ledger.close_attempt(attempt_id, ALL)
        assert len(ledger.attempts(placement_id)) == expected


@pytest.mark.parametrize(
    ("finding", "demand"),
    [
        (SOME, Demand()),
        (replace(ALL, hosts_warm=1, hosts_expected=1), Demand.parse("layers 2")),
        (Finding(Verdict.COLD, 3, 0, 20, 0, hosts_expected=20), LENIENT),
    ],
)
def test_what_is_not_enough_for_the_run_is_asked_for(
    ledger: Ledger,
    placement_id: int,
    runs: Callable[..., RunRef],
    finding: Finding,
    demand: Demand,
) -> None:
    """A repeat is what heals it."""
    first, second = runs("first", Demand()), runs("second", demand)
    attempt_id = follow(ledger, placement_id, first)
    ledger.record_job(attempt_id, 7)
    ledger.close_attempt(attempt_id, finding)
    assert follow(ledger, placement_id, second) != attempt_id


def test_a_proof_from_before_the_plan_does_not_count(
    ledger: Ledger, placement_id: int, runs: Callable[..., RunRef]
) -> None:
    """The plan knew of it, and asks all the same: ``freshFor`` or a person wants it so."""
    attempt_id = follow(ledger, placement_id, runs("first", Demand()))
    ledger.record_job(attempt_id, 7)
    ledger.close_attempt(attempt_id, ALL)
    assert follow(ledger, placement_id, runs("second", Demand())) != attempt_id


def test_an_attempt_from_before_the_plan_is_not_handed_out_for_a_later_look(
    ledger: Ledger, placement_id: int, runs: Callable[..., RunRef]
) -> None:
    """Upkeep saw all warm since, but what that attempt found was less: the run would be red."""
    attempt_id = follow(ledger, placement_id, runs("first", Demand()))
    ledger.record_job(attempt_id, 7)
    ledger.close_attempt(attempt_id, SOME)
    second = runs("second", Demand())
    assert ledger.upkeep.record_check(placement_id, ALL, seen=ledger.placement(placement_id))
    opened = ledger.open_attempt(placement_id, owner="second", run=second, lease_seconds=60)
    assert (opened.attempt.id != attempt_id, opened.attempt.is_open) == (True, True)


def test_what_decayed_since_is_asked_for(
    ledger: Ledger, placement_id: int, runs: Callable[..., RunRef]
) -> None:
    """Another run proved it warm after the plan, and a look after that saw it gone."""
    first, second = runs("first", Demand()), runs("second", Demand())
    attempt_id = follow(ledger, placement_id, first)
    ledger.record_job(attempt_id, 7)
    ledger.close_attempt(attempt_id, ALL)
    seen = ledger.placement(placement_id)
    assert ledger.upkeep.record_check(placement_id, SOME, seen=seen)
    assert follow(ledger, placement_id, second) != attempt_id


def test_a_proof_is_still_found_behind_one_that_could_not_be_made(
    ledger: Ledger, placement_id: int, runs: Callable[..., RunRef]
) -> None:
    """An attempt that ended UNKNOWN hides nothing."""
    first, second = runs("first", Demand()), runs("second", Demand())
    attempt_id = follow(ledger, placement_id, first)
    ledger.record_job(attempt_id, 7)
    ledger.close_attempt(attempt_id, ALL)
    later = follow(ledger, placement_id, first)
    ledger.record_job(later, 8)
    ledger.close_attempt(later, Finding(Verdict.UNKNOWN, 3, 0, 20, 0))
    assert follow(ledger, placement_id, second) == attempt_id
