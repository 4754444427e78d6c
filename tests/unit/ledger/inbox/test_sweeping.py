"""What sweeps saw, and what is known to be gone."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from preheat.ledger import Glimpse, Received
from preheat.plan import KeepWarm

if TYPE_CHECKING:
    from collections.abc import Callable

    from preheat.event import HarborEvent
    from preheat.ledger import Ledger, RunRef
    from preheat.plan import Plan, PlannedPlacement

    Pushed = Callable[..., HarborEvent]
    MakePlan = Callable[..., Plan]
    Planned = Callable[..., PlannedPlacement]

HARBOR = "harbor_default"
APP = Glimpse("library/app", "a" * 64, {"1.0": "sha256:1", "labels": ["gold"]})
DB = Glimpse("library/db", "d" * 64)


def test_what_was_seen_comes_back(ledger: Ledger, pushed: Pushed) -> None:
    """Together with what it led to; the next look takes its place."""
    assert ledger.inbox.glimpses(HARBOR) == {}
    assert ledger.inbox.glimpse(HARBOR, "library/app") is None

    assert ledger.inbox.record_sweep(HARBOR, [DB, APP], [pushed()]) == Received(new=1)
    newer = Glimpse("library/db", "e" * 64, [1])
    assert ledger.inbox.record_sweep(HARBOR, [newer]) == Received()

    assert ledger.inbox.glimpses(HARBOR) == {"library/app": "a" * 64, "library/db": "e" * 64}
    assert ledger.inbox.glimpse(HARBOR, "library/app") == APP
    assert ledger.inbox.glimpse(HARBOR, "library/db") == newer
    assert ledger.inbox.glimpses("harbor_us") == {}


def test_of_what_is_gone_nothing_is_kept(ledger: Ledger) -> None:
    """A repository that comes again is new."""
    ledger.inbox.record_sweep(HARBOR, [APP, DB])

    ledger.inbox.record_sweep(HARBOR, [], gone=["library/app", "library/none"])

    assert list(ledger.inbox.glimpses(HARBOR)) == ["library/db"]


def test_a_sweep_whose_events_cannot_be_kept_saw_nothing(ledger: Ledger, pushed: Pushed) -> None:
    """Else what it saw would never be told."""
    with pytest.raises(Exception, match="without an offset"):
        ledger.inbox.record_sweep(
            HARBOR, [APP], [pushed(occurred_at=ledger.upkeep.now().replace(tzinfo=None))]
        )

    assert ledger.inbox.glimpses(HARBOR) == {}


def test_what_is_gone_from_harbor_is_kept_warm_no_more(
    ledger: Ledger, run: RunRef, plan: MakePlan, planned: Planned
) -> None:
    """Until a plan asks for it again: then it is there again."""
    keep = KeepWarm(timedelta(hours=1), timedelta(days=1))
    both = plan(planned(1), planned(2), keep_warm=keep)
    first, second = (item.placement_id for item in ledger.record_plan(both, run).items)
    assert [p.id for p in ledger.inbox.placements_in(HARBOR, "library/app")] == [first, second]

    ledger.inbox.mark_deleted([first])

    assert [p.id for p in ledger.inbox.placements_in(HARBOR, "library/app")] == [second]
    assert [wish.placement.id for wish in ledger.upkeep.kept()] == [second]
    gone_at = ledger.placement(first).deleted_at
    assert gone_at is not None
    ledger.inbox.mark_deleted([first, second])
    assert ledger.placement(first).deleted_at == gone_at

    ledger.record_plan(both, run)

    assert ledger.placement(first).deleted_at is None
    assert [wish.placement.id for wish in ledger.upkeep.kept()] == [first, second]


def test_placements_are_those_of_one_harbor(
    ledger: Ledger, run: RunRef, plan: MakePlan, planned: Planned
) -> None:
    """Two Harbors may have a repository of the same name."""
    ledger.record_plan(plan(planned(1)), run)

    assert ledger.inbox.placements_in("harbor_us", "library/app") == []
    assert ledger.inbox.placements_in(HARBOR, "library/ap") == []
