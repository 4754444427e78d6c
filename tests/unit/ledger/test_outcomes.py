"""Outcomes: what the report of a run says of each placement that it planned."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from preheat.plan import Disposition
from preheat.verdict import Finding, MissingLayer, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from preheat.ledger import Ledger, Outcome, RunRef
    from preheat.plan import Plan, PlannedPlacement

    MakePlan = Callable[..., Plan]
    Planned = Callable[..., PlannedPlacement]

MISSING = MissingLayer("sha256:" + "a" * 64, 10, ("10.0.0.1",), "404")
PARTIAL = Finding(Verdict.PARTIAL, 2, 1, 20, 10, missing=(MISSING,))
WARM = Finding(Verdict.WARM, 2, 2, 20, 20)


def only(ledger: Ledger, run: RunRef) -> Outcome:
    """Read the outcome of a run of one placement."""
    (outcome,) = ledger.outcomes(run.dag_id, run.run_id)
    return outcome


def prove(ledger: Ledger, placement_id: int, run: RunRef, finding: Finding | None) -> int:
    """Ask, get job 7, and close with a finding."""
    claim = ledger.open_attempt(placement_id, owner="me", run=run, lease_seconds=60)
    ledger.mark_asked(claim.attempt.id, owner="me", lease_seconds=60)
    ledger.record_job(claim.attempt.id, 7)
    ledger.close_attempt(claim.attempt.id, finding)
    return claim.attempt.id


def test_what_was_not_asked_is_unknown(ledger: Ledger, placement_id: int, run: RunRef) -> None:
    """Nothing is counted, so no figure is shown."""
    outcome = only(ledger, run)
    assert (outcome.verdict, outcome.words) == (Verdict.UNKNOWN, "not asked")
    assert (outcome.layers_warm, outcome.layers_expected, outcome.seconds) == (None, None, None)
    assert (outcome.placement_id, outcome.job_id) == (placement_id, None)


def test_the_verdict_of_the_run_with_its_figures(
    ledger: Ledger, placement_id: int, run: RunRef
) -> None:
    """Layers, bytes, missing layers, job and seconds come from the run's attempt."""
    prove(ledger, placement_id, run, PARTIAL)
    outcome = only(ledger, run)
    assert (outcome.verdict, outcome.job_id) == (Verdict.PARTIAL, 7)
    assert (outcome.layers_warm, outcome.layers_expected) == (1, 2)
    assert (outcome.bytes_warm, outcome.bytes_expected) == (10, 20)
    assert outcome.missing == (MISSING,)
    assert (outcome.cluster, outcome.platform) == ("eu-1", "linux/amd64")
    assert 0 <= outcome.seconds < 60
    assert outcome.checked_at == ledger.placement(placement_id).checked_at


def test_the_last_attempt_of_the_run_counts(ledger: Ledger, placement_id: int, run: RunRef) -> None:
    """A retry or a cleared task that got it warm makes the outcome WARM."""
    prove(ledger, placement_id, run, PARTIAL)
    prove(ledger, placement_id, run, WARM)
    assert only(ledger, run).verdict is Verdict.WARM


def test_an_open_attempt_proves_nothing(ledger: Ledger, placement_id: int, run: RunRef) -> None:
    """What was warm in an attempt before does not count while it is asked again."""
    prove(ledger, placement_id, run, WARM)
    ledger.open_attempt(placement_id, owner="me", run=run, lease_seconds=60)
    outcome = only(ledger, run)
    assert outcome.verdict is Verdict.UNKNOWN
    assert "still open" in outcome.words


def test_a_joined_attempt_counts_for_both_runs(
    ledger: Ledger, placement_id: int, plan: MakePlan, planned: Planned, run: RunRef
) -> None:
    """A run that joined another's job has its verdict too."""
    other = replace(run, dag_id="preheat_images")
    ledger.record_plan(plan(planned()), other)
    ledger.open_attempt(placement_id, owner="me", run=run, lease_seconds=60)
    joined = ledger.open_attempt(placement_id, owner="you", run=other, lease_seconds=60)
    ledger.close_attempt(joined.attempt.id, WARM)
    assert only(ledger, run).verdict is Verdict.WARM
    assert only(ledger, other).verdict is Verdict.WARM


def test_what_another_run_found_later_does_not_rewrite_the_outcome(
    ledger: Ledger, placement_id: int, plan: MakePlan, planned: Planned, run: RunRef
) -> None:
    """The report of a run stays what it was."""
    prove(ledger, placement_id, run, PARTIAL)
    later = replace(run, run_id="manual__2")
    ledger.record_plan(plan(planned()), later)
    prove(ledger, placement_id, later, WARM)
    assert only(ledger, run).verdict is Verdict.PARTIAL


def test_a_verdict_from_before_the_plan_does_not_count(
    ledger: Ledger, placement_id: int, plan: MakePlan, planned: Planned, run: RunRef
) -> None:
    """Yesterday's WARM is no proof for today's run, nor for a plan that was made again."""
    prove(ledger, placement_id, run, WARM)
    ledger.record_plan(plan(planned()), run)
    assert (only(ledger, run).verdict, only(ledger, run).words) == (Verdict.UNKNOWN, "not asked")


def test_a_refusal_is_unknown_with_its_words(
    ledger: Ledger, placement_id: int, run: RunRef
) -> None:
    """Who reads the report sees why, although nothing was counted."""
    claim = ledger.open_attempt(placement_id, owner="me", run=run, lease_seconds=60)
    ledger.close_attempt(claim.attempt.id, None, "unauthorized")
    outcome = only(ledger, run)
    assert (outcome.verdict, outcome.words) == (Verdict.UNKNOWN, "unauthorized")
    assert (outcome.checked_at, outcome.layers_expected) == (None, None)


def test_placements_that_are_not_asked_now_are_told_too(
    ledger: Ledger, plan: MakePlan, planned: Planned, run: RunRef
) -> None:
    """ALREADY_WARM shows the verdict that the plan relied on; NEXT_RUN is UNKNOWN."""
    (item,) = ledger.record_plan(plan(planned(1)), run).items
    prove(ledger, item.placement_id, run, WARM)
    later = replace(run, run_id="manual__2")
    warm = planned(1, disposition=Disposition.ALREADY_WARM, detail="proved 5 minutes ago")
    waiting = planned(2, disposition=Disposition.NEXT_RUN, detail="enough for one run")
    ledger.record_plan(plan(warm, waiting), later)
    first, second = ledger.outcomes(later.dag_id, later.run_id)
    assert (first.disposition, first.verdict) == (Disposition.ALREADY_WARM, Verdict.WARM)
    assert (first.words, first.layers_warm) == ("proved 5 minutes ago", None)
    assert first.checked_at == ledger.placement(item.placement_id).checked_at
    assert (second.disposition, second.verdict) == (Disposition.NEXT_RUN, Verdict.UNKNOWN)
    assert second.detail == "enough for one run"
