"""Places that fail while events are drained: each for itself, and nothing is lost."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.contract.draining.world import World, asked


def test_what_one_place_refuses_is_put_off_and_the_others_are_planned(world: World) -> None:
    """A refusal loses neither its own event nor its neighbour's, and is no red run."""
    world.listen("all")
    world.push("web/app")
    world.push("ml/secret")
    world.refuse("one", "/projects/ml/repositories/")

    (plan,) = world.drain().plans

    assert asked(plan) == ["web/app"]
    first = world.ledger.inbox.recent(handled=True)[0]
    assert first.outcomes[0].words == "asked for on eu-1"
    assert plan.failures == ()
    assert "looked at again later" in plan.warnings[0]
    (again,) = world.waiting()
    assert (again.event.repository, again.policy) == ("ml/secret", "all")
    world.servers["one"].faults.clear()
    world.all_due()
    assert asked(world.drain().plans[0]) == ["ml/secret"]
    assert world.waiting() == []


def test_what_is_refused_for_a_day_is_given_up(world: World) -> None:
    """A project that was deleted answers 403 for ever (harbor: facts of missing projects)."""
    world.listen("all")
    world.push("ml/secret", age=timedelta(days=2))
    world.refuse("one", "/projects/ml/repositories/")

    (done,) = world.drain().handled

    assert done.outcomes[0].words.startswith("given up: ")
    assert world.waiting() == []


@pytest.mark.parametrize("status", [500, 503])
def test_a_harbor_that_fails_makes_the_run_red_and_stops_nobody_else(
    world: World, status: int
) -> None:
    """One policy over two Harbors: the healthy one's push is asked for."""
    world.listen("all", "one", "two")
    world.push("web/app", "one")
    world.push("web/app", "two")
    world.refuse("two", "/api/v2.0/", status)

    (plan,) = world.drain().plans

    assert [p.settings.registry for p in plan.placements] == ["one"]
    assert str(status) in plan.failures[0]
    assert [one.event.registry for one in world.waiting()] == ["two"]


def test_a_harbor_that_is_away_is_asked_once_a_drain(world: World) -> None:
    """Each question would wait for its time-out, and everybody for the drain."""
    world.listen("one-by-one")
    for number in range(20):
        world.push(f"web/app-{number}")
    world.refuse("one", "/api/v2.0/", 503)
    requests_before = len(world.servers["one"].state.requests)

    world.drain()

    asked_for = len(world.servers["one"].state.requests) - requests_before
    assert asked_for <= 2
    assert len(world.waiting()) == 20


def test_wrong_credentials_lose_nothing(world: World) -> None:
    """Harbor answers 200 and what anybody may see (recorded: systeminfo-robot-wrong-secret)."""
    world.listen("all")
    world.push("web/app")
    world.servers["one"].state.accounts.add_robot("robot$preheat", "rotated", [])

    (plan,) = world.drain().plans

    assert "treats robot$preheat as an anonymous caller" in plan.failures[0]
    assert len(world.waiting()) == 1


def test_an_event_is_put_off_only_for_the_policy_that_failed(world: World) -> None:
    """The other one asked already, and must not ask again at each look."""
    world.listen("one-only")
    world.listen("both", "one", "two", more="  gates: {signature: {verifier: cosign}}\n")
    world.push("web/app", "one")
    world.refuse("one", "/artifacts/sha256", 500)

    world.drain()

    assert [one.policy for one in world.waiting()] == ["both"]
