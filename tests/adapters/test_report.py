"""The report lets green mean warm; the placements task hands each cluster its own."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.sdk import Asset
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from preheat.plan import Disposition
from preheat.provider.operators.placements import ClusterPlacementsOperator
from preheat.provider.operators.report import PreheatReportOperator
from preheat.verdict import Finding, MissingLayer, Verdict


def report(**options: Any) -> PreheatReportOperator:
    """Build the report as the DAGs do."""
    return PreheatReportOperator(task_id="report", plan_task_id="plan", **options)


def settle(world: Any, placement: Any, verdict: Verdict) -> None:
    """Close an attempt of this run with a verdict."""
    claim = world.ledger.open_attempt(placement.id, owner="t", run=world.run, lease_seconds=60)
    lost = () if verdict is Verdict.WARM else (MissingLayer(world.layer, 600),)
    finding = Finding(verdict, 3, 3 - len(lost), 1500, 900, lost, words="said why" if lost else "")
    world.ledger.close_attempt(claim.attempt.id, finding)


def complaint(operator: PreheatReportOperator, context: dict[str, Any]) -> str:
    """Run a report that must fail."""
    with pytest.raises(AirflowFailException) as caught:
        operator.execute(context)
    return str(caught.value)


def test_all_warm_is_green(world: Any, context: dict[str, Any]) -> None:
    """The counts are for people; results are read from the ledger."""
    for placement in world.plan(Disposition.ASK, Disposition.ASK):
        settle(world, placement, Verdict.WARM)

    assert report().execute(context) == {"placements": 2, "WARM": 2}


def test_an_empty_plan_is_green(world: Any, context: dict[str, Any]) -> None:
    """Everything that has to be warm is."""
    world.plan()

    assert report().execute(context) == {"placements": 0}


@pytest.mark.parametrize("state", ["failed", "upstream_failed", "skipped", None])
def test_without_a_plan_nothing_is_green(
    world: Any, context: dict[str, Any], state: str | None
) -> None:
    """An earlier plan of the same run in the ledger does not count."""
    settle(world, *world.plan(Disposition.ASK), Verdict.WARM)
    context["ti"].states = {"plan": state} if state else {}

    assert f"There is no plan: the task plan ended as {state}" in complaint(report(), context)


@pytest.mark.parametrize("verdict", [Verdict.PARTIAL, Verdict.COLD, Verdict.UNKNOWN])
def test_what_is_not_warm_is_named(world: Any, context: dict[str, Any], verdict: Verdict) -> None:
    """One of two: which image, which cluster, how much is missing, why, and what to do."""
    warm, cold = world.plan(Disposition.ASK, Disposition.ASK)
    settle(world, warm, Verdict.WARM)
    settle(world, cold, verdict)

    told = complaint(report(), context)

    assert "1 of 2 placements not warm" in told
    assert f"on us-1 is {verdict}, 1 layer missing: said why" in told
    assert "clear them with their downstream" in told


def test_the_reason_of_a_missing_layer_is_told(world: Any, context: dict[str, Any]) -> None:
    """Where the job as a whole said nothing, the layer's own words say why."""
    (placement,) = world.plan(Disposition.ASK)
    claim = world.ledger.open_attempt(placement.id, owner="t", run=world.run, lease_seconds=60)
    lost = MissingLayer(world.layer, 600, words="the registry answers 500")
    world.ledger.close_attempt(claim.attempt.id, Finding(Verdict.PARTIAL, 3, 2, 1500, 900, (lost,)))

    told = complaint(report(), context)

    assert "on us-1 is PARTIAL, 1 layer missing: the registry answers 500" in told


def test_what_was_never_asked_is_not_warm(world: Any, context: dict[str, Any]) -> None:
    """A tracked task that died before it asked leaves UNKNOWN, and that is red."""
    world.plan(Disposition.ASK)

    assert "on us-1 is UNKNOWN" in complaint(report(), context)


def test_a_verdict_of_an_earlier_run_does_not_count(world: Any, context: dict[str, Any]) -> None:
    """Warm yesterday is no answer to what was asked today."""
    settle(world, *world.plan(Disposition.ASK), Verdict.WARM)
    world.plan(Disposition.ASK)

    assert "on us-1 is UNKNOWN" in complaint(report(), context)


def test_a_task_that_failed_though_all_was_warm_before_is_red(
    world: Any, context: dict[str, Any]
) -> None:
    """A cleared task that could not prove it again leaves the earlier proof, which is old now."""
    settle(world, *world.plan(Disposition.ASK), Verdict.WARM)
    context["ti"].states["us-1.track_0"] = "failed"

    assert "but us-1.track_0 failed" in complaint(report(), context)


def test_what_waits_for_the_next_run_is_red(world: Any, context: dict[str, Any]) -> None:
    """A plan larger than a run is not warm yet, and the reason is said."""
    asked, _ = world.plan(Disposition.ASK, Disposition.NEXT_RUN)
    settle(world, asked, Verdict.WARM)

    assert "one run takes few" in complaint(report(), context)


def test_a_dry_run_is_green(world: Any, context: dict[str, Any]) -> None:
    """Nothing was asked, so nothing failed."""
    world.plan(Disposition.ASK, Disposition.NEXT_RUN, dry_run=True)

    assert report().execute(context) == {"placements": 2, "dry run": 2}


@pytest.mark.parametrize("dispositions", [(Disposition.ASK,), (Disposition.ALREADY_WARM,), ()])
def test_a_dry_run_updates_no_asset(
    world: Any, context: dict[str, Any], dispositions: tuple[Disposition, ...]
) -> None:
    """Where the report has assets it ends skipped, also when nothing was to be shown."""
    world.plan(*dispositions, dry_run=True)

    with pytest.raises(AirflowSkipException, match="A dry run: nothing was asked"):
        report(outlets=[Asset("warm://us-1")]).execute(context)


def test_a_dry_run_hides_no_failure(world: Any, context: dict[str, Any]) -> None:
    """Neither what the plan complains of, nor a task that failed; of warmth it says nothing."""
    world.plan(Disposition.ASK, failures=("The plan is over its budget.",), dry_run=True)
    context["ti"].states["approve"] = "failed"

    told = complaint(report(outlets=[Asset("warm://us-1")]), context)

    assert told == "The plan is over its budget.\napprove failed: the log says why."


def test_what_the_budget_leaves_out_is_no_failure(world: Any, context: dict[str, Any]) -> None:
    """The policy says so itself; but not all is warm, so no asset may say it: the report skips."""
    asked, _ = world.plan(Disposition.ASK, Disposition.OVER_BUDGET)
    settle(world, asked, Verdict.WARM)

    with pytest.raises(AirflowSkipException, match="The budget left something out"):
        report().execute(context)


def test_what_the_budget_leaves_out_hides_no_failure(world: Any, context: dict[str, Any]) -> None:
    """What was asked for and is not warm is told all the same."""
    asked, _ = world.plan(Disposition.ASK, Disposition.OVER_BUDGET)
    settle(world, asked, Verdict.COLD)

    assert complaint(report(), context).startswith("1 of 2 placements not warm:")


@pytest.mark.parametrize(
    "others", [(), (Disposition.ALREADY_WARM,), (Disposition.NEXT_RUN,), (Disposition.OVER_BUDGET,)]
)
def test_a_closed_window_ends_skipped(
    world: Any, context: dict[str, Any], others: tuple[Disposition, ...]
) -> None:
    """Nothing was asked for, so nothing is claimed, neither warm nor not."""
    world.plan(*others, Disposition.WINDOW_CLOSED)

    with pytest.raises(AirflowSkipException):
        report().execute(context)


def test_a_closed_window_that_is_a_failure_is_red(world: Any, context: dict[str, Any]) -> None:
    """``onClosed: fail``, or anything else that the plan itself complains of."""
    world.plan(Disposition.WINDOW_CLOSED, failures=("The window is closed: too early.",))

    assert complaint(report(), context) == "The window is closed: too early."


def test_what_failed_before_anything_was_asked_is_named(
    world: Any, context: dict[str, Any]
) -> None:
    """There are no red instances of track to open then."""
    world.plan(Disposition.ASK)
    context["ti"].states |= {"approve": "failed", "us-1.track": "upstream_failed"}

    assert complaint(report(), context).startswith("approve failed: the log says why.\n1 of 1 ")


@pytest.mark.parametrize(
    ("verdict", "well"), [(Verdict.PARTIAL, True), (Verdict.COLD, False), (Verdict.UNKNOWN, False)]
)
def test_accepts_partial_only(
    world: Any, context: dict[str, Any], verdict: Verdict, well: bool
) -> None:
    """``onPartial: accept`` says nothing of an image of which no layer arrived."""
    settle(world, *world.plan(Disposition.ASK), verdict)

    if well:  # it is not warm, and no asset may say so
        with pytest.raises(AirflowSkipException, match="accepts PARTIAL"):
            report(accept_partial=True).execute(context)
    else:
        assert str(verdict) in complaint(report(accept_partial=True), context)


def test_the_plans_own_failures_are_told_with_the_rest(world: Any, context: dict[str, Any]) -> None:
    """A platform that the policy insists on, and a cold image: one message with both."""
    world.plan(Disposition.ASK, failures=("library/hello has no linux/riscv64",))

    told = complaint(report(), context)

    assert told.startswith("library/hello has no linux/riscv64\n1 of 1 placement not warm")


def test_a_long_complaint_stays_readable(world: Any, context: dict[str, Any]) -> None:
    """A cluster that was away makes hundreds cold; the message names ten."""
    world.plan(*[Disposition.ASK] * 14)

    told = complaint(report(), context)

    assert "14 of 14" in told
    assert told.count("on us-1 is UNKNOWN") == 10
    assert "and 4 more" in told


def test_each_cluster_gets_what_is_asked_of_it_now(world: Any, context: dict[str, Any]) -> None:
    """In the plan's order, with a label for the grid; the rest of the plan is not its business."""
    planned = world.plan(
        Disposition.ASK,
        Disposition.ALREADY_WARM,
        Disposition.NEXT_RUN,
        Disposition.DRY_RUN,
        Disposition.ASK,
        clusters=("eu-1", "us-1"),
    )
    placements = ClusterPlacementsOperator(task_id="placements", cluster="us-1")

    assert placements.execute(context) == [
        {
            "placement": planned[number].id,
            "placement_label": "library/followed:1 linux/amd64",
            "demand": "layers 100%",
        }
        for number in (5, 9)
    ]


def test_a_cluster_without_placements_gets_an_empty_list(
    world: Any, context: dict[str, Any]
) -> None:
    """Airflow skips the mapped task then."""
    world.plan(Disposition.ASK)

    assert not ClusterPlacementsOperator(task_id="p", cluster="eu-1").execute(context)
