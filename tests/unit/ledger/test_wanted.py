"""What is wanted now: by the plans that speak, and no longer."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import update

from preheat.ledger import Ledger, RunRef, Shown
from preheat.ledger.schema import want
from preheat.plan import IMAGES_PLAN, LOOKS, Disposition, KeepWarm

if TYPE_CHECKING:
    from collections.abc import Callable

    from preheat.plan import Plan, PlannedPlacement


def wanted(ledger: Ledger, **shown: Any) -> set[str]:
    """Name by their last digit the images that are wanted."""
    rows = ledger.overview.images(Shown(**shown)).rows
    return {row.digest.lstrip("sha256:").lstrip("0") for row in rows}


@pytest.fixture
def record(
    ledger: Ledger, plan: Callable[..., Plan], planned: Callable[..., PlannedPlacement]
) -> Callable[..., None]:
    """Give a way to record the plan of a run, by the numbers of its images."""
    count = iter(range(1, 100))

    def make(*numbers: int, dag_id: str = "preheat__web", **changes: Any) -> None:
        items = [planned(number) for number in numbers]
        if changes.get("dry_run"):
            items = [replace(item, disposition=Disposition.DRY_RUN) for item in items]
        run = RunRef(dag_id, f"run-{next(count)}")
        ledger.record_plan(plan(*items, **changes), run)

    return make


def test_a_policys_next_plan_ends_what_it_does_not_want(
    ledger: Ledger, record: Callable[..., None]
) -> None:
    """Another policy's wants stay."""
    record(1, 2)
    record(2, 3, policy="api", dag_id="preheat__api")
    record(4)
    assert wanted(ledger) == {"2", "3", "4"}
    assert wanted(ledger, policy="api") == {"2", "3"}
    assert wanted(ledger, everything=True) == {"1", "2", "3", "4"}


def test_what_came_by_an_event_is_wanted_besides(
    ledger: Ledger, record: Callable[..., None]
) -> None:
    """A plan over some repositories only says nothing of the others."""
    record(1, 2)
    record(3, partial=True, dag_id="preheat_events")
    assert wanted(ledger) == {"1", "2", "3"}


def test_what_came_by_an_event_is_seen_by_the_readers_of_the_policy(
    ledger: Ledger, record: Callable[..., None]
) -> None:
    """They need not be allowed to read the DAG that all events have in common."""
    record(1)
    record(2, partial=True, dag_id="preheat_events")
    found = ledger.overview.images(Shown(), seen={"preheat__web"})
    assert len(found.rows) == 2
    assert not ledger.overview.images(Shown(), seen={"preheat_events"}).rows


def test_a_dry_run_wants_nothing_and_ends_nothing(
    ledger: Ledger, record: Callable[..., None]
) -> None:
    """It was made to look at."""
    record(1)
    record(2, dry_run=True)
    assert wanted(ledger) == {"1"}
    assert wanted(ledger, everything=True) == {"1"}


@pytest.mark.parametrize("name", LOOKS)
def test_who_only_looks_wants_nothing(
    ledger: Ledger, record: Callable[..., None], name: str
) -> None:
    """Upkeep and verifying look at what others want."""
    record(1)
    record(2, policy=name, dag_id=name)
    assert wanted(ledger) == {"1"}


def test_typed_images_are_wanted_for_a_while(ledger: Ledger, record: Callable[..., None]) -> None:
    """The next typed images do not end the wish, the days do."""
    record(1, policy=IMAGES_PLAN, dag_id=IMAGES_PLAN)
    record(2, policy=IMAGES_PLAN, dag_id=IMAGES_PLAN)
    assert wanted(ledger) == {"1", "2"}
    past = ledger.upkeep.now() - timedelta(seconds=1)
    with ledger._engine.begin() as connection:
        connection.execute(update(want).values(until=past))
    assert wanted(ledger) == set()
    ledger.upkeep.prune(timedelta(days=90))
    with ledger._engine.begin() as connection:
        assert connection.execute(want.select()).all() == []


def test_what_is_kept_warm_stays_wanted_as_long(
    ledger: Ledger, record: Callable[..., None]
) -> None:
    """Though the policy does not select it any more; without keepWarm it ends at once."""
    keep = KeepWarm(recheck=timedelta(hours=6), until=timedelta(days=3))
    record(1, 2, keep_warm=keep)
    record(2, keep_warm=keep)
    assert wanted(ledger) == {"1", "2"}
    record(2)
    assert wanted(ledger) == {"2"}


def test_what_is_gone_from_harbor_is_not_wanted(
    ledger: Ledger, record: Callable[..., None]
) -> None:
    """Nobody can make it warm; it is shown where everything is."""
    record(1, 2)
    (gone, *_) = [row for row in ledger.overview.images(Shown()).rows if row.digest.endswith("1")]
    ledger.inbox.mark_deleted([gone.cells[0].placement.id])
    assert wanted(ledger) == {"2"}
    assert wanted(ledger, everything=True) == {"1", "2"}


def test_a_policy_whose_file_is_gone_wants_nothing(
    ledger: Ledger, record: Callable[..., None]
) -> None:
    """People's images and DAGs of one's own are not touched."""
    record(1)
    record(2, policy="api", dag_id="preheat__api")
    record(3, policy=IMAGES_PLAN, dag_id=IMAGES_PLAN)
    record(4, policy="mine", dag_id="my_dag")
    assert ledger.upkeep.want_only({"api"}) == 1
    assert wanted(ledger) == {"2", "3", "4"}


def test_a_plan_that_is_made_again_says_the_same(
    ledger: Ledger, plan: Callable[..., Plan], planned: Callable[..., PlannedPlacement]
) -> None:
    """A cleared task replaces what it wrote, and what it wanted."""
    run = RunRef("preheat__web", "run-1")
    ledger.record_plan(plan(planned(1), planned(2)), run)
    ledger.record_plan(plan(planned(2), planned(3)), run)
    assert wanted(ledger) == {"2", "3"}


def test_who_asks_by_digest_takes_no_tag_away(
    ledger: Ledger, plan: Callable[..., Plan], planned: Callable[..., PlannedPlacement]
) -> None:
    """*Warm now* asks for a digest; the image keeps the name that people look for."""
    for number, tags in enumerate((("1.0",), ())):
        item = replace(planned(1), tags=tags, label="library/app:1.0" if tags else "library/app@x")
        ledger.record_plan(plan(item, policy=IMAGES_PLAN), RunRef(IMAGES_PLAN, f"run-{number}"))
    (row,) = ledger.overview.images(Shown(text="1.0")).rows
    assert (row.label, row.tags) == ("library/app:1.0", ("1.0",))
