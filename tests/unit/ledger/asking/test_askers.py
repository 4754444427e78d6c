"""Askers that die, stall, wait and meet: the attempt goes on, and no second job is made."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr

from preheat.errors import RefusedError, RemoteUnavailableError
from preheat.verdict import Finding, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.ledger.asking.conftest import Ask, PassTime, ScriptedManager

    from preheat.drivers.dragonfly import DragonflyDriver
    from preheat.ledger import Attempt, Ledger, RunRef
    from preheat.plan import Plan, PlannedPlacement

    Left = Callable[[], Attempt]


def test_an_interrupted_asker_gives_its_lease_back(
    asked: Ask, manager: ScriptedManager, left: Left
) -> None:
    """A task that is cleared while it waits keeps nobody waiting."""

    def interrupted(_: float) -> None:
        raise KeyboardInterrupt

    manager.script.append("late")
    with pytest.raises(KeyboardInterrupt):
        asked(wait=interrupted)
    kept = left()
    manager.arrive()
    assert asked(wait=pytest.fail).id == kept.id


def test_a_dead_askers_lease_is_waited_for(
    asked: Ask, ledger: Ledger, manager: ScriptedManager, placement_id: int, run: RunRef
) -> None:
    """Killed between opening and POST: the next asker waits for the lease, then POSTs the nonce."""
    dead = ledger.open_attempt(placement_id, owner="dead", run=run, lease_seconds=4)
    attempt = asked()
    assert (attempt.id, attempt.job_id) == (dead.attempt.id, 1)
    assert attempt.owner.startswith("worker ")
    assert manager.lists == 0


def test_a_dead_askers_post_is_looked_up(
    asked: Ask, ledger: Ledger, manager: ScriptedManager, placement_id: int, run: RunRef
) -> None:
    """Killed between POST and commit: the next asker finds the job and POSTs nothing."""
    dead = ledger.open_attempt(placement_id, owner="dead", run=run, lease_seconds=4)
    ledger.mark_asked(dead.attempt.id, owner="dead", lease_seconds=4)
    manager.jobs.append(manager.job(f"preheat:{dead.attempt.nonce}"))
    assert asked().job_id == 1
    assert manager.posts == []


def test_whoever_waits_gets_an_attempt_that_was_proved_meanwhile(
    asked: Ask,
    ledger: Ledger,
    manager: ScriptedManager,
    placement_id: int,
    run: RunRef,
    pass_time: PassTime,
) -> None:
    """A waiter whose attempt got a job and a verdict asks nothing again."""
    other = ledger.open_attempt(placement_id, owner="other", run=run, lease_seconds=4)

    def wait(seconds: float) -> None:
        pass_time(seconds)
        ledger.record_job(other.attempt.id, 7)
        ledger.close_attempt(other.attempt.id, Finding(Verdict.WARM, 1, 1, 5, 5))

    attempt = asked(wait=wait)
    assert (attempt.id, attempt.job_id, attempt.verdict) == (other.attempt.id, 7, Verdict.WARM)
    assert manager.posts == []


def test_whoever_waits_for_a_refusal_asks_for_itself(
    asked: Ask, ledger: Ledger, manager: ScriptedManager, placement_id: int, run: RunRef
) -> None:
    """An attempt that ended without a job is no reason not to ask."""
    other = ledger.open_attempt(placement_id, owner="other", run=run, lease_seconds=4)

    def wait(_: float) -> None:
        ledger.close_unasked(other.attempt.id, owner="other", words="429")

    attempt = asked(wait=wait)
    assert attempt.id != other.attempt.id
    assert attempt.job_id == 1


def test_an_asker_that_lost_its_lease_does_not_post(
    asked: Ask,
    ledger: Ledger,
    manager: ScriptedManager,
    run: RunRef,
    pass_time: PassTime,
    left: Left,
) -> None:
    """Stalled before its POST and taken over: it joins the other's job instead of asking too."""

    def stall() -> SecretStr:
        pass_time(1000)
        seen = left()
        assert ledger.take_over(seen, owner="other", run=run, lease_seconds=4)
        ledger.record_job(seen.id, 7)
        return SecretStr("Bearer pull")

    assert asked(authorize=stall).job_id == 7
    assert manager.posts == []


def test_an_asker_that_slept_through_everything_asks_nothing_again(
    asked: Ask,
    ledger: Ledger,
    manager: ScriptedManager,
    run: RunRef,
    pass_time: PassTime,
    left: Left,
) -> None:
    """Stopped before its POST; the other asked, followed and proved: it gets that attempt."""

    def sleep() -> SecretStr:
        pass_time(1000)
        seen = left()
        assert ledger.take_over(seen, owner="other", run=run, lease_seconds=4)
        ledger.record_job(seen.id, 7)
        ledger.close_attempt(seen.id, Finding(Verdict.WARM, 1, 1, 5, 5))
        return SecretStr("Bearer pull")

    attempt = asked(authorize=sleep)
    assert (attempt.job_id, attempt.verdict) == (7, Verdict.WARM)
    assert attempt.id == left().id
    assert manager.posts == []


def test_an_asker_that_slept_through_a_refusal_asks_for_itself(
    asked: Ask,
    ledger: Ledger,
    manager: ScriptedManager,
    run: RunRef,
    pass_time: PassTime,
    placement_id: int,
) -> None:
    """The other's attempt ended without a job: that is no reason not to ask."""
    slept: list[int] = []

    def sleep() -> SecretStr:
        if not slept:
            pass_time(1000)
            (seen,) = ledger.attempts(placement_id)
            slept.append(seen.id)
            assert ledger.take_over(seen, owner="other", run=run, lease_seconds=4)
            ledger.close_unasked(seen.id, owner="other", words="429")
        return SecretStr("Bearer pull")

    attempt = asked(authorize=sleep)
    assert attempt.id not in slept
    assert (attempt.job_id, len(manager.posts)) == (1, 1)


def test_a_refusal_does_not_close_what_another_took_over(
    asked: Ask,
    ledger: Ledger,
    manager: ScriptedManager,
    run: RunRef,
    pass_time: PassTime,
    left: Left,
) -> None:
    """The other's POST may be under way: its job must find the attempt open."""
    manager.script.append((500, b'{"message":"unauthorized: access to the requested resource"}'))
    take = manager.take

    def late(body: dict[str, Any]) -> Any:
        pass_time(1000)
        assert ledger.take_over(left(), owner="other", run=run, lease_seconds=60)
        return take(body)

    manager.take = late
    with pytest.raises(RefusedError):
        asked()
    assert left().is_open
    assert ledger.record_job(left().id, 7).job_id == 7


@pytest.mark.parametrize("is_asked_again", [False, True])
def test_a_job_whose_attempt_was_closed_under_its_post_is_followed(
    asked: Ask,
    ledger: Ledger,
    manager: ScriptedManager,
    placement_id: int,
    run: RunRef,
    is_asked_again: bool,
) -> None:
    """Somebody believed too early that there is no job: it is neither lost nor asked for again."""
    take = manager.take

    def late(body: dict[str, Any]) -> Any:
        (seen,) = ledger.attempts(placement_id)
        ledger.close_attempt(seen.id, Finding(Verdict.PARTIAL, 2, 1, 20, 10))
        if is_asked_again:
            ledger.open_attempt(placement_id, owner="other", run=run, lease_seconds=60)
        return take(body)

    manager.take = late
    attempt = asked()
    closed, followed = ledger.attempts(placement_id)
    assert attempt == followed
    assert (followed.job_id, followed.is_open) == (1, True)
    assert (closed.verdict, closed.job_id) == (Verdict.PARTIAL, None)
    (outcome,) = ledger.outcomes(run.dag_id, run.run_id)
    assert outcome.job_id == 1
    assert asked(owner="second").id == followed.id
    assert len(manager.posts) == 1


def test_a_job_of_a_cluster_that_was_set_up_anew_is_not_taken_in(
    asked: Ask,
    ledger: Ledger,
    manager: ScriptedManager,
    placement_id: int,
    run: RunRef,
    plan: Callable[..., Plan],
    planned: Callable[..., PlannedPlacement],
) -> None:
    """Closed under its POST because clusters.yaml changed: the job proves nothing there."""
    take = manager.take

    def late(body: dict[str, Any]) -> Any:
        item = planned()
        moved = replace(item, settings=replace(item.settings, connection="dragonfly_new"))
        ledger.record_plan(plan(moved), replace(run, run_id="manual__2"))
        return take(body)

    manager.take = late
    asked()
    (closed,) = ledger.attempts(placement_id)
    assert (closed.job_id, closed.is_open) == (None, False)
    assert closed.note == "Job 1 carries the same nonce and is not followed."


def test_waiting_ends(
    asked: Ask,
    ledger: Ledger,
    manager: ScriptedManager,
    placement_id: int,
    run: RunRef,
    driver: DragonflyDriver,
) -> None:
    """A lease that never ends does not hold a worker for ever; the error says who holds it."""
    ledger.open_attempt(placement_id, owner="stuck", run=run, lease_seconds=1e6)
    waits: list[float] = []
    with pytest.raises(RemoteUnavailableError, match="stuck is asking"):
        asked(wait=waits.append)
    assert sum(waits) < 3 * (2 + 30 + driver.timing.absence_believed_after(2))
    assert manager.posts == []
