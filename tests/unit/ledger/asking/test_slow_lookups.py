"""Look-ups that take longer than a lease: the asker goes on, and ends."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

import pytest

from preheat.errors import RemoteUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.ledger.asking.conftest import Ask, PassTime, ScriptedManager

    from preheat.ledger import Attempt, Ledger, RunRef

    Left = Callable[[], Attempt]


def test_a_look_up_that_takes_longer_than_the_lease_is_believed(
    asked: Ask,
    ledger: Ledger,
    manager: ScriptedManager,
    placement_id: int,
    run: RunRef,
    pass_time: PassTime,
) -> None:
    """Nobody took the lease meanwhile: the asker goes on, in place of taking over from itself."""
    dead = ledger.open_attempt(placement_id, owner="dead", run=run, lease_seconds=4)
    ledger.mark_asked(dead.attempt.id, owner="dead", lease_seconds=4)
    pass_time(1000)
    manager.listing = lambda: pass_time(1000)
    assert asked(wait=pytest.fail).job_id == 1
    assert len(manager.posts) == 1


def test_two_askers_do_not_take_an_attempt_from_each_other_for_ever(
    asked: Ask,
    ledger: Ledger,
    manager: ScriptedManager,
    run: RunRef,
    pass_time: PassTime,
    left: Left,
    placement_id: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where a look-up outlasts the lease, the next lease lasts as long as the look-up took."""
    dead = ledger.open_attempt(placement_id, owner="dead", run=run, lease_seconds=4)
    ledger.mark_asked(dead.attempt.id, owner="dead", lease_seconds=4)
    pass_time(1000)
    clock, taken = [0.0], []

    def listing() -> None:
        clock[0] += 40
        pass_time(40)
        taken.append(ledger.take_over(left(), owner="other", run=run, lease_seconds=4))

    monkeypatch.setattr("preheat.asking.monotonic", lambda: clock[0])
    manager.listing = listing
    assert asked().job_id == 1
    assert taken == [True, False, False]
    assert len(manager.posts) == 1


def test_waiting_ends_by_the_time_that_passed_too(
    asked: Ask, ledger: Ledger, placement_id: int, run: RunRef, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Look-ups that take long are no waiting, and hold a worker all the same."""
    ledger.open_attempt(placement_id, owner="stuck", run=run, lease_seconds=1e6)
    monkeypatch.setattr("preheat.asking.monotonic", lambda: monotonic() + 10_000)
    with pytest.raises(RemoteUnavailableError, match="stuck is asking, for 10000 s"):
        asked(wait=pytest.fail)
