"""Tallies: how all that is wanted stood, minute by minute."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import update

from preheat.artifact import Blob, Image
from preheat.ledger import RunRef
from preheat.ledger.schema import placement
from preheat.ledger.schema import tally as table
from preheat.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from preheat.ledger import Ledger
    from preheat.plan import Plan, PlannedPlacement

RETENTION = timedelta(days=90)
HOUR = timedelta(hours=1)


def told(ledger: Ledger) -> dict[tuple[str, Verdict], tuple[int, int]]:
    """Read the counts and bytes of the last hour, which must be one tally's."""
    found = ledger.upkeep.tallies(ledger.upkeep.now() - HOUR)
    assert len({each.taken_at for each in found}) <= 1
    return {(each.cluster, each.verdict): (each.placements, each.bytes) for each in found}


def found(ledger: Ledger, placement_id: int, verdict: Verdict) -> None:
    """Let a placement have been found so."""
    with ledger._engine.begin() as connection:
        one = update(placement).where(placement.c.id == placement_id)
        connection.execute(one.values(verdict=verdict.value))


def age(ledger: Ledger, time: timedelta) -> None:
    """Let all tallies be so much older."""
    with ledger._engine.begin() as connection:
        for moment in sorted({row.taken_at for row in connection.execute(table.select())}):
            one = update(table).where(table.c.taken_at == moment)
            connection.execute(one.values(taken_at=moment - time))


@pytest.fixture
def wanted(
    ledger: Ledger, run: RunRef, plan: Callable[..., Plan], planned: Callable[..., PlannedPlacement]
) -> list[int]:
    """Want three placements; the size of two is known."""
    made = ledger.record_plan(plan(planned(1), planned(2), planned(3)), run)
    for number in (1, 2):
        digest = planned(number).key.digest
        ledger.record_image(Image(digest, "linux/amd64", (Blob(f"sha256:{number}", number * 100),)))
    return [item.placement_id for item in made.items]


def test_what_is_wanted_is_counted_by_cluster_and_verdict(
    ledger: Ledger, wanted: list[int]
) -> None:
    """With the bytes of those whose image is known."""
    found(ledger, wanted[1], Verdict.WARM)

    ledger.upkeep.record_tally()

    assert told(ledger) == {("eu-1", Verdict.WARM): (1, 200), ("eu-1", Verdict.UNKNOWN): (2, 100)}


def test_what_nobody_wants_is_not_counted(
    ledger: Ledger, plan: Callable[..., Plan], planned: Callable[..., PlannedPlacement]
) -> None:
    """Neither what a dry run showed, nor what a plan wants no more, nor where nothing is wanted."""
    ledger.record_plan(plan(planned(9)).as_dry_run(), RunRef("preheat__web", "dry"))
    ledger.upkeep.record_tally()
    assert told(ledger) == {}
    ledger.record_plan(plan(planned(1), planned(2)), RunRef("preheat__web", "1"))
    ledger.record_plan(plan(planned(2)), RunRef("preheat__web", "2"))

    ledger.upkeep.record_tally()

    assert told(ledger) == {("eu-1", Verdict.UNKNOWN): (1, 0)}


def test_a_minute_has_one_tally_that_of_its_last_moment(
    ledger: Ledger, wanted: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Runs that end together leave what the last of them saw, no verdict of before beside it."""
    moment = ledger.upkeep.now().replace(second=1)
    monkeypatch.setattr("preheat.ledger.tallies.clock", lambda _: moment)
    ledger.upkeep.record_tally()
    for placement_id in wanted:
        found(ledger, placement_id, Verdict.WARM)

    monkeypatch.setattr("preheat.ledger.tallies.clock", lambda _: moment.replace(second=59))
    ledger.upkeep.record_tally()

    assert told(ledger) == {("eu-1", Verdict.WARM): (3, 300)}


def test_tallies_come_in_the_order_of_time(ledger: Ledger, wanted: list[int]) -> None:
    """From a moment on; what is older is not told."""
    for _ in range(3):
        ledger.upkeep.record_tally()
        age(ledger, HOUR)
    found(ledger, wanted[0], Verdict.COLD)
    ledger.upkeep.record_tally()
    now = ledger.upkeep.now()

    some = ledger.upkeep.tallies(now - 2.5 * HOUR)

    assert [each.taken_at for each in some] == sorted(each.taken_at for each in some)
    assert len({each.taken_at for each in some}) == 3
    assert (some[-2].verdict, some[-1].verdict) == (Verdict.COLD, Verdict.UNKNOWN)
    assert len({each.taken_at for each in ledger.upkeep.tallies(now - 9 * HOUR)}) == 4


def test_old_tallies_go(ledger: Ledger, wanted: list[int]) -> None:
    """With the plans and attempts of that time."""
    assert wanted
    ledger.upkeep.record_tally()
    age(ledger, RETENTION + timedelta(minutes=2))
    ledger.upkeep.record_tally()

    ledger.upkeep.prune(RETENTION)

    (left,) = ledger.upkeep.tallies(ledger.upkeep.now() - 2 * RETENTION)
    assert left.taken_at > ledger.upkeep.now() - HOUR


def minutes(ledger: Ledger, count: int, *, ago: timedelta) -> None:
    """Write one tally a minute, so many before a moment in the past."""
    last = (ledger.upkeep.now() - ago).replace(second=0, microsecond=0)
    rows = [
        {
            "taken_at": last - timedelta(minutes=number),
            "cluster": "eu-1",
            "verdict": Verdict.WARM.value,
            "placements": number,
            "bytes": 0,
        }
        for number in range(count)
    ]
    with ledger._engine.begin() as connection:
        connection.execute(table.insert(), rows)


def test_of_many_minutes_some_are_told_and_the_last_one(ledger: Ledger) -> None:
    """A picture has room for no more, and a busy month has 43,200 of them."""
    minutes(ledger, 1000, ago=timedelta(minutes=1))
    told = ledger.upkeep.tallies(ledger.upkeep.now() - timedelta(days=1))
    assert 300 < len(told) <= 400
    assert told[-1].placements == 0
    assert [each.taken_at for each in told] == sorted(each.taken_at for each in told)


def test_after_a_day_an_hour_has_one_tally(ledger: Ledger) -> None:
    """Its last one; younger ones stay, minute by minute."""
    minutes(ledger, 300, ago=timedelta(days=2))
    minutes(ledger, 30, ago=timedelta(minutes=1))
    ledger.upkeep.prune(RETENTION)
    now = ledger.upkeep.now()
    told = ledger.upkeep.tallies(now - timedelta(days=3))
    young = [each for each in told if each.taken_at > now - HOUR]
    old = [each for each in told if each.taken_at < now - HOUR]
    assert len(young) == 30
    assert 5 <= len(old) <= 6
    assert len({each.taken_at.replace(minute=0) for each in old}) == len(old)
