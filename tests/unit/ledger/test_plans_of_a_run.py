"""Several plans of one run: a policy's plan, budget and demand stay its own."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from preheat.artifact import Blob, Image
from preheat.demand import Demand
from preheat.difference import selected
from preheat.ledger import RunRef
from preheat.plan import Decision, Disposition, KeepWarm, Reason, ReasonCode
from preheat.verdict import Finding, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from preheat.ledger import Ledger
    from preheat.plan import Plan, PlannedPlacement

    MakePlan = Callable[..., Plan]
    Planned = Callable[..., PlannedPlacement]

RUN = RunRef("preheat_events", "asset__1", "track", map_index=0, try_number=1)
ALL = Finding(Verdict.WARM, 3, 3, 20, 20, hosts_warm=20, hosts_expected=20)
MOST = Finding(Verdict.PARTIAL, 3, 3, 20, 20, hosts_warm=19, hosts_expected=20)


def decided(name: str) -> Decision:
    """Select an image."""
    reasons = (Reason(ReasonCode.SELECTED),)
    return Decision("harbor", name, "sha256:1", ("1",), "", selected=True, reasons=reasons)


def follow(ledger: Ledger, placement_id: int, run: RunRef, finding: Finding) -> int:
    """Ask in a run, and close with a finding; gives the attempt's id."""
    claim = ledger.open_attempt(placement_id, owner=run.run_id, run=run, lease_seconds=60)
    ledger.mark_asked(claim.attempt.id, owner=run.run_id, lease_seconds=60)
    ledger.record_job(claim.attempt.id, 7)
    ledger.close_attempt(claim.attempt.id, finding)
    return claim.attempt.id


def spent(ledger: Ledger, policy: str) -> int:
    """Tell what a policy asked of eu-1 since yesterday."""
    now = ledger.upkeep.now()
    return ledger.spent(policy, now - timedelta(days=1), now + timedelta(days=1)).get("eu-1", 0)


def test_decisions_and_failures_are_those_of_all_plans(ledger: Ledger, plan: MakePlan) -> None:
    """In the order of the plans; where there are several, a failure names its policy."""
    one = plan(decisions=(decided("web/a"), decided("web/b")), failures=("too much",))
    two = plan(decisions=(decided("ml/a"),), policy="ml", failures=("closed", "too much"))

    ledger.record_event_plans([two, one], RUN, [])

    names = [decision.repository for decision in ledger.decisions(RUN.dag_id, RUN.run_id)]
    assert names == ["ml/a", "web/a", "web/b"]
    assert ledger.failures(RUN.dag_id, RUN.run_id) == (
        "ml: closed",
        "ml: too much",
        "web: too much",
    )
    ledger.record_event_plans([one], RUN, [])
    assert ledger.failures(RUN.dag_id, RUN.run_id) == ("too much",)


def test_a_run_of_one_plan_has_no_other(ledger: Ledger, plan: MakePlan, run: RunRef) -> None:
    """Whatever it is called: a second call replaces the first."""
    ledger.record_plan(plan(decisions=(decided("web/a"),)), run)
    ledger.record_plan(plan(policy="ml", decisions=(decided("ml/a"),)), run)

    (only,) = ledger.decisions(run.dag_id, run.run_id)
    assert only.repository == "ml/a"


def test_a_plan_over_some_repositories_is_nobodys_last_plan(
    ledger: Ledger, plan: MakePlan, run: RunRef
) -> None:
    """What it does not list did not go; the plan over everything is compared with its own kind."""
    whole = (decided("web/a"), decided("web/b"))
    ledger.record_plan(plan(decisions=whole), replace(run, run_id="earlier"))
    ledger.record_event_plans([plan(decisions=whole[:1], partial=True)], RUN, [])

    assert ledger.selected_before("web", run) == selected(whole)


def test_an_attempt_counts_in_every_plan_that_wants_it(
    ledger: Ledger, plan: MakePlan, planned: Planned
) -> None:
    """Each policy judges it by its own demand."""
    lenient = replace(planned(1).settings, demand=Demand.parse("layers 95%"))
    made = [plan(planned(1)), plan(planned(1, settings=lenient), policy="ml")]
    recorded = ledger.record_event_plans(made, RUN, [])

    follow(ledger, recorded[0].items[0].placement_id, RUN, MOST)

    outcomes = ledger.outcomes(RUN.dag_id, RUN.run_id)
    assert {o.policy: o.verdict for o in outcomes} == {
        "ml": Verdict.WARM,
        "web": Verdict.PARTIAL,
    }


@pytest.mark.parametrize(("found", "is_enough"), [(ALL, True), (MOST, False)])
def test_what_another_run_proved_must_do_for_every_plan(
    ledger: Ledger,
    plan: MakePlan,
    planned: Planned,
    run: RunRef,
    found: Finding,
    is_enough: bool,
) -> None:
    """Else the stricter policy's part of the run would stay red."""
    lenient = replace(planned(1).settings, demand=Demand.parse("layers 95%"))
    made = [plan(planned(1)), plan(planned(1, settings=lenient), policy="ml")]
    recorded = ledger.record_event_plans(made, RUN, [])
    placement_id = recorded[0].items[0].placement_id
    ledger.record_plan(plan(planned(1)), run)
    proof = follow(ledger, placement_id, run, found)

    claim = ledger.open_attempt(placement_id, owner="a", run=RUN, lease_seconds=60)

    assert (claim.attempt.id == proof) is is_enough


class TestBytes:
    """What each policy spent of its budget."""

    @pytest.fixture(autouse=True)
    def _known(self, ledger: Ledger, planned: Planned) -> None:
        for number, size in ((1, 100), (2, 20), (3, 3)):
            key = planned(number).key
            blobs = (Blob(f"sha256:b{number}", size),)
            ledger.record_image(Image(key.digest, key.platform, blobs))

    def test_each_policy_spends_for_what_it_wants(
        self, ledger: Ledger, plan: MakePlan, planned: Planned
    ) -> None:
        """What both want, both spend for: at most too high."""
        made = [plan(planned(1), planned(2)), plan(planned(2), planned(3), policy="ml")]
        recorded = ledger.record_event_plans(made, RUN, [])
        for item in (*recorded[0].items, recorded[1].items[1]):
            follow(ledger, item.placement_id, RUN, ALL)

        assert (spent(ledger, "web"), spent(ledger, "ml")) == (120, 23)

    def test_what_a_cleared_plan_wanted_before_still_counts(
        self, ledger: Ledger, plan: MakePlan, planned: Planned
    ) -> None:
        """For all policies that the run plans for now: nobody knows whose it was."""
        made = [plan(planned(1)), plan(planned(2), policy="ml")]
        for one in ledger.record_event_plans(made, RUN, []):
            follow(ledger, one.items[0].placement_id, RUN, ALL)

        ledger.record_event_plans([plan(), plan(planned(2), policy="ml")], RUN, [])

        assert (spent(ledger, "web"), spent(ledger, "ml")) == (100, 120)


def test_a_budget_is_lifted_in_all_plans_together(
    ledger: Ledger, plan: MakePlan, planned: Planned
) -> None:
    """One run takes only so much of a cluster, whoever wants it; and it is kept, where wanted."""
    keep = KeepWarm(timedelta(hours=1), timedelta(days=1))
    over = [planned(n, disposition=Disposition.OVER_BUDGET, detail="too much") for n in (1, 2, 3)]
    made = [plan(over[0], policy="ml"), plan(planned(4), *over[1:], keep_warm=keep)]
    ledger.record_event_plans(made, RUN, [])

    assert ledger.lift_budget(RUN.dag_id, RUN.run_id, most=3) == 2

    found = [(o.policy, o.disposition) for o in ledger.outcomes(RUN.dag_id, RUN.run_id)]
    assert found == [
        ("ml", Disposition.ASK),
        ("web", Disposition.ASK),
        ("web", Disposition.ASK),
        ("web", Disposition.NEXT_RUN),
    ]
    assert {wish.policy for wish in ledger.upkeep.kept()} == {"web"}
    ledger.hold_to_budget(RUN.dag_id, RUN.run_id)
    dispositions = [o.disposition for o in ledger.outcomes(RUN.dag_id, RUN.run_id)]
    assert dispositions.count(Disposition.OVER_BUDGET) == 2


def test_a_window_closes_for_all_plans(ledger: Ledger, plan: MakePlan, planned: Planned) -> None:
    """What is asked for already in one position of a plan says nothing of that of another."""
    warm = planned(1, disposition=Disposition.ALREADY_WARM)
    ledger.record_event_plans([plan(warm, planned(2)), plan(planned(3), policy="ml")], RUN, [])

    assert ledger.close_window(RUN.dag_id, RUN.run_id, "eu-1", "it opens at 20:00") == 2

    found = {o.label[:13]: o.disposition for o in ledger.outcomes(RUN.dag_id, RUN.run_id)}
    assert found == {
        "library/app:1": Disposition.ALREADY_WARM,
        "library/app:2": Disposition.WINDOW_CLOSED,
        "library/app:3": Disposition.WINDOW_CLOSED,
    }
