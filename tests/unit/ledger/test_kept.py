"""What plans want kept warm, in the ledger: whose wish, from when, until when."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import update

from preheat.artifact import Blob, Image
from preheat.demand import Demand
from preheat.drivers.base import LayerCopy, Report
from preheat.ledger.schema import kept
from preheat.plan import Disposition, KeepWarm
from preheat.verdict import judge

if TYPE_CHECKING:
    from collections.abc import Callable

    from preheat.ledger import Ledger, RunRef
    from preheat.plan import Plan, PlannedPlacement

HOURLY = KeepWarm(timedelta(hours=1), timedelta(days=2))
DAILY = KeepWarm(timedelta(days=1), timedelta(days=14))


def policies_of(ledger: Ledger) -> list[str]:
    """Name whose wishes are there."""
    return [wish.policy for wish in ledger.upkeep.kept()]


def test_a_plan_is_followed_by_its_wish(
    ledger: Ledger, run: RunRef, plan: Callable[..., Plan], planned: Callable[..., PlannedPlacement]
) -> None:
    """Recheck, end and label are the plan's; what was never checked is due as from its plan."""
    ledger.record_plan(plan(planned(), keep_warm=DAILY, accept_partial=True), run)

    (wish,) = ledger.upkeep.kept()

    assert (wish.policy, wish.label) == ("web", "library/app:1 linux/amd64")
    assert (wish.recheck, wish.accept_partial) == (timedelta(days=1), True)
    assert wish.until - wish.selected_at == timedelta(days=14)
    assert wish.due_at - wish.selected_at == timedelta(days=1)


@pytest.mark.parametrize(
    ("disposition", "is_kept"),
    [
        (Disposition.ASK, True),
        (Disposition.ALREADY_WARM, True),
        (Disposition.OVER_BUDGET, False),
        (Disposition.WINDOW_CLOSED, False),
        (Disposition.NEXT_RUN, False),
    ],
)
def test_only_what_a_plan_asks_for_is_kept(
    disposition: Disposition,
    is_kept: bool,
    ledger: Ledger,
    run: RunRef,
    plan: Callable[..., Plan],
    planned: Callable[..., PlannedPlacement],
) -> None:
    """What the budget or a window leaves out, upkeep must not bring in by the back door."""
    ledger.record_plan(plan(planned(disposition=disposition), keep_warm=DAILY), run)

    assert bool(ledger.upkeep.kept()) is is_kept


def test_what_a_person_lets_through_is_kept_too(
    ledger: Ledger, run: RunRef, plan: Callable[..., Plan], planned: Callable[..., PlannedPlacement]
) -> None:
    """A lifted budget asks for it, so it is looked after like the rest."""
    over = planned(disposition=Disposition.OVER_BUDGET)
    ledger.record_plan(plan(over, keep_warm=DAILY), run)

    assert ledger.lift_budget(run.dag_id, run.run_id, most=10) == 1

    assert policies_of(ledger) == ["web"]


def test_each_policy_wishes_for_itself(
    ledger: Ledger, run: RunRef, plan: Callable[..., Plan], planned: Callable[..., PlannedPlacement]
) -> None:
    """Of two policies that want one placement, the one that gives it up ends only its own wish."""
    other = replace(run, dag_id="preheat__ml")
    ledger.record_plan(plan(planned(), keep_warm=DAILY), run)
    ledger.record_plan(plan(planned(), policy="ml", keep_warm=HOURLY), other)
    assert policies_of(ledger) == ["ml", "web"]

    ledger.record_plan(plan(planned(), policy="images"), replace(run, dag_id="preheat_images"))
    assert policies_of(ledger) == ["ml", "web"]

    ledger.record_plan(plan(planned(), keep_warm=None), replace(run, run_id="later"))
    assert policies_of(ledger) == ["ml"]


def test_each_wish_keeps_its_own_demand(
    ledger: Ledger, run: RunRef, plan: Callable[..., Plan], planned: Callable[..., PlannedPlacement]
) -> None:
    """Whoever plans last for the placement changes nothing of what another policy demands."""
    one = planned()
    for policy, demand in (("web", "peers 100%"), ("ml", "layers 50%")):
        wanted = replace(one, settings=replace(one.settings, demand=Demand.parse(demand)))
        there = replace(run, dag_id=f"preheat__{policy}")
        ledger.record_plan(plan(wanted, policy=policy, keep_warm=DAILY), there)

    found = {wish.policy: str(wish.demand) for wish in ledger.upkeep.kept()}

    assert found == {"web": "peers 100%", "ml": "layers 50%"}


def test_what_is_selected_no_more_is_kept_until_its_end(
    ledger: Ledger, run: RunRef, plan: Callable[..., Plan], planned: Callable[..., PlannedPlacement]
) -> None:
    """The end counts from the last plan that selected it; another selection moves it."""
    ledger.record_plan(plan(planned(1), planned(2), keep_warm=HOURLY), run)
    before = {wish.label: wish.until for wish in ledger.upkeep.kept()}

    ledger.record_plan(plan(planned(2), keep_warm=HOURLY), replace(run, run_id="later"))

    after = {wish.label: wish.until for wish in ledger.upkeep.kept()}
    first, second = sorted(before)
    assert after[first] == before[first]
    assert after[second] > before[second]


def test_what_has_ended_is_kept_no_more(
    ledger: Ledger, run: RunRef, plan: Callable[..., Plan], planned: Callable[..., PlannedPlacement]
) -> None:
    """It vanishes from the list at its moment, and from the ledger at the next clearing."""
    ledger.record_plan(plan(planned(1), keep_warm=DAILY), run)
    with ledger._engine.begin() as connection:
        connection.execute(update(kept).values(keep_until=ledger.upkeep.now()))

    assert ledger.upkeep.kept() == []
    assert ledger.upkeep.prune(timedelta(days=90)).kept == 1


def test_forgetting_ends_every_wish(
    ledger: Ledger, run: RunRef, plan: Callable[..., Plan], planned: Callable[..., PlannedPlacement]
) -> None:
    """What is gone from Harbor can be kept warm for nobody."""
    ledger.record_plan(plan(planned(1), planned(2), keep_warm=DAILY), run)
    ledger.record_plan(
        plan(planned(1), policy="ml", keep_warm=DAILY), replace(run, dag_id="preheat__ml")
    )
    gone = ledger.upkeep.kept()[0].placement

    ledger.upkeep.forget([gone.id])

    assert {wish.label for wish in ledger.upkeep.kept()} == {"library/app:2 linux/amd64"}


def test_a_check_renews_the_proof(
    ledger: Ledger, run: RunRef, plan: Callable[..., Plan], planned: Callable[..., PlannedPlacement]
) -> None:
    """What the peers said is the placement's verdict, without any attempt; the next is put off."""
    one = planned()
    ledger.record_plan(plan(one, keep_warm=DAILY), run)
    (wish,) = ledger.upkeep.kept()
    image = Image(one.key.digest, one.key.platform, (Blob("sha256:b", 7),))
    copies = tuple(
        LayerCopy("sha256:b", one.key.blob_url("sha256:b"), host, host)
        for host in ("10.0.0.1", "10.0.0.2")
    )

    finding = judge(image, one.key, Report(copies))
    assert ledger.upkeep.record_check(wish.placement.id, finding, seen=wish.placement)

    (renewed,) = ledger.upkeep.kept()
    assert renewed.placement.verdict == "WARM"
    assert renewed.due_at > wish.due_at
    assert ledger.attempts(wish.placement.id) == []


def test_open_attempts_are_found_by_cluster(
    ledger: Ledger, run: RunRef, plan: Callable[..., Plan], planned: Callable[..., PlannedPlacement]
) -> None:
    """With their ages by the database's clock; a closed one is not among them."""
    there = planned(2)
    elsewhere = replace(there, key=replace(there.key, cluster="us-1"))
    recorded = ledger.record_plan(plan(planned(1), elsewhere, planned(3)), run)
    opened = [_open(ledger, item.placement_id, run) for item in recorded.items]
    ledger.close_attempt(opened[2], None, "nothing was asked")

    assert [claim.attempt.id for claim in ledger.upkeep.open_attempts("eu-1")] == opened[:1]
    assert [claim.attempt.id for claim in ledger.upkeep.open_attempts()] == opened[:2]
    assert all(0 <= claim.age_seconds < 60 for claim in ledger.upkeep.open_attempts())


def _open(ledger: Ledger, placement_id: int, run: Any) -> int:
    return ledger.open_attempt(placement_id, owner="a", run=run, lease_seconds=9).attempt.id
