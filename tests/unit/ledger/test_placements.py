"""Placements and images in the ledger: what was proved of them, and since when."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from preheat.artifact import Blob, Image
from preheat.errors import LedgerError
from preheat.ledger import Proof
from preheat.placement import grounds
from preheat.verdict import Finding, Seen, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from preheat.ledger import Ledger, RunRef, StoredPlacement

    Prove = Callable[[Verdict], StoredPlacement]


@pytest.fixture
def prove(ledger: Ledger, placement_id: int, run: RunRef) -> Prove:
    """Give a way to close an attempt with a verdict; it tells the placement afterwards."""

    def close(verdict: Verdict) -> StoredPlacement:
        claim = ledger.open_attempt(placement_id, owner="me", run=run, lease_seconds=60)
        assert ledger.close_attempt(claim.attempt.id, Finding(verdict, 2, 1, 20, 10))
        return ledger.placement(placement_id)

    return close


def test_warm_since_is_the_first_time_of_an_unbroken_period(prove: Prove) -> None:
    """Proving warm again keeps the first time; the last check is told apart."""
    first = prove(Verdict.WARM)
    second = prove(Verdict.WARM)
    assert first.warm_since == first.checked_at
    assert second.warm_since == first.warm_since
    assert second.checked_at >= first.checked_at


@pytest.mark.parametrize("verdict", [Verdict.PARTIAL, Verdict.COLD])
def test_anything_but_warm_breaks_the_period(prove: Prove, verdict: Verdict) -> None:
    """After a check that did not prove warm, the next warm period starts anew."""
    first = prove(Verdict.WARM)
    broken = prove(verdict)
    assert (broken.verdict, broken.warm_since) == (verdict, None)
    assert prove(Verdict.WARM).warm_since >= broken.checked_at >= first.checked_at


def test_times_are_aware_and_utc(prove: Prove) -> None:
    """Both databases give back times with an offset of zero."""
    assert prove(Verdict.WARM).checked_at.utcoffset() == timedelta(0)


def test_warm_tells_what_is_warm_and_when_that_was_proved(ledger: Ledger, prove: Prove) -> None:
    """The map that a policy's freshFor is evaluated with; older proofs can be left out."""
    assert ledger.warm() == {}
    stored = prove(Verdict.WARM)
    proof = Proof(stored.checked_at, grounds(stored.key.scope, stored.settings), Seen(Verdict.WARM))
    assert ledger.warm() == {stored.key: proof}
    assert ledger.warm(stored.checked_at) == {stored.key: proof}
    assert ledger.warm(stored.checked_at + timedelta(seconds=1)) == {}
    prove(Verdict.COLD)
    assert ledger.warm() == {}


def test_an_attempt_without_a_finding_leaves_the_placement(
    ledger: Ledger, prove: Prove, run: RunRef
) -> None:
    """What could not be checked says nothing about the image."""
    stored = prove(Verdict.WARM)
    claim = ledger.open_attempt(stored.id, owner="me", run=run, lease_seconds=60)
    ledger.close_attempt(claim.attempt.id, None, "Dragonfly refused")
    assert ledger.placement(stored.id) == stored


def test_a_proof_that_could_not_be_made_leaves_the_placement(
    ledger: Ledger, prove: Prove, run: RunRef
) -> None:
    """A manager that is away for a minute disproves nothing, and uses up no try of the policy."""
    stored = prove(Verdict.WARM)
    for number, verdict in enumerate((Verdict.UNKNOWN, Verdict.COLD), start=2):
        own = replace(run, try_number=number)
        claim = ledger.open_attempt(stored.id, owner="me", run=own, lease_seconds=60)
        assert ledger.close_attempt(claim.attempt.id, Finding(verdict, 2, 0, 20, 0))
        assert (ledger.placement(stored.id) == stored) is (verdict is Verdict.UNKNOWN)
    assert ledger.tries_with_verdict(stored.id, run) == {1, 3}


def test_a_check_is_written_only_over_what_it_saw(
    ledger: Ledger, prove: Prove, run: RunRef
) -> None:
    """A look takes seconds: what was proved, or is asked for, meanwhile is newer."""
    cold = Finding(Verdict.COLD, 2, 0, 20, 0)
    seen = ledger.placement(prove(Verdict.PARTIAL).id)
    newer = prove(Verdict.WARM)
    assert not ledger.upkeep.record_check(seen.id, cold, seen=seen)
    assert ledger.placement(seen.id) == newer
    claim = ledger.open_attempt(seen.id, owner="me", run=run, lease_seconds=60)
    assert not ledger.upkeep.record_check(seen.id, cold, seen=newer)
    ledger.close_attempt(claim.attempt.id, None, "nothing was asked")
    moved = replace(newer, settings=replace(newer.settings, connection="dragonfly_old"))
    assert not ledger.upkeep.record_check(seen.id, cold, seen=moved)
    unknown = replace(cold, verdict=Verdict.UNKNOWN)
    assert not ledger.upkeep.record_check(seen.id, unknown, seen=newer)
    assert ledger.placement(seen.id) == newer
    assert ledger.upkeep.record_check(seen.id, cold, seen=newer)
    assert ledger.placement(seen.id).verdict is Verdict.COLD


def test_the_first_check_is_written(ledger: Ledger, placement_id: int) -> None:
    """Nothing was ever proved of it, and nothing was meanwhile."""
    seen = ledger.placement(placement_id)
    warm = Finding(Verdict.WARM, 2, 2, 20, 20)
    assert ledger.upkeep.record_check(placement_id, warm, seen=seen)
    assert not ledger.upkeep.record_check(placement_id, warm, seen=seen)


def test_an_unknown_placement_is_an_error(ledger: Ledger) -> None:
    """The message says what to do."""
    with pytest.raises(LedgerError, match="no placement 99: plan again"):
        ledger.placement(99)


def test_an_image_is_kept_for_ever(ledger: Ledger) -> None:
    """The blobs follow from the digest: a second writer changes nothing."""
    blobs = (Blob("sha256:" + "c" * 64, 1500), Blob("sha256:" + "d" * 64, 5 * 1024**3))
    image = Image("sha256:" + "a" * 64, "linux/arm64/v8", blobs)
    assert ledger.image(image.digest) is None
    ledger.record_image(image)
    ledger.record_image(Image(image.digest, "", ()))
    assert ledger.image(image.digest) == image
