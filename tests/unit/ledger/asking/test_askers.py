"""Askers that die, stall, wait and meet: the attempt goes on, and no second job is made."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr

from preheat.errors import (
    RemoteUnavailableError,
)
from preheat.verdict import Finding, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.ledger.asking.conftest import Ask, PassTime, ScriptedManager

    from preheat.drivers.dragonfly import DragonflyDriver
    from preheat.ledger import Attempt, Ledger, RunRef

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
