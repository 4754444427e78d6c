"""What people look up: bounded by what they may see, page by page, filtered."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from preheat.artifact import Blob, Image
from preheat.ledger import Claim, Ledger, RunRef, Shown
from preheat.verdict import Finding, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from preheat.plan import Plan, PlannedPlacement

CLUSTERS = ("eu-1", "us-1", "ap-1")
RUN = RunRef("preheat__web", "run-1")


def finding(verdict: Verdict) -> Finding:
    """Make a finding of one layer."""
    warm = int(verdict is Verdict.WARM)
    return Finding(verdict, 1, warm, 1000, 1000 * warm)


def open_attempt(ledger: Ledger, placement_id: int) -> Claim:
    """Open an attempt."""
    run = replace(RUN, task_id="track")
    return ledger.open_attempt(placement_id, owner="me", run=run, lease_seconds=60)


@pytest.fixture
def world(
    ledger: Ledger, plan: Callable[..., Plan], planned: Callable[..., PlannedPlacement]
) -> Ledger:
    """Plan seven images of two projects on three clusters; the first is warm on one of them."""

    def one(number: int, cluster: str) -> PlannedPlacement:
        name = f"{'web' if number % 2 else 'data'}/app-{number}"
        made = planned(number)
        key = replace(made.key, repository=name, cluster=cluster)
        label = f"{name}:1.{number} linux/amd64"
        return replace(made, key=key, label=label, tags=(f"1.{number}", "latest"))

    items = [one(number, cluster) for number in range(1, 8) for cluster in CLUSTERS]
    recorded = ledger.record_plan(plan(*items), RUN)
    first = recorded.items[0].placement_id
    claim = open_attempt(ledger, first)
    ledger.close_attempt(claim.attempt.id, finding(Verdict.WARM))
    ledger.record_image(Image(items[0].key.digest, "linux/amd64", (Blob("sha256:l", 1000),)))
    return ledger


def names(ledger: Ledger, **shown: Any) -> list[str]:
    """Name the images that are shown, in their order."""
    return [row.repository for row in ledger.overview.images(Shown(**shown)).rows]


def test_images_come_by_name_each_with_all_its_cells(world: Ledger) -> None:
    """And with size, label and tags, as far as they are known."""
    rows = world.overview.images(Shown()).rows
    assert [row.repository for row in rows] == sorted(row.repository for row in rows)
    assert {tuple(cell.placement.key.cluster for cell in row.cells) for row in rows} == {
        ("ap-1", "eu-1", "us-1")
    }
    (known,) = (row for row in rows if row.repository == "web/app-1")
    assert (known.size, known.label, known.tags) == (
        *(1000, "web/app-1:1.1 linux/amd64"),
        ("1.1", "latest"),
    )
    assert [cell.placement.verdict for cell in known.cells] == [
        *(Verdict.UNKNOWN, Verdict.WARM, Verdict.UNKNOWN),
    ]


def test_pages_follow_each_other_without_a_gap(world: Ledger) -> None:
    """Each image is on one page, whatever its size."""
    seen: list[str] = []
    after = None
    while True:
        page = world.overview.images(Shown(), after=after, limit=3)
        seen += [row.repository for row in page.rows]
        after = page.after
        if after is None:
            break
    assert seen == names(world)


def test_placements_are_paged_by_their_ids(world: Ledger) -> None:
    """A page that ends the list says so."""
    first = world.overview.placements(Shown(), limit=20)
    assert (len(first.rows), first.after) == (20, (first.rows[-1].placement.id,))
    last = world.overview.placements(Shown(), after=first.rows[-1].placement.id, limit=20)
    assert (len(last.rows), last.after) == (1, None)


@pytest.mark.parametrize(
    ("shown", "count"),
    [
        ({"project": "data"}, 3),
        ({"project": "dat"}, 0),
        ({"cluster": "us-1"}, 7),
        ({"cluster": "nowhere"}, 0),
        ({"policy": "web"}, 7),
        ({"policy": "other"}, 0),
        ({"verdicts": (Verdict.WARM,)}, 1),
        ({"verdicts": (Verdict.WARM, Verdict.UNKNOWN)}, 7),
        ({"text": "app-3"}, 1),
        ({"text": "WEB/APP-3:1.3"}, 1),
        ({"text": "latest"}, 7),
        ({"text": "1.4"}, 1),
        ({"text": "sha256:" + "0" * 63}, 7),
        ({"text": "0" * 63 + "5"}, 1),
        ({"text": "%"}, 0),
        ({"text": "app_3"}, 0),
        ({"text": "\\"}, 0),
        ({"text": "'; DROP TABLE placement; --"}, 0),
    ],
)
def test_lists_are_filtered(world: Ledger, shown: dict[str, Any], count: int) -> None:
    """Marks that mean something to LIKE mean themselves; counts are of the same placements."""
    assert len(names(world, **shown)) == count
    counted = sum(one.placements for one in world.overview.counts(Shown(**shown)))
    listed = len(world.overview.placements(Shown(**shown), limit=100).rows)
    assert counted == listed


def test_counts_are_by_cluster_and_verdict(world: Ledger) -> None:
    """With the bytes of the images that are known."""
    counted = {
        (c.cluster, c.verdict): (c.placements, c.bytes) for c in world.overview.counts(Shown())
    }
    assert counted == {
        ("ap-1", Verdict.UNKNOWN): (7, 1000),
        ("eu-1", Verdict.UNKNOWN): (6, 0),
        ("eu-1", Verdict.WARM): (1, 1000),
        ("us-1", Verdict.UNKNOWN): (7, 1000),
    }


def test_nobody_sees_more_than_he_may(world: Ledger) -> None:
    """Neither in lists, nor one by one, nor as a number or a name."""
    overview, others = world.overview, {"preheat__other"}
    (row, *_) = (r for r in overview.images(Shown()).rows if r.repository == "web/app-1")
    its = row.cells[1].placement.id
    (attempt,) = overview.attempts([its]).rows
    (plan,) = overview.plans().rows
    for seen, count in ((None, 1), ({"preheat__web"}, 1), (others, 0), (set(), 0)):
        assert len(overview.attempts([its], seen=seen).rows) == count
        assert len(overview.items([its], seen=seen)) == count
        assert len(overview.plans(seen=seen).rows) == count
        assert bool(overview.placement(its, seen)) == bool(count)
        assert bool(overview.placements_of(row.repository, row.digest, seen)) == bool(count)
        assert bool(overview.attempt(attempt.id, seen)) == bool(count)
        assert bool(overview.plan(plan.id, seen)) == bool(count)
        assert bool(overview.latest_plan("web", seen)) == bool(count)
        assert overview.policies(seen) == ["web"] * count
        assert overview.projects(seen) == ["data", "web"] * count
        assert bool(overview.counts(Shown(), seen=seen)) == bool(count)
        assert bool(overview.placements(Shown(), seen=seen).rows) == bool(count)
        assert bool(overview.images(Shown(everything=True), seen=seen).rows) == bool(count)


def test_what_is_being_asked_for_is_told(world: Ledger) -> None:
    """From the moment that an attempt is opened, until it is closed."""
    (row, *_) = world.overview.images(Shown(text="app-2")).rows
    its = row.cells[0].placement.id
    assert row.cells[0].attempt_id is None
    claim = open_attempt(world, its)
    (row, *_) = world.overview.images(Shown(text="app-2")).rows
    assert row.cells[0].attempt_id == claim.attempt.id
    world.close_attempt(claim.attempt.id, finding(Verdict.COLD))
    found = world.overview.placement(its)
    assert found is not None
    assert (found.attempt_id, found.placement.verdict) == (None, Verdict.COLD)


def test_a_plan_is_told_without_its_decisions(world: Ledger) -> None:
    """But with what it did with its placements; names of placements come from it."""
    (plan,) = world.overview.plans().rows
    assert (plan.policy, plan.dag_id, plan.run_id) == ("web", RUN.dag_id, RUN.run_id)
    assert (plan.placements, plan.dry_run, plan.partial) == ({"ASK": 21}, False, False)
    assert world.overview.plan(plan.id) == plan == world.overview.latest_plan("web")
    assert world.overview.plans(run_id="another").rows == ()
    (first, *_) = world.overview.placements(Shown()).rows
    its = first.placement
    number = its.key.repository.rpartition("-")[2]
    name = world.overview.names([its.id])[its.id]
    assert name.label == f"{its.key.repository}:1.{number} linux/amd64"
    assert name.tags == (f"1.{number}", "latest")
