"""Handling: events leave the inbox with the plans that they led to, or not at all."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from preheat.event import EventSource
from preheat.ledger import EventOutcome, Handled, Ledger, RunRef

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from preheat.event import HarborEvent
    from preheat.ledger import StoredEvent
    from preheat.plan import Plan, PlannedPlacement

    Pushed = Callable[..., HarborEvent]
    MakePlan = Callable[..., Plan]
    Planned = Callable[..., PlannedPlacement]

RUN = RunRef("preheat_events", "asset__1", "plan", try_number=1)
LATER = replace(RUN, run_id="asset__2")


@pytest.fixture
def one(ledger: Ledger, pushed: Pushed) -> StoredEvent:
    """Give an event that waits."""
    ledger.inbox.receive([pushed()])
    return ledger.inbox.recent()[0]


def both(event_id: int, **more: object) -> Handled:
    """Say that two policies were touched."""
    outcomes = (EventOutcome("web"), EventOutcome("ml", words="waits until 20:00"))
    return Handled(event_id, outcomes, **more)  # type: ignore[arg-type] # a test's


def test_an_event_knows_the_plans_that_it_led_to(
    ledger: Ledger, one: StoredEvent, plan: MakePlan, planned: Planned
) -> None:
    """By policy; a policy that waits has none."""
    (recorded,) = ledger.record_event_plans([plan(planned())], RUN, [both(one.id)])

    (done,) = ledger.inbox.of_run(RUN.dag_id, RUN.run_id)
    assert done.outcomes == (
        EventOutcome("web", plan_id=recorded.plan_id),
        EventOutcome("ml", words="waits until 20:00"),
    )
    assert one.received_at <= (done.handled_at or one.received_at) <= ledger.upkeep.now()
    assert (done.dag_id, done.run_id) == ("preheat_events", "asset__1")


def test_a_run_records_a_plan_for_each_policy(
    ledger: Ledger, one: StoredEvent, plan: MakePlan, planned: Planned
) -> None:
    """In the order in which they were given; the ledger tells all of them together."""
    made = [
        plan(planned(2), planned(1), policy="web", failures=("the window is closed",)),
        plan(planned(1), policy="ml", accept_partial=True),
    ]

    first, second = ledger.record_event_plans(made, RUN, [both(one.id)])

    assert [item.label for item in first.items] == [p.label for p in made[0].placements]
    assert second.items[0].placement_id == first.items[1].placement_id
    outcomes = ledger.outcomes(RUN.dag_id, RUN.run_id)
    assert sorted((o.policy, o.accept_partial) for o in outcomes) == [
        ("ml", True),
        ("web", False),
        ("web", False),
    ]
    assert [o.label for o in outcomes if o.policy == "web"] == [i.label for i in first.items]
    assert ledger.failures(RUN.dag_id, RUN.run_id) == ("web: the window is closed",)


def test_a_task_that_runs_again_replaces_all_that_it_wrote(
    ledger: Ledger, one: StoredEvent, plan: MakePlan, planned: Planned
) -> None:
    """Plans of policies that are touched no more go; the others keep their ids."""
    made = [plan(planned(1)), plan(planned(2), policy="ml")]
    _, before = ledger.record_event_plans(made, RUN, [both(one.id)])
    (taken,) = ledger.inbox.of_run(RUN.dag_id, RUN.run_id)

    done = Handled(taken.id, (EventOutcome("ml"),))
    (after,) = ledger.record_event_plans([plan(planned(3), policy="ml")], RUN, [done])

    assert after.plan_id == before.plan_id
    assert [o.policy for o in ledger.outcomes(RUN.dag_id, RUN.run_id)] == ["ml"]
    (done_again,) = ledger.inbox.of_run(RUN.dag_id, RUN.run_id)
    assert done_again.outcomes == (EventOutcome("ml", plan_id=after.plan_id),)


def test_what_a_cleared_task_does_not_take_up_again_waits_again(
    ledger: Ledger, one: StoredEvent, plan: MakePlan
) -> None:
    """Its Harbor does not answer now: its plan went, so the event must come again."""
    ledger.record_event_plans([plan()], RUN, [both(one.id)])

    ledger.record_event_plans([], RUN, [])

    assert ledger.inbox.waiting() == [one]


def test_what_another_run_took_up_stays_that_ones(
    ledger: Ledger, one: StoredEvent, plan: MakePlan, planned: Planned
) -> None:
    """Both had read it as waiting; who comes second has its plans, and no event."""
    soon = ledger.upkeep.now() + timedelta(hours=1)
    ledger.record_event_plans([plan(planned())], RUN, [both(one.id)])

    ledger.record_event_plans(
        [plan(planned())], LATER, [both(one.id, postponed={"ml": soon}), both(999)]
    )

    assert [done.id for done in ledger.inbox.of_run(RUN.dag_id, RUN.run_id)] == [one.id]
    assert ledger.inbox.of_run(LATER.dag_id, LATER.run_id) == []
    assert len(ledger.inbox.recent()) == 1
    assert ledger.outcomes(LATER.dag_id, LATER.run_id)


def test_a_plan_that_cannot_be_written_leaves_its_events_waiting(
    ledger: Ledger, one: StoredEvent, plan: MakePlan, planned: Planned
) -> None:
    """No event without its plan, no plan without its events."""
    broken = plan(planned(), policy="ml", evaluated_at=None)

    with pytest.raises(Exception, match="evaluated_at"):
        ledger.record_event_plans([plan(planned()), broken], RUN, [both(one.id)])

    assert ledger.inbox.waiting() == [one]
    assert ledger.outcomes(RUN.dag_id, RUN.run_id) == []


def test_runs_and_tellers_do_not_wait_for_each_other_for_ever(
    ledger: Ledger, url: str, pushed: Pushed, plan: MakePlan, planned: Planned
) -> None:
    """Two runs plan for the same policies in another order, while events come and others go."""

    def work(number: int) -> None:
        with Ledger.at(url) as own:
            for part in range(10):
                own.inbox.receive([pushed(f"ce:{number}:{part}", occurred_at=None)])
                placed = [planned(n) for n in range(20)][:: 1 if number % 2 else -1]
                made = [plan(*placed, policy=name) for name in ("web", "ml", "db")]
                run = replace(RUN, run_id=f"asset__{number}")
                waiting = [both(one.id) for one in own.inbox.waiting()]
                items = own.record_event_plans(made[:: 1 if number % 2 else -1], run, waiting)
                own.inbox.mark_deleted([item.placement_id for item in items[0].items])

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))

    assert len(ledger.inbox.recent()) == 40


class TestPostponed:
    """A policy whose window is closed looks at the event when it opens."""

    @pytest.fixture
    def opens(self, ledger: Ledger) -> datetime:
        """Say when."""
        return (ledger.upkeep.now() + timedelta(hours=8)).replace(microsecond=0)

    @pytest.fixture
    def put_off(self, ledger: Ledger, one: StoredEvent, opens: datetime) -> StoredEvent:
        """Put an event off for one policy; gives what waits since."""
        ledger.record_event_plans([], RUN, [both(one.id, postponed={"ml": opens})])
        return ledger.inbox.recent(handled=False)[0]

    def test_it_waits_for_that_policy_until_then(
        self, put_off: StoredEvent, one: StoredEvent, opens: datetime, ledger: Ledger
    ) -> None:
        """With all that is known of it; nothing else of its repository wakes it."""
        name = f"deferred:{one.id}:ml"
        assert put_off.event == replace(one.event, source=EventSource.DEFERRED, delivery=name)
        assert (put_off.policy, put_off.due_at) == ("ml", opens)
        assert ledger.inbox.due().count == 0

    def test_another_event_there_does_not_wake_it(
        self, put_off: StoredEvent, ledger: Ledger, pushed: Pushed
    ) -> None:
        """Else each would put it off once more."""
        ledger.inbox.receive([pushed("ce:2")])

        assert [each.event.delivery for each in ledger.inbox.waiting()] == ["ce:2"]

    def test_it_is_nobodys_twin(self, put_off: StoredEvent, ledger: Ledger, pushed: Pushed) -> None:
        """What another way tells belongs to the event itself."""
        ledger.inbox.receive([pushed("audit:1", source=EventSource.AUDIT)])

        told = {each.event.source: each.also for each in ledger.inbox.recent()}
        assert told == {EventSource.WEBHOOK: (EventSource.AUDIT,), EventSource.DEFERRED: ()}

    def test_it_comes_when_its_time_has_come(
        self, put_off: StoredEvent, ledger: Ledger, pass_seconds: Callable[[float], None]
    ) -> None:
        """And may be put off once more, from there."""
        pass_seconds(9 * 3600)
        (due,) = ledger.inbox.waiting()
        later = ledger.upkeep.now() + timedelta(days=1)
        done = Handled(due.id, (EventOutcome("ml"),), postponed={"ml": later})

        ledger.record_event_plans([], LATER, [done])

        (again,) = ledger.inbox.recent(handled=False)
        assert again.event.delivery == f"deferred:{put_off.id}:ml"

    def test_a_cleared_task_decides_anew(
        self, put_off: StoredEvent, one: StoredEvent, ledger: Ledger
    ) -> None:
        """What is put off no more waits no more."""
        ledger.record_event_plans([], RUN, [both(one.id)])

        assert [each.id for each in ledger.inbox.recent()] == [one.id]

    def test_a_cleared_task_puts_off_anew_what_was_taken_up_since(
        self,
        put_off: StoredEvent,
        one: StoredEvent,
        ledger: Ledger,
        opens: datetime,
    ) -> None:
        """The row is there and done: it waits again, to the new time."""
        ledger.record_event_plans([], LATER, [Handled(put_off.id, (EventOutcome("ml"),))])
        later = opens + timedelta(days=1)

        ledger.record_event_plans([], RUN, [both(one.id, postponed={"ml": later})])

        (again,) = ledger.inbox.recent(handled=False)
        assert (again.id, again.due_at, again.run_id) == (put_off.id, later, "")
