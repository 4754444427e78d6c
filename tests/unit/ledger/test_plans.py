"""Plans in the ledger: recorded once per run, in one go, with every decision."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import event, func, select

from preheat.ledger.schema import placement, plan_placement
from preheat.ledger.schema import plan as plan_table
from preheat.plan import Decision, Disposition, Reason, ReasonCode
from preheat.verdict import Finding, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from preheat.ledger import Ledger, RunRef
    from preheat.plan import Plan, PlannedPlacement

    MakePlan = Callable[..., Plan]
    Planned = Callable[..., PlannedPlacement]


def count(ledger: Ledger, table: object) -> int:
    """Count the rows of a table."""
    with ledger._engine.begin() as connection:
        return connection.scalar(select(func.count()).select_from(table))


def decision(number: int) -> Decision:
    """Make up a decision."""
    return Decision(
        registry="harbor_default",
        repository=f"library/app-{number}",
        digest=f"sha256:{number:064x}",
        tags=("1.0", "latest"),
        platform="linux/amd64",
        selected=number % 2 == 0,
        reasons=(
            Reason(
                ReasonCode.SELECTED if number % 2 == 0 else ReasonCode.NOT_NEWEST,
                detail=f"number {number}, newest 3 wanted",
                rule="newest",
                line=number % 100,
            ),
        ),
    )


def test_items_come_back_in_plan_order(
    ledger: Ledger, plan: MakePlan, planned: Planned, run: RunRef
) -> None:
    """Each planned placement becomes an item with its id, in the order of the plan."""
    placements = (
        planned(3, wave=2),
        planned(1),
        planned(2, disposition=Disposition.NEXT_RUN, detail="1024 are enough for one run"),
    )
    recorded = ledger.record_plan(plan(*placements), run)
    assert [item.label for item in recorded.items] == [item.label for item in placements]
    assert [item.wave for item in recorded.items] == [2, 1, 1]
    assert recorded.items[2].disposition is Disposition.NEXT_RUN
    assert recorded.items[2].detail == "1024 are enough for one run"
    stored = [ledger.placement(item.placement_id) for item in recorded.items]
    assert [item.key for item in stored] == [item.key for item in placements]
    assert [item.settings for item in stored] == [item.settings for item in placements]
    assert {item.verdict for item in stored} == {Verdict.UNKNOWN}


def test_a_plan_task_that_runs_again_replaces_its_plan(
    ledger: Ledger, plan: MakePlan, planned: Planned, run: RunRef
) -> None:
    """One plan per run remains, with the last placements; placements keep their ids."""
    first = ledger.record_plan(plan(planned(1), planned(2)), run)
    second = ledger.record_plan(plan(planned(2), planned(3)), run)
    assert second.plan_id == first.plan_id
    assert second.items[0].placement_id == first.items[1].placement_id
    assert [outcome.label for outcome in ledger.outcomes(run.dag_id, run.run_id)] == [
        item.label for item in second.items
    ]
    assert count(ledger, plan_table) == 1
    assert count(ledger, plan_placement) == 2
    assert count(ledger, placement) == 3


def test_a_new_plan_gives_a_placement_its_latest_settings(
    ledger: Ledger, plan: MakePlan, planned: Planned, run: RunRef
) -> None:
    """Settings follow the policy; verdict and id of the placement stay."""
    before = planned(1)
    (item,) = ledger.record_plan(plan(before), run).items
    claim = ledger.open_attempt(item.placement_id, owner="me", run=run, lease_seconds=60)
    ledger.close_attempt(claim.attempt.id, Finding(Verdict.WARM, 1, 1, 5, 5))
    after = replace(before, settings=replace(before.settings, timeout_seconds=60))
    ledger.record_plan(plan(after), replace(run, run_id="manual__2"))
    stored = ledger.placement(item.placement_id)
    assert stored.settings.timeout_seconds == 60
    assert stored.verdict is Verdict.WARM


@pytest.mark.parametrize(
    "change",
    [
        {"cluster": "us-1"},
        {"pull_endpoint": "https://harbor.example"},
        {"repository": "library/app-copy"},
        {"platform": "linux/arm64"},
        {"peers": ""},
    ],
)
def test_every_part_of_the_key_makes_another_placement(
    ledger: Ledger, plan: MakePlan, planned: Planned, run: RunRef, change: dict[str, str]
) -> None:
    """The same digest elsewhere is cold there, so it is a placement of its own."""
    one = planned(1)
    other = replace(one, key=replace(one.key, **change))
    first, second = ledger.record_plan(plan(one, other), run).items
    assert first.placement_id != second.placement_id


def test_a_key_that_is_planned_twice_is_one_placement(
    ledger: Ledger, plan: MakePlan, planned: Planned, run: RunRef
) -> None:
    """Two items of one plan may name the same placement."""
    first, second = ledger.record_plan(plan(planned(1), planned(1)), run).items
    assert first.placement_id == second.placement_id


def test_an_empty_plan_is_recorded(ledger: Ledger, plan: MakePlan, run: RunRef) -> None:
    """A policy that selects nothing leaves a plan without items."""
    assert ledger.record_plan(plan(), run).items == ()
    assert ledger.outcomes(run.dag_id, run.run_id) == []


def test_decisions_come_back_whole(ledger: Ledger, plan: MakePlan, run: RunRef) -> None:
    """Every decision, selected or not, with its reasons; counts by reason lie beside them."""
    made = tuple(decision(number) for number in range(5))
    ledger.record_plan(plan(decisions=made), run)
    assert ledger.decisions(run.dag_id, run.run_id) == made
    assert ledger.decisions(run.dag_id, "other") == ()
    with ledger._engine.begin() as connection:
        counts = connection.scalar(select(plan_table.c.counts))
    assert counts == {"SELECTED": 3, "NOT_NEWEST": 2}


def test_a_large_plan_is_written_in_whole_sets(
    ledger: Ledger, plan: MakePlan, planned: Planned, run: RunRef
) -> None:
    """1,000 placements and 10,000 decisions take a few statements, not one a row."""
    large = plan(
        *(planned(number) for number in range(1000)),
        decisions=tuple(decision(number) for number in range(10_000)),
    )
    statements: list[str] = []

    def note(*arguments: object) -> None:
        statements.append(str(arguments[2]))

    event.listen(ledger._engine, "before_cursor_execute", note)
    recorded = ledger.record_plan(large, run)

    assert len({item.placement_id for item in recorded.items}) == 1000
    assert len(statements) < 50
