"""An attempt whose task a person failed or cleared, or whose worker died: it ends truthfully.

Dragonfly has no cancel (dragonfly: manager/handlers/job.go): the job goes on, the next try joins
it, and where there is none upkeep closes what is left.
"""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from threading import Event
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk.exceptions import TaskDeferred
from airflow.triggers.base import TaskSuccessEvent

from preheat import upkeep
from preheat.drivers.base import HeatRequest
from preheat.errors import RemoteUnavailableError
from preheat.ledger.schema import attempt as attempts
from preheat.plan import Disposition
from preheat.provider.hooks.dragonfly import DragonflyHook
from preheat.provider.hooks.harbor import HarborHook
from preheat.provider.operators.upkeep import SettleAttemptsOperator
from preheat.provider.sensors.dragonfly import DragonflyPreheatSensor
from preheat.verdict import Verdict

if TYPE_CHECKING:
    from preheat.ledger import Attempt, StoredPlacement
    from preheat.provider.triggers.dragonfly import DragonflyPreheatTrigger


def start(world: Any, context: dict[str, Any]) -> tuple[StoredPlacement, DragonflyPreheatTrigger]:
    """Run a task to its deferral; what becomes of its trigger is the test's business."""
    (placement,) = world.plan(Disposition.ASK)
    return placement, again(placement, context)


def again(placement: StoredPlacement, context: dict[str, Any]) -> DragonflyPreheatTrigger:
    """Run the task's next try to its deferral."""
    sensor = DragonflyPreheatSensor(task_id="track", placement=placement.id)
    with pytest.raises(TaskDeferred) as caught:
        sensor.execute(context)
    assert caught.value.trigger is not None
    return caught.value.trigger  # type: ignore[return-value] # the sensor's own


def hear(*triggers: DragonflyPreheatTrigger) -> list[Any]:
    """Run triggers at the same time, in one event loop; gives the event of each."""

    async def first(trigger: DragonflyPreheatTrigger) -> Any:
        return await anext(trigger.run())

    async def all_of_them() -> list[Any]:
        return list(await asyncio.gather(*map(first, triggers)))

    return asyncio.run(all_of_them())


def end_of_job(world: Any, job_id: int | None) -> None:
    """Wait until the manager shows that the job ended."""
    driver = DragonflyHook().driver()
    for _ in range(200):
        if driver.query([job_id], scheduler_cluster_id=2)[job_id].state.is_terminal:
            return
        Event().wait(0.05)
    raise AssertionError(world.sandbox.dragonfly_url)


def let_time_pass(world: Any) -> None:
    """Let everything that is open have been asked for an hour ago: nobody follows it any more."""
    past = world.ledger.upkeep.now() - timedelta(hours=1)
    asked_at = attempts.c.asked_at
    with world.ledger._engine.begin() as connection:
        open_ones = attempts.update().where(attempts.c.closed_at.is_(None))
        connection.execute(open_ones.values(opened_at=past, lease_until=past))
        connection.execute(open_ones.where(asked_at.is_not(None)).values(asked_at=past))


def settle(context: dict[str, Any]) -> dict[str, int]:
    """Run upkeep's task for the cluster."""
    return SettleAttemptsOperator(task_id="settle", cluster="us-1").execute(context)


def the_attempt(world: Any, placement: StoredPlacement) -> Attempt:
    """Give the placement's one attempt."""
    (attempt,) = world.ledger.attempts(placement.id)
    return attempt


def test_a_task_marked_failed_leaves_its_job_to_upkeep(world: Any, context: dict[str, Any]) -> None:
    """Airflow drops the trigger; the job goes on and ends; upkeep proves what it left behind."""
    placement, trigger = start(world, context)
    end_of_job(world, the_attempt(world, placement).job_id)
    jobs = world.jobs
    let_time_pass(world)

    assert settle(context) == {"proved": 1, "WARM": 1}

    closed = the_attempt(world, placement)
    assert (closed.id, closed.verdict) == (trigger.attempt, Verdict.WARM)
    assert world.ledger.placement(placement.id).verdict is Verdict.WARM
    assert world.jobs == jobs


def test_the_next_try_of_a_cleared_task_joins_the_job(world: Any, context: dict[str, Any]) -> None:
    """Clearing asks for nothing twice while the first job is under way."""
    placement, first = start(world, context)
    jobs = world.jobs
    context["ti"].try_number = 2

    second = again(placement, context)

    assert (second.attempt, world.jobs) == (first.attempt, jobs)
    assert [type(event) for event in hear(second)] == [TaskSuccessEvent]
    assert the_attempt(world, placement).verdict is Verdict.WARM


def test_a_cleared_tasks_old_trigger_harms_nothing(world: Any, context: dict[str, Any]) -> None:
    """For a short while two triggers follow one attempt (tried on 3.3.2): one verdict for both."""
    placement, first = start(world, context)
    second = again(placement, context)

    events = hear(first, second)

    assert [type(event) for event in events] == [TaskSuccessEvent] * 2
    assert the_attempt(world, placement).verdict is Verdict.WARM


def test_a_task_cleared_after_upkeep_asks_anew(world: Any, context: dict[str, Any]) -> None:
    """What upkeep closed is over: a person who clears the task wants the image asked for again."""
    placement, _ = start(world, context)
    end_of_job(world, the_attempt(world, placement).job_id)
    let_time_pass(world)
    settle(context)
    jobs = world.jobs

    again(placement, context)

    assert world.jobs == jobs + 1
    assert len(world.ledger.attempts(placement.id)) == 2


def test_a_job_that_left_layers_out_is_not_called_warm(world: Any, context: dict[str, Any]) -> None:
    """Dragonfly says SUCCESS all the same (registry-bearer-token-expired-midway)."""
    world.sandbox.harbor.state.set_blob(world.layer, "unreadable")
    placement, _ = start(world, context)
    end_of_job(world, the_attempt(world, placement).job_id)
    let_time_pass(world)

    assert settle(context) == {"proved": 1, "PARTIAL": 1}

    closed = the_attempt(world, placement)
    assert [layer.digest for layer in closed.missing] == [world.layer]
    assert world.ledger.placement(placement.id).verdict is Verdict.PARTIAL


def test_a_job_whose_row_is_gone_is_proved_by_the_peers(
    world: Any, context: dict[str, Any]
) -> None:
    """Rows vanish after 6 to 9 hours, well or not (dragonfly: manager/gc/job.go)."""
    placement, _ = start(world, context)
    end_of_job(world, the_attempt(world, placement).job_id)
    world.sandbox.dragonfly.state.jobs.delete(the_attempt(world, placement).job_id)
    let_time_pass(world)

    assert settle(context) == {"proved": 1, "WARM": 1}


def test_a_row_that_is_gone_with_what_it_fetched(world: Any, context: dict[str, Any]) -> None:
    """The peers lost it meanwhile: nobody calls that warm."""
    placement, _ = start(world, context)
    end_of_job(world, the_attempt(world, placement).job_id)
    world.sandbox.dragonfly.state.jobs.delete(the_attempt(world, placement).job_id)
    for peer in world.sandbox.dragonfly.state.peers:
        peer.wipe()
    let_time_pass(world)

    assert settle(context) == {"proved": 1, "COLD": 1}


def test_a_job_that_still_runs_is_left_alone(world: Any, context: dict[str, Any]) -> None:
    """However long nobody followed it: it has no end yet that could be told."""
    seed = world.sandbox.dragonfly.state.peer("10.78.0.11")
    seed.delay_seconds = 2.0
    placement, _ = start(world, context)
    let_time_pass(world)

    try:
        assert settle(context) == {"running": 1}
    finally:
        seed.delay_seconds = 0.0

    assert the_attempt(world, placement).is_open
    end_of_job(world, the_attempt(world, placement).job_id)


def test_a_young_attempt_is_left_to_whoever_follows_it(world: Any, context: dict[str, Any]) -> None:
    """In the middle of a run of a thousand placements upkeep proves none of them twice."""
    placement, _ = start(world, context)
    end_of_job(world, the_attempt(world, placement).job_id)

    assert settle(context) == {"young": 1}
    assert the_attempt(world, placement).is_open


def test_an_attempt_that_never_asked(world: Any, context: dict[str, Any]) -> None:
    """Its worker died before the POST: nothing is known of the image, and nothing is claimed."""
    (placement,) = world.plan(Disposition.ASK)
    world.ledger.open_attempt(placement.id, owner="dead", run=world.run, lease_seconds=1)
    let_time_pass(world)

    assert settle(context) == {"never_asked": 1}

    closed = the_attempt(world, placement)
    assert (closed.verdict, closed.finding, closed.asked_at) == (Verdict.UNKNOWN, None, None)
    assert world.ledger.placement(placement.id).checked_at is None


def cut_post(world: Any) -> tuple[StoredPlacement, Attempt]:
    """Leave an attempt whose POST began, and whose worker then died."""
    (placement,) = world.plan(Disposition.ASK)
    claim = world.ledger.open_attempt(placement.id, owner="dead", run=world.run, lease_seconds=9)
    assert world.ledger.mark_asked(claim.attempt.id, owner="dead", lease_seconds=9)
    return placement, claim.attempt


def test_a_cut_post_whose_job_exists_is_proved_by_it(world: Any, context: dict[str, Any]) -> None:
    """The nonce leads to the job; no second one is made."""
    placement, attempt = cut_post(world)
    token = HarborHook().client().pull_authorization([placement.key.repository])
    request = HeatRequest(placement.key, placement.settings, attempt.nonce, authorization=token)
    job = DragonflyHook().driver().heat(request)
    end_of_job(world, job.id)
    jobs = world.jobs
    let_time_pass(world)

    assert settle(context) == {"proved": 1, "WARM": 1}

    assert (the_attempt(world, placement).job_id, world.jobs) == (job.id, jobs)


def test_a_cut_post_without_a_job_is_proved_by_the_peers(
    world: Any, context: dict[str, Any]
) -> None:
    """Where the manager queued nothing the image is cold, and so it is called."""
    placement, _ = cut_post(world)
    let_time_pass(world)

    assert settle(context) == {"proved": 1, "COLD": 1}

    closed = the_attempt(world, placement)
    assert closed.job_id is None
    assert "left no job at Dragonfly, so the peers were asked" in closed.words


def test_a_manager_that_is_away_closes_nothing(world: Any, context: dict[str, Any]) -> None:
    """What cannot be looked at stays open; the task is red and tries again."""
    placement, _ = start(world, context)
    end_of_job(world, the_attempt(world, placement).job_id)
    let_time_pass(world)
    world.sandbox.dragonfly.faults.add(match={"path": "/oapi"}, times=20, status=503)

    with pytest.raises(RemoteUnavailableError):
        settle(context)

    assert the_attempt(world, placement).is_open


def test_peers_that_cannot_be_asked_close_nothing(world: Any, context: dict[str, Any]) -> None:
    """The list shows no job, and no look can be made: that is no finding, least of all UNKNOWN."""
    placement, _ = cut_post(world)
    let_time_pass(world)
    post = {"method": "POST", "path": "/oapi/v1/jobs"}
    world.sandbox.dragonfly.faults.add(match=post, times=50, status=503)

    with pytest.raises(RemoteUnavailableError):
        settle(context)

    assert the_attempt(world, placement).is_open


def test_a_row_that_cannot_be_read_blocks_no_other(world: Any, context: dict[str, Any]) -> None:
    """A job in a state that nobody knows is as good as gone: the peers are asked for its image."""
    placement, _ = start(world, context)
    end_of_job(world, the_attempt(world, placement).job_id)
    job_id = the_attempt(world, placement).job_id
    let_time_pass(world)
    answer = {
        "id": job_id,
        "type": "preheat",
        "state": "BOGUS",
        "created_at": "2026-11-24T04:00:00Z",
        "updated_at": "2026-11-24T04:00:00Z",
    }
    path = {"method": "GET", "path": f"/oapi/v1/jobs/{job_id}$"}
    world.sandbox.dragonfly.faults.add(match=path, times=50, status=200, body=json.dumps(answer))

    assert settle(context) == {"proved": 1, "WARM": 1}

    assert f"job {job_id} cannot be read" in the_attempt(world, placement).words


def test_an_attempt_that_another_took_over_is_not_closed(world: Any) -> None:
    """The search outlives the lease: a task that POSTs meanwhile must find its attempt open."""
    placement, attempt = cut_post(world)
    let_time_pass(world)
    claims = world.ledger.upkeep.open_attempts("us-1")
    driver = DragonflyHook().driver()
    find = driver.find

    def slow(nonce: str, **options: Any) -> Any:
        found = find(nonce, **options)
        let_time_pass(world)
        seen = world.ledger.attempt(attempt.id)
        assert world.ledger.take_over(seen, owner="task", run=world.run, lease_seconds=99)
        return found

    driver.find = slow  # type: ignore[method-assign] # the real one, and time that passes

    (done,) = upkeep.settle(
        world.ledger, claims, lambda _: driver, lambda _: HarborHook().client(), run=world.run
    )

    left = the_attempt(world, placement)
    assert (done.ending, left.is_open, left.owner) == (upkeep.Ending.YOUNG, True, "task")


def test_whoever_closed_it_first_is_right(world: Any, context: dict[str, Any]) -> None:
    """A triggerer that comes back after hours finds what upkeep proved."""
    placement, trigger = start(world, context)
    end_of_job(world, the_attempt(world, placement).job_id)
    let_time_pass(world)
    settle(context)
    closed = the_attempt(world, placement)

    assert [type(event) for event in hear(trigger)] == [TaskSuccessEvent]
    assert the_attempt(world, placement) == closed
