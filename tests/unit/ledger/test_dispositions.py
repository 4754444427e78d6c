"""What becomes of a plan's placements later: a yes that is taken back, a window that closed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from preheat.plan import Disposition

if TYPE_CHECKING:
    from collections.abc import Callable

    from preheat.ledger import Ledger, RunRef
    from preheat.plan import Plan, PlannedPlacement

    MakePlan = Callable[..., Plan]
    Planned = Callable[..., PlannedPlacement]


def test_a_yes_can_be_taken_back(
    ledger: Ledger, plan: MakePlan, planned: Planned, run: RunRef
) -> None:
    """Whoever clears the question asks it anew; what fits is asked for all the time."""
    over = planned(2, disposition=Disposition.OVER_BUDGET, detail="budget.maxImages is 1")
    ledger.record_plan(plan(planned(1), over), run)
    ledger.lift_budget(run.dag_id, run.run_id, most=10)

    ledger.hold_to_budget(run.dag_id, run.run_id)

    first, second = ledger.outcomes(run.dag_id, run.run_id)
    assert first.disposition is Disposition.ASK
    assert second.disposition is Disposition.OVER_BUDGET
    assert second.detail == "budget.maxImages is 1"


def test_what_is_lifted_too_late_says_so(
    ledger: Ledger, plan: MakePlan, planned: Planned, run: RunRef
) -> None:
    """It waits for the length of a run, not for the budget any more."""
    over = planned(2, disposition=Disposition.OVER_BUDGET, detail="budget.maxImages is 1")
    ledger.record_plan(plan(planned(1), over), run)

    assert ledger.lift_budget(run.dag_id, run.run_id, most=1) == 0

    (late,) = ledger.outcomes(run.dag_id, run.run_id)[1:]
    assert late.disposition is Disposition.NEXT_RUN
    assert late.detail == "one run takes 1 placements of a cluster; 1 wait for the next"


def test_a_window_closes_for_one_cluster(
    ledger: Ledger, plan: MakePlan, planned: Planned, run: RunRef
) -> None:
    """What is still to be asked of it is left out; other clusters are handed out by themselves."""
    there = planned(2)
    there = replace(there, key=replace(there.key, cluster="us-1"))
    warm = planned(3, disposition=Disposition.ALREADY_WARM)
    ledger.record_plan(plan(planned(1), there, warm), run)

    assert ledger.close_window(run.dag_id, run.run_id, "eu-1", "it opens at 20:00") == 1

    found = {o.cluster: o for o in ledger.outcomes(run.dag_id, run.run_id)[:2]}
    assert found["eu-1"].disposition is Disposition.WINDOW_CLOSED
    assert found["eu-1"].detail == "it opens at 20:00"
    assert found["us-1"].disposition is Disposition.ASK
