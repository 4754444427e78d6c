"""What a run makes of what waits: several policies, deletions, what is put off, what is told."""

from __future__ import annotations

import pytest
from tests.contract.draining.world import World, asked

from preheat.event import EventKind, EventSource
from preheat.plan import Disposition
from preheat.sandbox.harbor import ImageSpec, push_image


def test_all_policies_together_ask_for_no_more_than_a_run_takes(world: World) -> None:
    """Airflow maps over so many (core: max_map_length); what is left is asked for next."""
    world.listen("first")
    world.listen("second")
    world.most = 3
    for number in range(5):
        world.push(f"web/app-{number}")

    first = world.drain()
    taken = [name for plan in first.plans for name in asked(plan)]
    assert len(taken) == 3
    assert world.waiting() != []


def test_what_was_asked_for_lately_goes_last(world: World) -> None:
    """Else the same first ones would be asked for in every run, and the others in none."""
    world.listen("all")
    world.most = 2
    for number in range(4):
        world.push(f"web/app-{number}")
    seen: list[str] = []
    for _ in range(2):
        (plan,) = world.drain().plans
        taken = asked(plan)
        seen += taken
        for outcome in world.ledger.outcomes("preheat_events", str(world.runs)):
            if outcome.disposition is Disposition.ASK:
                world.ledger.open_attempt(
                    outcome.placement_id, owner="test", run=world.run_ref, lease_seconds=60
                )
        world.all_due()
    assert sorted(seen) == [f"web/app-{number}" for number in range(4)]


def test_a_swept_tag_that_was_put_off_is_taken_up_in_the_end(world: World) -> None:
    """It is no sweep's any more then, and still the policy's."""
    world.listen("all")
    push_image(world.servers["one"].state, "web/app", ImageSpec("x"), tags=["1"])
    world.tell("one", "web/app", EventKind.TAG_ADDED, source=EventSource.SWEEP, tag="1")
    world.refuse("one", "/projects/web/repositories/", 500)
    world.drain()
    world.servers["one"].faults.clear()
    world.all_due()

    assert asked(world.drain().plans[0]) == ["web/app"]


def test_a_broken_file_may_be_the_one_that_takes_it(world: World) -> None:
    """What touches nobody waits until the file can be read."""
    world.broken = ("web.yaml",)
    world.push("web/app")

    (done,) = world.drain().handled

    assert done.words.endswith("but web.yaml cannot be read, and may take it")
    world.broken = ()
    world.listen("web")
    world.all_due()
    assert asked(world.drain().plans[0]) == ["web/app"]


def test_a_plan_over_some_repositories_warns_of_no_others(world: World) -> None:
    """That a source matches nothing there is no wonder."""
    world.listen("all", "one", "two")
    world.push("web/app", "one")

    (plan,) = world.drain().plans

    assert (plan.warnings, plan.partial) == ((), True)


def test_deletions_ask_once_a_repository(world: World) -> None:
    """Retention deletes hundreds at once (recorded: webhook-tag-retention)."""
    world.listen("all")
    world.push("web/app")
    world.drain()
    for number in range(50):
        world.tell("one", "web/app", EventKind.DELETED, digest=f"sha256:{number:064x}")
    state = world.servers["one"].state
    before = len(state.requests)

    done = world.drain()

    assert len(done.handled) == 50
    assert len(state.requests) - before <= 2


@pytest.mark.parametrize(("status", "waits"), [(403, 0), (503, 1)])
def test_a_deletion_that_cannot_be_looked_at(world: World, status: int, waits: int) -> None:
    """Of a project that is gone it is settled; a Harbor that is away is asked again."""
    world.listen("all")
    world.push("web/app")
    world.drain()
    world.tell("one", "web/app", EventKind.DELETED, digest="sha256:" + "a" * 64)
    world.refuse("one", "/projects/web/repositories/", status)

    world.drain()

    assert len(world.waiting()) == waits


def test_a_cleared_task_lets_go_of_its_events_first(world: World) -> None:
    """So that they wait if it fails now, and another run takes them up."""
    world.listen("all")
    world.push("web/app")
    world.drain()
    assert world.ledger.inbox.waiting() == []

    world.ledger.record_event_plans([], world.run_ref, [])

    assert [one.event.repository for one in world.ledger.inbox.waiting()] == ["web/app"]


def test_it_is_told_why_an_image_was_not_taken(world: World) -> None:
    """Two pushes of one tag: it moved on, and the first image has none any more."""
    world.listen("all")
    world.push("web/app")
    world.push("web/app")

    done = world.drain()

    assert [each.outcomes[0].words for each in done.handled] == [
        "not selected: UNTAGGED",
        "asked for on eu-1",
    ]
