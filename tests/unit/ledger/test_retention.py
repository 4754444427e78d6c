"""Retention: old rows go; what is open, last, or referred to never does."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import update

from preheat.artifact import Blob, Image
from preheat.event import EventKind, EventSource, HarborEvent
from preheat.ledger import Handled, Pruned, RunRef
from preheat.ledger.schema import attempt, event, ignored_event
from preheat.ledger.schema import plan as plan_table
from preheat.verdict import unknown

if TYPE_CHECKING:
    from collections.abc import Callable

    from preheat.ledger import Ledger
    from preheat.plan import Plan, PlannedPlacement

RETENTION = timedelta(days=90)
OLD = timedelta(days=91)
FINDING = unknown(Image("sha256:1", "", (Blob("sha256:b", 7),)), "nothing could be counted")


class Past:
    """A ledger into which things are written as if they had happened long ago."""

    def __init__(self, ledger: Ledger, plan: Callable[..., Plan], one: PlannedPlacement) -> None:
        self.ledger = ledger
        self._plan = plan
        self._one = one

    def record(self, run_id: str, policy: str = "web", **changes: Any) -> int:
        """Record the plan of a run; gives the id of its one placement."""
        run = RunRef(f"preheat__{policy}", run_id)
        plan = self._plan(self._one, policy=policy, **changes)
        return self.ledger.record_plan(plan, run).items[0].placement_id

    def attempt(self, run_id: str, *, proved: bool = True, closed: bool = True) -> int:
        """Plan and ask in a run; gives the attempt's id."""
        run = RunRef("preheat__web", run_id)
        made = self.ledger.open_attempt(self.record(run_id), owner="a", run=run, lease_seconds=9)
        if closed:
            self.ledger.close_attempt(made.attempt.id, FINDING if proved else None, "words")
        return made.attempt.id

    def age(self, *, plans: bool = True) -> None:
        """Let all that is there now be old; no two plans of the same second."""
        then = self.ledger.upkeep.now() - OLD
        with self.ledger._engine.begin() as connection:
            connection.execute(
                update(attempt).where(attempt.c.closed_at.is_not(None)).values(closed_at=then)
            )
            if plans:
                for row in connection.execute(
                    plan_table.select().with_only_columns(plan_table.c.id)
                ):
                    moment = then + timedelta(seconds=row.id)
                    change = update(plan_table).where(plan_table.c.id == row.id)
                    connection.execute(change.values(recorded_at=moment))

    def prune(self) -> Pruned:
        """Clear away."""
        return self.ledger.upkeep.prune(RETENTION)

    def attempts(self, placement_id: int = 1) -> list[int]:
        """Name the attempts that are left."""
        return [made.id for made in self.ledger.attempts(placement_id)]


@pytest.fixture
def past(
    ledger: Ledger, plan: Callable[..., Plan], planned: Callable[..., PlannedPlacement]
) -> Past:
    """Give an empty one."""
    return Past(ledger, plan, planned())


def test_the_last_plan_of_each_policy_stays(past: Past) -> None:
    """The next plan is compared with it, however old it is."""
    for run_id in ("1", "2", "3"):
        past.record(run_id)
    past.record("1", policy="ml")
    past.age()

    assert past.prune() == Pruned(plans=2)

    assert past.ledger.outcomes("preheat__web", "3")
    assert past.ledger.outcomes("preheat__ml", "1")
    assert past.ledger.outcomes("preheat__web", "1") == []


def test_the_last_plan_over_everything_stays(past: Past) -> None:
    """Those of events come after it, and are compared with nothing."""
    for run_id, partial in (("1", False), ("2", False), ("3", True), ("4", True)):
        past.record(run_id, partial=partial)
    past.record("1", policy="ml", partial=True)
    past.age()

    assert past.prune() == Pruned(plans=4)

    assert past.ledger.outcomes("preheat__web", "2")


def test_a_dry_run_takes_no_plans_place(past: Past) -> None:
    """However late it was; and it goes itself once it is old, last or not."""
    for run_id, dry_run in (("1", False), ("2", True), ("3", True)):
        past.record(run_id, dry_run=dry_run)
    past.age()

    assert past.prune() == Pruned(plans=2)

    assert past.ledger.outcomes("preheat__web", "1")


def test_events_go_once_a_run_took_them_up(past: Past) -> None:
    """And when they waited in vain for so long; not while their time is still to come."""
    told = [
        HarborEvent("harbor", f"ce:{n}", EventSource.WEBHOOK, kind, f"web/{n}", type="X")
        for n, kind in enumerate([EventKind.PUSHED] * 450 + [EventKind.OTHER])
    ]
    past.ledger.inbox.receive(told)
    run = RunRef("preheat_events", "1")
    waiting, *taken = past.ledger.inbox.recent(limit=500, handled=False)
    past.ledger.record_event_plans([], run, [Handled(one.id) for one in taken])
    assert past.prune() == Pruned()
    then = past.ledger.upkeep.now() - OLD
    with past.ledger._engine.begin() as connection:
        connection.execute(update(event).values(received_at=then, due_at=then))
        connection.execute(update(event).where(event.c.id != waiting.id).values(handled_at=then))
        in_vain = taken.pop().id
        connection.execute(update(event).where(event.c.id == in_vain).values(handled_at=None))
        soon = past.ledger.upkeep.now()
        connection.execute(update(event).where(event.c.id == waiting.id).values(due_at=soon))
        connection.execute(update(ignored_event).values(last_at=then))

    assert past.prune() == Pruned(events=449)

    assert [one.id for one in past.ledger.inbox.recent()] == [waiting.id]
    assert past.ledger.inbox.ignored() == []


def test_what_is_young_stays(past: Past) -> None:
    """Ninety days are ninety days."""
    past.attempt("1")
    past.attempt("2")

    assert past.prune() == Pruned()


def test_old_attempts_go_with_the_plans_that_point_to_them(past: Past) -> None:
    """The last one stays, and with it the plan of its run."""
    first, second, third = (past.attempt(run_id) for run_id in ("1", "2", "3"))
    past.age()

    assert past.prune() == Pruned(plans=2, attempts=2)
    assert past.attempts() == [third]
    assert first < second < third
    assert past.prune() == Pruned()


def test_an_attempt_that_a_plan_points_to_stays_with_the_plan(past: Past) -> None:
    """A report that can still be opened is complete."""
    made = [past.attempt(run_id) for run_id in ("1", "2")]
    past.age(plans=False)

    assert past.prune() == Pruned()
    assert past.attempts() == made


def test_the_last_proof_stays_behind_later_attempts_that_proved_nothing(past: Past) -> None:
    """What was counted last is worth more than that nothing could be counted since."""
    proof = past.attempt("1")
    fruitless = [past.attempt(run_id, proved=False) for run_id in ("2", "3")]
    past.age()

    past.prune()

    assert past.attempts() == [proof, fruitless[-1]]


def test_an_open_attempt_stays_and_keeps_its_plan(past: Past) -> None:
    """Whoever closes it must find what it is about, whatever its age."""
    waiting = past.attempt("1", closed=False)
    past.record("2")
    past.age()
    with past.ledger._engine.begin() as connection:
        long_ago = past.ledger.upkeep.now() - OLD
        connection.execute(update(attempt).values(opened_at=long_ago, asked_at=long_ago))

    assert past.prune() == Pruned()
    assert past.attempts() == [waiting]
    assert past.ledger.outcomes("preheat__web", "1")


def test_an_open_attempt_is_no_proof_that_takes_anothers_place(past: Past) -> None:
    """Until it is closed, the last proof is the older one's."""
    proof = past.attempt("1")
    waiting = past.attempt("2", closed=False)
    past.record("3")
    past.age()

    past.prune()

    assert past.attempts() == [proof, waiting]


def test_many_rows_go_in_small_transactions(
    past: Past, ledger: Ledger, run: RunRef, placement_id: int
) -> None:
    """More than one portion is cleared by one call, and the placement keeps its verdict."""
    for number in range(450):
        made = ledger.open_attempt(
            placement_id, owner="a", run=replace(run, run_id=str(number)), lease_seconds=9
        )
        ledger.close_attempt(made.attempt.id, FINDING)
    verdict = ledger.placement(placement_id).verdict
    past.age()

    assert past.prune().attempts == 449
    assert ledger.placement(placement_id).verdict is verdict
