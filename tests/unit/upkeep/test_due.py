"""Which placements are due, on values."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from preheat.demand import Demand
from preheat.ledger import Kept, StoredPlacement
from preheat.placement import PlacementKey, Scope, TrackSettings
from preheat.upkeep import due, strictest
from preheat.verdict import Verdict

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def wish(
    number: int = 1,
    *,
    checked: float | None = None,
    selected: float = 24,
    recheck: float = 6,
    policy: str = "web",
    accepts: bool = False,
) -> Kept:
    """Wish a placement warm; times are hours before noon."""
    key = PlacementKey("eu-1", "http://h", "library/app", f"sha256:{number}", "", Scope.ALL_PEERS)
    settings = TrackSettings("dragonfly", "dragonfly_default", 1, "harbor_default")
    checked_at = None if checked is None else NOON - timedelta(hours=checked)
    stored = StoredPlacement(number, key, settings, Verdict.WARM, checked_at=checked_at)
    return Kept(
        stored,
        policy,
        f"app of {policy}",
        timedelta(hours=recheck),
        accepts,
        NOON - timedelta(hours=selected),
        NOON + timedelta(days=9),
    )


@pytest.mark.parametrize(
    ("checked", "is_due"), [(4.9, False), (5.0, True), (6.0, True), (99.0, True)]
)
def test_a_proof_never_gets_older_than_recheck(checked: float, is_due: bool) -> None:
    """What would be too old before the next look, in an hour, is due now."""
    assert bool(due([wish(checked=checked)], NOON, ahead=HOUR)) is is_due


@pytest.mark.parametrize(("selected", "is_due"), [(1, False), (5.5, True)])
def test_what_was_never_checked_has_time_from_its_plan_on(selected: float, is_due: bool) -> None:
    """A run that plans it a minute before is not overtaken."""
    assert bool(due([wish(selected=selected)], NOON, ahead=HOUR)) is is_due


def test_the_strictest_wish_counts_once() -> None:
    """Of two policies that want a placement warm, the shorter recheck decides for both."""
    lax = wish(checked=7, recheck=24, policy="lax", accepts=True, selected=1)
    strict = wish(checked=7, recheck=6, policy="strict", selected=9)

    (one,) = due([lax, strict], NOON, ahead=HOUR)

    assert one.policies == ("lax", "strict")
    assert one.label == "app of lax"
    assert [wish.accept_partial for wish in one.wishes] == [True, False]
    assert due([lax], NOON, ahead=HOUR) == []


def test_the_oldest_proof_comes_first() -> None:
    """Where one run cannot take all, the longest unseen goes first."""
    wishes = [wish(1, checked=7), wish(2, checked=9), wish(3, checked=8)]
    assert [one.placement.id for one in due(wishes, NOON, ahead=HOUR)] == [2, 3, 1]


@pytest.mark.parametrize(
    ("demands", "hosts", "enough"),
    [
        (["layers 50%", "layers 100%"], 4, "layers 100%"),
        (["layers 50%", "layers 3"], 4, "layers 3"),
        (["layers 50%", "layers 1"], 4, "layers 50%"),
        (["layers 50%", "layers 3"], None, "layers 50%"),
        (["peers 1", "layers 100%"], 4, "peers 100%"),
        (["", ""], None, "layers 100%"),
    ],
)
def test_what_is_enough_for_all(demands: list[str], hosts: int | None, enough: str) -> None:
    """By so many hosts as are in scope; of unknown hosts a percentage is the harder to show."""
    wanted = [Demand.parse(text) for text in demands]
    assert str(strictest(wanted, hosts)) == enough
    assert str(strictest(wanted[::-1], hosts)) == enough
