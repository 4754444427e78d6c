"""Asking exactly once, over real HTTP against a manager that is scripted at the wire."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from preheat.errors import (
    MisplacedJobError,
    NotFoundError,
    RateLimitedError,
    RefusedError,
    RemoteUnavailableError,
    UnexpectedAnswerError,
)
from preheat.verdict import Finding, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import SecretStr
    from tests.unit.ledger.asking.conftest import Ask, PassTime, ScriptedManager

    from preheat.errors import RemoteError
    from preheat.ledger import Attempt, Ledger

    Left = Callable[[], Attempt]

OVERLOADED = (503, b"")
NO_SCHEDULER = (500, b'{"message":"candidate schedulers not found"}')
DENIED = (500, b'{"message":"unauthorized: access to the requested resource"}')
UNCLEAR = (500, b'{"message":"something else"}')
TOO_MANY = (429, b"rate limit exceeded")


def test_asks_once_with_nonce_and_credentials(
    asked: Ask, manager: ScriptedManager, left: Left
) -> None:
    """One POST carries the nonce, the note and the registry authorization; the job is committed."""
    attempt = asked(note="run manual__1")
    (post,) = manager.posts
    assert post["bio"] == f"preheat:{attempt.nonce} run manual__1"
    assert post["args"]["headers"] == {"Authorization": "Bearer pull"}
    assert left() == attempt
    assert (attempt.job_id, attempt.is_open) == (1, True)
    assert attempt.opened_at <= attempt.asked_at
    assert manager.lists == 0


def test_joins_the_open_attempt(asked: Ask, manager: ScriptedManager) -> None:
    """A second asker follows the job of the first and mints no authorization."""
    first = asked()
    second = asked(owner="other", authorize=pytest.fail)
    assert second == first
    assert len(manager.posts) == 1


def test_asks_again_once_the_attempt_is_closed(
    asked: Ask, manager: ScriptedManager, ledger: Ledger
) -> None:
    """A retry after a verdict opens a new attempt with its own nonce and job."""
    first = asked()
    ledger.close_attempt(first.id, Finding(Verdict.PARTIAL, 2, 1, 20, 10))
    second = asked()
    assert (first.job_id, second.job_id) == (1, 2)
    assert first.nonce != second.nonce


def test_adopts_the_job_of_a_post_whose_answer_was_lost(
    asked: Ask, manager: ScriptedManager
) -> None:
    """A connection cut after the row was made leads to that row, without a second POST."""
    manager.script.append("cut_after")
    assert asked().job_id == 1
    assert len(manager.posts) == 1


def test_waits_for_the_row_of_a_lost_post(
    asked: Ask, manager: ScriptedManager, pass_time: PassTime
) -> None:
    """A row that appears late, when the manager has resolved the image, is found by waiting."""
    manager.script.append("late")

    def wait(seconds: float) -> None:
        pass_time(seconds)
        manager.arrive()

    assert asked(wait=wait).job_id == 1
    assert len(manager.posts) == 1


def test_believes_an_absence_only_when_the_row_can_no_longer_come(
    asked: Ask, manager: ScriptedManager, ledger: Ledger, left: Left
) -> None:
    """After a cut POST the nonce is sent again, but not before time-out plus 30 s (scaled)."""
    manager.script.append("cut_before")
    ages: list[float | None] = []

    def authorize() -> None:
        claim = ledger.look(left().id, owner="")
        ages.append(claim.seconds_since_asked)

    attempt = asked(authorize=authorize)
    first, second = manager.posts
    assert first["bio"] == second["bio"] == f"preheat:{attempt.nonce}"
    assert ages[0] is None
    assert 2 + 3 <= ages[1] < 2 + 3 + 2
    assert attempt.job_id == 1


def test_a_late_twin_is_noted_and_the_lowest_job_followed(
    asked: Ask, manager: ScriptedManager
) -> None:
    """When the lost POST's row comes during the repeat, the lower job is followed."""
    manager.script += ["late", "ok"]
    original = manager.job

    def job(bio: str) -> dict[str, Any]:
        made = original(bio)
        manager.arrive()  # the first row comes while the second POST is handled
        return made

    manager.job = job
    attempt = asked()
    assert attempt.job_id == 1
    assert attempt.note == "Job 2 carries the same nonce and is not followed."


def test_two_rows_with_one_nonce_keep_the_lowest(
    asked: Ask, manager: ScriptedManager, pass_time: PassTime
) -> None:
    """Two rows found by the look-up: the lowest is followed, the other noted."""
    manager.script.append("late")

    def wait(seconds: float) -> None:
        pass_time(seconds)
        manager.arrive()
        manager.jobs.append(manager.job(manager.posts[0]["bio"]))

    attempt = asked(wait=wait)
    assert attempt.job_id == 1
    assert "Job 2 " in attempt.note


def test_an_answer_of_the_manager_ends_the_doubt_sooner(
    asked: Ask, manager: ScriptedManager, ledger: Ledger, left: Left
) -> None:
    """After the manager's own 500 only stale lists can hide a row: 30 s (scaled) are enough."""
    manager.script.append(UNCLEAR)
    ages: list[float | None] = []

    def authorize() -> None:
        claim = ledger.look(left().id, owner="")
        ages.append(claim.seconds_since_asked)

    assert asked(authorize=authorize).job_id == 1
    assert 3 <= ages[1] < 3 + 2


def test_a_doubt_that_lasts_leaves_the_attempt_open_for_the_next_try(
    asked: Ask, manager: ScriptedManager, left: Left
) -> None:
    """Two cut POSTs end the call; the next goes on with the same nonce, waiting for no lease."""
    manager.script += ["cut_before", "cut_before"]
    with pytest.raises(RemoteUnavailableError):
        asked()
    kept = left()
    assert kept.is_open
    assert "Dragonfly" in kept.words
    attempt = asked()
    assert (attempt.id, attempt.nonce) == (kept.id, kept.nonce)
    assert len({post["bio"] for post in manager.posts}) == 1


def test_a_refusal_closes_the_attempt_with_its_words(
    asked: Ask, manager: ScriptedManager, ledger: Ledger, placement_id: int, left: Left
) -> None:
    """A permanent no of the registry is kept, the verdict is UNKNOWN, the placement untouched."""
    manager.script.append(DENIED)
    with pytest.raises(RefusedError):
        asked()
    attempt = left()
    assert (attempt.verdict, attempt.is_open) == (Verdict.UNKNOWN, False)
    assert "unauthorized: access to the requested resource" in attempt.words
    assert ledger.placement(placement_id).checked_at is None


MANY = 50  # more than the driver's own patience with a rate limit


@pytest.mark.parametrize(
    ("answers", "error"), [(TOO_MANY, RateLimitedError), (NO_SCHEDULER, RemoteUnavailableError)]
)
def test_what_never_reached_dragonfly_is_closed_as_never_asked(
    asked: Ask,
    manager: ScriptedManager,
    answers: tuple[int, bytes],
    error: type[RemoteError],
    left: Left,
) -> None:
    """Turned away at the door: nothing was asked, and the retry starts with a new attempt."""
    # The manager answers 429 to unknown clusters too; the driver would look for the cluster.
    manager.script.extend([answers] * MANY)
    manager.list_failures.extend([OVERLOADED] * MANY)
    with pytest.raises(error):
        asked()
    attempt = left()
    assert (attempt.asked_at, attempt.is_open, attempt.job_id) == (None, False, None)
    manager.script.clear()
    manager.list_failures.clear()
    assert asked().id != attempt.id


def test_a_manager_that_is_down_was_never_asked(
    asked: Ask, manager: ScriptedManager, left: Left
) -> None:
    """A refused connection is known to have no effect."""
    manager.stop()
    with pytest.raises(RemoteUnavailableError):
        asked()
    attempt = left()
    assert (attempt.asked_at, attempt.is_open) == (None, False)


def test_no_authorization_means_never_asked(
    asked: Ask, manager: ScriptedManager, left: Left
) -> None:
    """When Harbor gives no pull token, Dragonfly hears nothing and the words are Harbor's."""

    def authorize() -> SecretStr:
        raise NotFoundError("Harbor has no project web.", system="Harbor", status=404)

    with pytest.raises(NotFoundError):
        asked(authorize=authorize)
    assert manager.posts == []
    assert left().words == "Harbor has no project web."


def test_a_registry_that_is_away_puts_no_post_in_doubt(
    asked: Ask, manager: ScriptedManager, left: Left
) -> None:
    """Its cut connection is not Dragonfly's: it is told at once, and asked once."""
    calls: list[int] = []

    def authorize() -> SecretStr:
        calls.append(1)
        raise RemoteUnavailableError("Harbor did not answer.", system="Harbor", sent=True)

    with pytest.raises(RemoteUnavailableError, match="Harbor did not answer"):
        asked(authorize=authorize)
    assert calls == [1]
    assert manager.posts == []
    assert (left().asked_at, left().is_open) == (None, False)


def test_a_200_that_is_no_job_is_looked_for_not_repeated(
    asked: Ask, manager: ScriptedManager, left: Left
) -> None:
    """An answer that breaks the contract may hide a job: it stays in doubt, not POSTed again."""
    manager.script.append((200, b"<html>"))
    with pytest.raises(UnexpectedAnswerError):
        asked()
    assert left().is_open
    assert len(manager.posts) == 1


def test_a_job_for_another_cluster_is_not_followed(
    asked: Ask, manager: ScriptedManager, left: Left
) -> None:
    """It carries our nonce, but warms other hosts: the attempt ends with its number.

    dragonfly: recorded create-clusters-1-and-2 (a cluster without a scheduler is left out).
    """
    manager.made_for = [2]
    with pytest.raises(MisplacedJobError, match=r"made job 1 for scheduler clusters \[2\]"):
        asked()
    closed = left()
    assert (closed.is_open, closed.job_id, closed.verdict) == (False, None, Verdict.UNKNOWN)
    assert "job 1" in closed.words
    assert (len(manager.posts), manager.lists) == (1, 0)
    manager.made_for = None
    attempt = asked()
    assert (attempt.job_id, attempt.nonce != closed.nonce) == (2, True)


def test_an_unreadable_list_repeats_no_post(
    asked: Ask, manager: ScriptedManager, left: Left
) -> None:
    """While the list cannot be read, nothing is asked again; the next call finds the job."""
    manager.script.append("cut_after")
    manager.list_failures.append(OVERLOADED)
    with pytest.raises(RemoteUnavailableError):
        asked()
    assert left().is_open
    assert asked().job_id == 1
    assert len(manager.posts) == 1
