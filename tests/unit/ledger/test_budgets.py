"""What budgets and comparisons need of the ledger: bytes spent, a lifted budget, the last plan."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from preheat.artifact import Blob, Image
from preheat.difference import Difference, ImageName
from preheat.ledger import RunRef
from preheat.ledger.schema import plan as plan_table
from preheat.plan import ClusterBytes, Decision, Disposition, Reason, ReasonCode
from preheat.verdict import Finding, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from preheat.ledger import Ledger
    from preheat.plan import Plan, PlannedPlacement

    MakePlan = Callable[..., Plan]
    Planned = Callable[..., PlannedPlacement]

OTHER_RUN = RunRef("preheat__web", "manual__2", "track", map_index=0, try_number=1)
COLD = Finding(Verdict.COLD, 1, 0, 5, 0)


def spent(ledger: Ledger, policy: str) -> Mapping[str, int]:
    """Tell what a policy asked in the last day."""
    now = datetime.now(UTC)
    return ledger.spent(policy, now - timedelta(days=1), now + timedelta(minutes=1))


def weigh(ledger: Ledger, item: PlannedPlacement, size: int) -> None:
    """Tell the ledger how large an image is."""
    blob = Blob(f"sha256:{size:064x}", size)
    ledger.record_image(Image(item.key.digest, item.key.platform, (blob,)))


def ask_for(ledger: Ledger, placement_id: int, run: RunRef, verdict: Finding | None = None) -> None:
    """Ask for a placement as the sensor does; with a verdict the attempt is over."""
    claim = ledger.open_attempt(placement_id, owner=str(run), run=run, lease_seconds=60)
    ledger.mark_asked(claim.attempt.id, owner=str(run), lease_seconds=60)
    if verdict:
        ledger.close_attempt(claim.attempt.id, verdict)


@pytest.fixture
def asked(ledger: Ledger, plan: MakePlan, planned: Planned, run: RunRef) -> Plan:
    """Ask for an image of 700 bytes on eu-1 and for one of 300 on us-1; returns the plan."""
    first, second = planned(1), planned(2)
    second = replace(second, key=replace(second.key, cluster="us-1"))
    for item, size in ((first, 700), (second, 300)):
        weigh(ledger, item, size)
    made = plan(first, second)
    for item in ledger.record_plan(made, run).items:
        ask_for(ledger, item.placement_id, run, COLD)
    return made


def test_spent_sums_what_was_asked_by_cluster(ledger: Ledger, asked: Plan) -> None:
    """An attempt counts whatever came of it: the bytes may have travelled."""
    assert asked.placements
    assert spent(ledger, "web") == {"eu-1": 700, "us-1": 300}


def test_spent_counts_one_policy_only(ledger: Ledger, asked: Plan) -> None:
    """Each policy has a budget of its own."""
    assert asked.placements
    assert spent(ledger, "another") == {}


def test_spent_forgets_after_a_day(
    ledger: Ledger, asked: Plan, pass_time: Callable[[float], None]
) -> None:
    """The day is the last 24 hours, by the time of asking."""
    assert asked.placements
    pass_time(23.9 * 3600)
    assert spent(ledger, "web") == {"eu-1": 700, "us-1": 300}

    pass_time(0.2 * 3600)
    assert spent(ledger, "web") == {}


def test_what_was_planned_but_never_asked_is_not_spent(
    ledger: Ledger, plan: MakePlan, planned: Planned, run: RunRef
) -> None:
    """An attempt that died before its request moved nothing."""
    weigh(ledger, planned(1), 700)
    (item,) = ledger.record_plan(plan(planned(1)), run).items
    ledger.open_attempt(item.placement_id, owner="me", run=run, lease_seconds=60)

    assert spent(ledger, "web") == {}


def test_a_retry_of_a_run_is_not_spent_again(ledger: Ledger, asked: Plan, run: RunRef) -> None:
    """It fetches only what is missing; another run's attempt is another expense."""
    first = ledger.outcomes(run.dag_id, run.run_id)[0]
    ask_for(ledger, first.placement_id, replace(run, try_number=2), COLD)
    assert spent(ledger, "web")["eu-1"] == 700

    ledger.record_plan(asked, OTHER_RUN)
    ask_for(ledger, first.placement_id, OTHER_RUN, COLD)
    assert spent(ledger, "web")["eu-1"] == 1400


def test_a_plan_made_anew_forgets_nothing_that_was_spent(
    ledger: Ledger, asked: Plan, plan: MakePlan, planned: Planned, run: RunRef
) -> None:
    """A cleared plan task replaces the plan; the bytes of its first placements stay spent."""
    assert asked.placements
    ledger.record_plan(plan(planned(3)), run)

    assert spent(ledger, "web") == {"eu-1": 700, "us-1": 300}


def test_an_attempt_that_two_policies_follow_is_spent_by_both(
    ledger: Ledger, plan: MakePlan, planned: Planned, run: RunRef
) -> None:
    """Each of the two would have asked; for each it counts once."""
    weigh(ledger, planned(1), 700)
    (item,) = ledger.record_plan(plan(planned(1)), run).items
    ask_for(ledger, item.placement_id, run)
    joining = replace(OTHER_RUN, dag_id="preheat__ml")
    ledger.record_plan(plan(planned(1), policy="ml"), joining)
    ledger.open_attempt(item.placement_id, owner="other", run=joining, lease_seconds=60)

    assert spent(ledger, "web") == {"eu-1": 700}
    assert spent(ledger, "ml") == {"eu-1": 700}


def test_a_lifted_budget_asks_for_what_it_left_out(
    ledger: Ledger, plan: MakePlan, planned: Planned, run: RunRef
) -> None:
    """Only what the budget left out changes; a closed window stays closed."""
    ledger.record_plan(
        plan(
            planned(1),
            planned(2, disposition=Disposition.OVER_BUDGET, detail="too much"),
            planned(3, disposition=Disposition.WINDOW_CLOSED),
            planned(4, disposition=Disposition.ALREADY_WARM),
        ),
        run,
    )

    assert ledger.lift_budget(run.dag_id, run.run_id, most=10) == 1
    assert dispositions(ledger, run) == [
        Disposition.ASK,
        Disposition.ASK,
        Disposition.WINDOW_CLOSED,
        Disposition.ALREADY_WARM,
    ]


def dispositions(ledger: Ledger, run: RunRef) -> list[Disposition]:
    """Read what becomes of each placement of a run, in plan order."""
    return [outcome.disposition for outcome in ledger.outcomes(run.dag_id, run.run_id)]


def test_a_lifted_budget_keeps_to_the_length_of_a_run(
    ledger: Ledger, plan: MakePlan, planned: Planned, run: RunRef
) -> None:
    """A mapped task has a limit; what is beyond it waits for the next run, cluster by cluster."""
    over = [planned(number, disposition=Disposition.OVER_BUDGET) for number in (2, 3)]
    there = planned(4, disposition=Disposition.OVER_BUDGET)
    there = replace(there, key=replace(there.key, cluster="us-1"))
    ledger.record_plan(plan(planned(1), *over, there), run)

    assert ledger.lift_budget(run.dag_id, run.run_id, most=2) == 2
    assert dispositions(ledger, run) == [
        Disposition.ASK,
        Disposition.ASK,
        Disposition.NEXT_RUN,
        Disposition.ASK,
    ]


def test_a_budget_is_lifted_for_one_run_only(
    ledger: Ledger, plan: MakePlan, planned: Planned, run: RunRef
) -> None:
    """The answer of a person is about the plan that the person was asked about."""
    made = plan(planned(1, disposition=Disposition.OVER_BUDGET))
    ledger.record_plan(made, run)
    ledger.record_plan(made, OTHER_RUN)

    ledger.lift_budget(run.dag_id, run.run_id, most=10)

    assert dispositions(ledger, OTHER_RUN) == [Disposition.OVER_BUDGET]


def test_lifting_twice_lifts_nothing_more(
    ledger: Ledger, plan: MakePlan, planned: Planned, run: RunRef
) -> None:
    """A task that died after its commit runs again."""
    ledger.record_plan(plan(planned(1, disposition=Disposition.OVER_BUDGET)), run)

    assert ledger.lift_budget(run.dag_id, run.run_id, most=10) == 1
    assert ledger.lift_budget(run.dag_id, run.run_id, most=10) == 0


def test_a_large_plan_is_lifted_whole(
    ledger: Ledger, plan: MakePlan, planned: Planned, run: RunRef
) -> None:
    """More placements than a database takes values in one statement."""
    over = [planned(number, disposition=Disposition.OVER_BUDGET) for number in range(1, 1101)]
    ledger.record_plan(plan(*over), run)

    assert ledger.lift_budget(run.dag_id, run.run_id, most=1024) == 1024
    assert dispositions(ledger, run).count(Disposition.NEXT_RUN) == 76


def decided(number: int, *, selected: bool = True) -> Decision:
    """Make up a decision."""
    reason = Reason(ReasonCode.SELECTED if selected else ReasonCode.NOT_NEWEST)
    repository, digest = f"library/app-{number}", f"sha256:{number:064x}"
    tags = (f"1.{number}",)
    return Decision("harbor", repository, digest, tags, "linux/amd64", selected, (reason,))


def named(number: int) -> ImageName:
    """Name the image of such a decision."""
    return ImageName("harbor", f"library/app-{number}", f"sha256:{number:064x}", "linux/amd64")


def test_the_first_plan_of_a_policy_follows_none(
    ledger: Ledger, plan: MakePlan, run: RunRef
) -> None:
    """Neither a plan of another policy nor the run's own counts."""
    ledger.record_plan(plan(policy="another", decisions=(decided(1),)), OTHER_RUN)
    ledger.record_plan(plan(decisions=(decided(2),)), run)

    assert ledger.selected_before("web", run) is None


def test_the_last_plan_tells_what_it_selected(ledger: Ledger, plan: MakePlan, run: RunRef) -> None:
    """The latest by the time of evaluation, in whatever order plans were written."""
    moments: list[tuple[str, int, Any]] = [("b", 2, 20), ("c", 3, 30), ("a", 1, 10)]
    for name, number, minute in moments:
        made = plan(
            decisions=(decided(number), decided(9, selected=False)),
            evaluated_at=datetime(2026, 11, 24, 12, minute, tzinfo=UTC),
        )
        ledger.record_plan(made, replace(OTHER_RUN, run_id=name))

    before = ledger.selected_before("web", run)

    assert before == (named(3),)
    assert before is not None
    assert before[0].tags == ("1.3",)


def test_a_plan_that_selected_nothing_is_a_plan(
    ledger: Ledger, plan: MakePlan, run: RunRef
) -> None:
    """Then everything is new; without any plan nobody could say so."""
    ledger.record_plan(plan(), OTHER_RUN)

    assert ledger.selected_before("web", run) == ()


def test_bytes_and_difference_are_kept_with_the_plan(
    ledger: Ledger, plan: MakePlan, run: RunRef
) -> None:
    """As plain data that pages can show; no difference is null, not an empty one."""
    changed = Difference(added=(named(1),), kept=(named(2),))
    ledger.record_plan(plan(bytes={"eu-1": ClusterBytes(2, 700, 1)}, difference=changed), run)
    ledger.record_plan(plan(), OTHER_RUN)

    with ledger._engine.begin() as connection:
        query = select(plan_table.c.bytes, plan_table.c.difference).order_by(plan_table.c.run_id)
        first, second = connection.execute(query).all()
    assert first.bytes == {"eu-1": {"images": 2, "bytes": 700, "unknown": 1}}
    assert [image["repository"] for image in first.difference["added"]] == ["library/app-1"]
    assert (first.difference["kept"], first.difference["removed"]) == (1, [])
    assert (second.bytes, second.difference) == ({}, None)
