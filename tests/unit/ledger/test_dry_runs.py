"""Dry runs: a plan to look at, which counts nowhere as the last one, and changes nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from preheat.ledger import RunRef
from preheat.plan import Decision, Disposition, KeepWarm, Reason, ReasonCode
from preheat.verdict import Finding, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from preheat.ledger import Ledger
    from preheat.plan import Plan, PlannedPlacement

DRY = RunRef("preheat__web", "dry")
DAILY = KeepWarm(timedelta(days=1), timedelta(days=14))
WARM = Finding(Verdict.WARM, 3, 3, 900, 900)


def chosen(repository: str) -> Decision:
    """Select the image of a repository."""
    reasons = (Reason(ReasonCode.SELECTED),)
    return Decision(
        "harbor", repository, "sha256:1", (), "linux/amd64", selected=True, reasons=reasons
    )


def test_it_is_known_for_one(
    ledger: Ledger, run: RunRef, plan: Callable[..., Plan], planned: Callable[..., PlannedPlacement]
) -> None:
    """By its run and by its number, also where it has no placement; others are none."""
    made = ledger.record_plan(plan(planned()).as_dry_run(), DRY)
    real = ledger.record_plan(plan(planned()), run)
    ledger.record_plan(plan().as_dry_run(), replace(DRY, run_id="empty"))

    assert [item.disposition for item in made.items] == [Disposition.DRY_RUN]
    assert ledger.is_dry_run(DRY.dag_id, DRY.run_id)
    assert ledger.is_dry_run(DRY.dag_id, "empty")
    assert ledger.is_dry_plan(made.plan_id)
    assert not ledger.is_dry_run(run.dag_id, run.run_id)
    assert not ledger.is_dry_plan(real.plan_id)
    assert not ledger.is_dry_plan(real.plan_id + 99)


def test_the_next_plan_is_not_compared_with_it(
    ledger: Ledger, run: RunRef, plan: Callable[..., Plan]
) -> None:
    """What it selected nobody acted on: what came since the last real plan still came."""
    ledger.record_plan(plan(decisions=(chosen("library/a"),)), run)
    ledger.record_plan(plan(decisions=(chosen("library/b"),)).as_dry_run(), DRY)

    for asks in (RunRef("preheat__web", "next"), DRY):
        before = ledger.selected_before("web", asks)
        assert before is not None
        assert [name.repository for name in before] == ["library/a"]


def test_without_a_real_plan_there_is_nothing_to_compare_with(
    ledger: Ledger, run: RunRef, plan: Callable[..., Plan]
) -> None:
    """A dry run before a policy's first run is no first run."""
    ledger.record_plan(plan(decisions=(chosen("library/a"),)).as_dry_run(), DRY)

    assert ledger.selected_before("web", run) is None


@pytest.mark.parametrize("keep_warm", [None, DAILY])
def test_it_neither_keeps_anything_warm_nor_ends_that(
    ledger: Ledger,
    run: RunRef,
    plan: Callable[..., Plan],
    planned: Callable[..., PlannedPlacement],
    keep_warm: KeepWarm | None,
) -> None:
    """Whatever the policy says by now of what is to be kept."""
    ledger.record_plan(plan(planned(1), keep_warm=DAILY), run)
    (before,) = ledger.upkeep.kept()

    ledger.record_plan(plan(planned(1), planned(2), keep_warm=keep_warm).as_dry_run(), DRY)

    assert ledger.upkeep.kept() == [before]


def test_what_others_asked_for_stays_as_it_is(
    ledger: Ledger, run: RunRef, plan: Callable[..., Plan], planned: Callable[..., PlannedPlacement]
) -> None:
    """A cluster that is described anew undoes proofs only once something is asked of it."""
    (one, two) = ledger.record_plan(plan(planned(1), planned(2)), run).items
    claim = ledger.open_attempt(one.placement_id, owner="a", run=run, lease_seconds=60)
    ledger.close_attempt(claim.attempt.id, WARM)
    asked = ledger.open_attempt(two.placement_id, owner="a", run=run, lease_seconds=60)
    before = [ledger.placement(item.placement_id) for item in (one, two)]
    elsewhere = replace(planned().settings, connection="another", scheduler_cluster_id=7)

    shown = plan(planned(1, settings=elsewhere), planned(2, settings=elsewhere)).as_dry_run()
    made = ledger.record_plan(shown, DRY)

    assert [item.placement_id for item in made.items] == [one.placement_id, two.placement_id]
    assert [ledger.placement(item.placement_id) for item in (one, two)] == before
    assert ledger.attempt(asked.attempt.id).is_open


def test_what_nobody_planned_before_gets_its_row(
    ledger: Ledger, run: RunRef, plan: Callable[..., Plan], planned: Callable[..., PlannedPlacement]
) -> None:
    """Of which nothing is known; the first real plan finds it, with its own settings."""
    (shown,) = ledger.record_plan(plan(planned()).as_dry_run(), DRY).items
    elsewhere = replace(planned().settings, connection="another")

    (asked,) = ledger.record_plan(plan(planned(settings=elsewhere)), run).items

    assert asked.placement_id == shown.placement_id
    stored = ledger.placement(asked.placement_id)
    assert (stored.verdict, stored.settings) == (Verdict.UNKNOWN, elsewhere)
