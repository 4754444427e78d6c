"""Attempts in the ledger: one open at a time, owned by lease, closed once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from preheat.errors import LedgerError
from preheat.verdict import Finding, HostFinding, MissingLayer, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from preheat.ledger import Claim, Ledger, RunRef

    Open = Callable[..., Claim]
    PassTime = Callable[[float], None]

WARM = Finding(Verdict.WARM, 2, 2, 20, 20)


@pytest.fixture
def opened(ledger: Ledger, placement_id: int, run: RunRef) -> Open:
    """Give a way to open the placement's attempt."""

    def call(owner: str = "me", lease_seconds: float = 60) -> Claim:
        return ledger.open_attempt(placement_id, owner=owner, run=run, lease_seconds=lease_seconds)

    return call


def test_one_attempt_is_open_at_a_time(opened: Open) -> None:
    """The second opener finds the first's attempt, which is not its own."""
    first, second = opened(), opened("you")
    assert (first.mine, second.mine) == (True, False)
    assert first.attempt == second.attempt
    assert 0 < second.lease_seconds_left <= 60
    assert second.seconds_since_asked is None


def test_a_lease_is_taken_over_only_when_it_ran_out(
    opened: Open, ledger: Ledger, run: RunRef, pass_time: PassTime
) -> None:
    """A living owner keeps its attempt; a dead one loses it."""
    opened()
    seen = opened("you").attempt
    retry = replace(run, try_number=2)
    assert not ledger.take_over(seen, owner="you", run=retry, lease_seconds=60)
    pass_time(61)
    seen = opened("you").attempt
    assert ledger.take_over(seen, owner="you", run=retry, lease_seconds=60)
    claim = ledger.look(seen.id, owner="you")
    assert claim.mine
    assert claim.attempt.run.try_number == 2
    assert not ledger.look(seen.id, owner="me").mine


def test_of_two_that_take_over_one_wins(
    opened: Open, ledger: Ledger, run: RunRef, pass_time: PassTime
) -> None:
    """Compare and set: what was seen must still stand."""
    opened()
    pass_time(61)
    seen = opened("you").attempt
    won = [ledger.take_over(seen, owner=owner, run=run, lease_seconds=0) for owner in ("you", "he")]
    assert won == [True, False]


def test_without_the_lease_nothing_may_be_asked(
    opened: Open, ledger: Ledger, pass_time: PassTime
) -> None:
    """Marking a POST is the fence: it fails for others, and once the lease has run out."""
    attempt = opened().attempt
    assert not ledger.mark_asked(attempt.id, owner="you", lease_seconds=60)
    assert ledger.mark_asked(attempt.id, owner="me", lease_seconds=60)
    assert ledger.renew(attempt.id, owner="me", lease_seconds=60)
    pass_time(61)
    assert not ledger.mark_asked(attempt.id, owner="me", lease_seconds=60)
    assert not ledger.close_unasked(attempt.id, owner="me", words="")
    assert not ledger.close_unfollowed(attempt.id, owner="me", words="")
    assert ledger.look(attempt.id, owner="me").seconds_since_asked >= 61


def test_a_lease_that_ran_out_is_kept_until_somebody_takes_it(
    opened: Open, ledger: Ledger, run: RunRef, pass_time: PassTime
) -> None:
    """Whoever was away for longer than a lease goes on, unless another took its place."""
    seen = opened().attempt
    pass_time(61)
    assert ledger.renew(seen.id, owner="me", lease_seconds=60)
    assert not ledger.take_over(seen, owner="you", run=run, lease_seconds=60)
    pass_time(61)
    seen = ledger.attempt(seen.id)
    assert ledger.take_over(seen, owner="you", run=run, lease_seconds=60)
    assert not ledger.renew(seen.id, owner="me", lease_seconds=60)


def test_only_whoever_holds_an_attempt_without_a_job_closes_it(
    opened: Open, ledger: Ledger, run: RunRef, pass_time: PassTime
) -> None:
    """Another's POST may be under way, and its job must find the attempt open."""
    seen = opened().attempt
    pass_time(61)
    seen = ledger.attempt(seen.id)
    assert ledger.take_over(seen, owner="you", run=run, lease_seconds=60)
    assert not ledger.close_unfollowed(seen.id, owner="me", finding=WARM)
    assert ledger.placement(seen.placement_id).verdict is Verdict.UNKNOWN
    assert ledger.close_unfollowed(seen.id, owner="you", finding=WARM, words="as the peers said")
    closed = ledger.attempt(seen.id)
    assert (closed.verdict, closed.words) == (Verdict.WARM, "as the peers said")
    assert ledger.placement(seen.placement_id).verdict is Verdict.WARM
    following = opened().attempt
    ledger.record_job(following.id, 7)
    assert not ledger.close_unfollowed(following.id, owner="me", finding=WARM)


def test_the_first_job_stands(opened: Open, ledger: Ledger) -> None:
    """Others may follow it already, so a second one is only noted, and once."""
    attempt = opened().attempt
    ledger.record_job(attempt.id, 7)
    ledger.record_job(attempt.id, 5)
    ledger.record_job(attempt.id, 5)
    recorded = ledger.record_job(attempt.id, 7)
    assert recorded.job_id == 7
    assert recorded.note == "Job 5 carries the same nonce and is not followed."


def test_an_attempt_is_closed_once(opened: Open, ledger: Ledger) -> None:
    """Two triggers may follow one attempt: the first verdict stands."""
    attempt = opened().attempt
    cold = Finding(Verdict.COLD, 2, 0, 20, 0)
    assert ledger.close_attempt(attempt.id, WARM)
    assert not ledger.close_attempt(attempt.id, cold)
    assert ledger.attempt(attempt.id).verdict is Verdict.WARM
    assert ledger.placement(attempt.placement_id).verdict is Verdict.WARM


def test_a_finding_comes_back_whole_with_its_words_cut(opened: Open, ledger: Ledger) -> None:
    """All missing layers with sizes and hosts are kept; words of others are bounded."""
    finding = Finding(
        verdict=Verdict.PARTIAL,
        layers_expected=3,
        layers_warm=1,
        bytes_expected=7 * 1024**3,
        bytes_warm=1024,
        missing=(
            MissingLayer("sha256:" + "a" * 64, 5 * 1024**3, ("10.0.0.1", "10.0.0.2"), "é" * 5000),
            MissingLayer("sha256:" + "b" * 64, 2 * 1024**3),
        ),
        hosts=(HostFinding("10.0.0.1", 1, 1024),),
        words="dial tcp: \x00 refused",
    )
    attempt = opened().attempt
    ledger.close_attempt(attempt.id, finding)
    (stored,) = ledger.attempts(attempt.placement_id)
    assert stored.missing[1] == finding.missing[1]
    assert stored.missing[0].hosts == ("10.0.0.1", "10.0.0.2")
    assert stored.missing[0].words == "é" * 299 + "…"
    assert stored.finding.hosts == finding.hosts
    assert stored.finding.bytes_expected == 7 * 1024**3
    assert stored.words == "dial tcp: \ufffd refused"


def test_words_of_a_refusal_are_bounded(opened: Open, ledger: Ledger) -> None:
    """A registry that answers with a novel does not fill the ledger."""
    attempt = opened().attempt
    ledger.close_attempt(attempt.id, None, "no " * 10_000)
    closed = ledger.attempt(attempt.id)
    assert len(closed.words) == 2000
    assert (closed.verdict, closed.finding) == (Verdict.UNKNOWN, None)


def test_an_unknown_attempt_is_an_error(ledger: Ledger) -> None:
    """It names what was looked for."""
    with pytest.raises(LedgerError, match="no attempt 99"):
        ledger.attempt(99)


def test_an_attempt_of_no_placement_is_refused(ledger: Ledger, run: RunRef) -> None:
    """Foreign keys hold on both databases."""
    with pytest.raises(LedgerError, match="no placement 99"):
        ledger.open_attempt(99, owner="me", run=run, lease_seconds=60)


def test_a_verdict_counts_for_every_run_that_followed_the_attempt(
    opened: Open, ledger: Ledger, run: RunRef
) -> None:
    """Who joins another run's job has asked too; one verdict counts once, at the latest try."""
    attempt = opened().attempt
    other = replace(run, dag_id="preheat_images", try_number=3)
    for number in (3, 4):
        joining = replace(other, try_number=number)
        ledger.open_attempt(attempt.placement_id, owner="you", run=joining, lease_seconds=60)
    assert ledger.tries_with_verdict(attempt.placement_id, other) == set()
    ledger.close_attempt(attempt.id, WARM)
    assert ledger.tries_with_verdict(attempt.placement_id, other) == {4}
    assert ledger.tries_with_verdict(attempt.placement_id, run) == {1}
    assert ledger.tries_with_verdict(attempt.placement_id, replace(run, run_id="x")) == set()


def test_a_try_that_comes_late_follows_what_a_later_one_followed(
    opened: Open, ledger: Ledger, run: RunRef
) -> None:
    """A worker that was given up for dead wakes up when the next try has ended: it asks nothing.

    What counts is the number of the try, for no two clocks agree. A later try asks anew.
    """
    attempt = opened().attempt
    second, third = replace(run, try_number=2), replace(run, try_number=3)
    place = attempt.placement_id
    ledger.open_attempt(place, owner="second", run=second, lease_seconds=60)
    ledger.record_job(attempt.id, 7)
    ledger.close_attempt(attempt.id, WARM)
    late = opened("zombie")
    assert (late.mine, late.attempt.id, late.attempt.job_id) == (False, attempt.id, 7)
    assert [each.id for each in ledger.attempts(place)] == [attempt.id]
    assert ledger.tries_with_verdict(place, run) == {2}
    anew = ledger.open_attempt(place, owner="third", run=third, lease_seconds=60)
    assert anew.mine
    assert anew.attempt.id != attempt.id


def test_a_refusal_is_no_verdict(opened: Open, ledger: Ledger, run: RunRef) -> None:
    """Nothing was counted, so none of the policy's attempts is used up."""
    attempt = opened().attempt
    ledger.close_attempt(attempt.id, None, "refused")
    assert ledger.tries_with_verdict(attempt.placement_id, run) == set()


def test_a_connection_is_known_to_work_once_a_job_was_made_over_it(
    opened: Open, ledger: Ledger, pass_time: PassTime
) -> None:
    """A POST alone proves nothing, nor does a job of long ago."""
    attempt = opened().attempt
    month = timedelta(days=30)
    ledger.mark_asked(attempt.id, owner="me", lease_seconds=60)
    assert not ledger.has_asked("dragonfly_default", within=month)
    ledger.record_job(attempt.id, 7)
    assert ledger.has_asked("dragonfly_default", within=month)
    assert not ledger.has_asked("dragonfly_other", within=month)
    pass_time(31 * 24 * 3600)
    assert not ledger.has_asked("dragonfly_default", within=month)
