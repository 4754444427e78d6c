"""Figures for those who watch: what is wanted, asked for and waiting."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sqlalchemy import update

from preheat.event import EventKind, EventSource, HarborEvent
from preheat.ledger import RunRef
from preheat.ledger.schema import event
from preheat.verdict import Finding, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from preheat.ledger import Ledger
    from preheat.plan import Plan, PlannedPlacement


def test_an_empty_ledger_has_no_figures(ledger: Ledger) -> None:
    """There is no cluster yet of which to count zero."""
    figures = ledger.upkeep.figures()
    assert (figures.placements, figures.asked, figures.waiting) == ({}, {}, {})


def test_each_cluster_is_counted_by_verdict(
    ledger: Ledger,
    plan: Callable[..., Plan],
    planned: Callable[..., PlannedPlacement],
    run: RunRef,
) -> None:
    """A cluster of which nothing is wanted any more counts zero, not nothing."""
    there = replace(planned().key, cluster="us-1")
    ledger.record_plan(plan(planned(key=there)), run)
    later = RunRef(run.dag_id, "manual__2")
    recorded = ledger.record_plan(plan(planned(2), planned(3)), later)
    warm, asked = (item.placement_id for item in recorded.items)
    claim = ledger.open_attempt(warm, owner="t", run=later, lease_seconds=60)
    ledger.close_attempt(claim.attempt.id, Finding(Verdict.WARM, 1, 1, 10, 10))
    ledger.open_attempt(asked, owner="t", run=later, lease_seconds=60)

    figures = ledger.upkeep.figures()

    assert {key: number for key, number in figures.placements.items() if number} == {
        ("eu-1", Verdict.WARM): 1,
        ("eu-1", Verdict.UNKNOWN): 1,
    }
    assert set(figures.placements) == {(name, one) for name in ("eu-1", "us-1") for one in Verdict}
    assert figures.asked == {"eu-1": 1, "us-1": 0}


def test_events_are_counted_by_the_harbor_of_which_they_are(ledger: Ledger) -> None:
    """With the moment since when the oldest waits."""
    told = [
        HarborEvent(registry, f"ce:{number}", EventSource.WEBHOOK, EventKind.PUSHED, "library/app")
        for registry, count in (("harbor_default", 2), ("harbor_eu", 1))
        for number in range(count)
    ]
    ledger.inbox.receive(told)
    assert ledger.upkeep.figures().waiting == {}  # each waits a moment for more of its kind
    with ledger._engine.begin() as connection:
        connection.execute(update(event).values(due_at=event.c.received_at))

    figures = ledger.upkeep.figures()

    assert {name: due.count for name, due in figures.waiting.items()} == {
        "harbor_default": 2,
        "harbor_eu": 1,
    }
    oldest = figures.waiting["harbor_eu"].oldest_received_at
    assert oldest is not None
    assert oldest <= figures.now
