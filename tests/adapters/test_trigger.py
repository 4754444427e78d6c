"""The trigger follows one job to a verdict, and survives what may happen to it."""

from __future__ import annotations

import asyncio
import json
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Timer
from typing import Any

import pytest
from airflow.sdk.module_loading import import_string
from airflow.triggers.base import TaskSuccessEvent, TriggerEvent
from sqlalchemy import delete

from preheat.demand import Demand, VerifyMode
from preheat.errors import InputError, LedgerError, RefusedError, UnexpectedAnswerError
from preheat.ledger.schema import image
from preheat.provider import connections
from preheat.provider.following import manager_of
from preheat.provider.handover import Handover
from preheat.provider.triggers.dragonfly import DragonflyPreheatTrigger
from preheat.verdict import Verdict


def follow(attempt: int) -> DragonflyPreheatTrigger:
    """Build the trigger of an attempt."""
    return DragonflyPreheatTrigger(
        attempt=attempt,
        dragonfly_conn_id="dragonfly_default",
        harbor_conn_id="harbor_default",
        deadline=time.time() + 30,
    )


def refuse_jobs(world: Any) -> None:
    """Let the manager take no more jobs, not even questions to the peers."""
    match = {"method": "POST", "path": "/oapi/v1/jobs"}
    body = '{"message":"Token is inactive"}'
    world.sandbox.dragonfly.faults.add(match=match, times=None, status=403, body=body)


def told(attempt: int, verdict: str, *, vanished: bool = False) -> dict[str, Any]:
    """Spell out the event of a wait that ended without an error."""
    return {"attempt": attempt, "verdict": verdict, "vanished": vanished}


async def only_event(trigger: DragonflyPreheatTrigger) -> TriggerEvent:
    """Run a trigger to its event; there must be exactly one."""
    events = [event async for event in trigger.run()]
    assert len(events) == 1
    return events[0]


def test_is_rebuilt_from_what_it_serializes(asked: Any) -> None:
    """It crosses the metadata database as JSON, and the class path follows the class."""
    path, arguments = asked.trigger().serialize()

    rebuilt = import_string(path)(**json.loads(json.dumps(arguments)))

    assert rebuilt.serialize() == (path, arguments)


def test_warm_ends_the_task_in_the_triggerer(asked: Any) -> None:
    """No worker is needed for good news, and the ledger has them first."""
    event = asyncio.run(only_event(asked.trigger()))

    assert isinstance(event, TaskSuccessEvent)
    assert asked.stored().verdict is Verdict.WARM
    assert not asked.stored().is_open


@pytest.mark.parametrize("asked", ["missing"], indirect=True)
def test_partial_goes_back_to_a_worker_with_the_reason(asked: Any) -> None:
    """Only a worker consults the retry policy; the registry's words name the reason.

    dragonfly: recorded run-6mib-one-blob-missing-single-seed (SUCCESS, and no failure entry).
    """
    event = asyncio.run(only_event(asked.trigger()))

    assert not isinstance(event, TaskSuccessEvent)
    assert event.payload == told(asked.attempt.id, "PARTIAL")
    (missing,) = asked.stored().missing
    assert missing.digest == asked.world.layer
    assert "the registry answers 404" in missing.words


@pytest.mark.parametrize("asked", ["missing"], indirect=True)
def test_partial_is_well_where_the_policy_accepts_it(
    asked: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """``onPartial: accept`` ends the task; the ledger says PARTIAL, the log why that is well."""
    event = asyncio.run(only_event(asked.trigger(accept_partial=True)))

    assert isinstance(event, TaskSuccessEvent)
    assert asked.stored().verdict is Verdict.PARTIAL
    told = capsys.readouterr()
    assert "PARTIAL, which the policy accepts (onPartial: accept)" in told.out + told.err


def test_a_closed_attempt_asks_nobody(asked: Any) -> None:
    """Another triggerer was first: its verdict stands, and the manager is left alone."""
    asyncio.run(only_event(asked.trigger()))
    closed_at = asked.stored().closed_at
    asked.world.sandbox.dragonfly.faults.add(
        match={"path": "/oapi/.*"}, times=None, status=500, body=""
    )

    event = asyncio.run(only_event(asked.trigger()))

    assert isinstance(event, TaskSuccessEvent)
    assert asked.stored().closed_at == closed_at


def test_two_triggerers_close_once(asked: Any) -> None:
    """Airflow may run one trigger twice for a while; both tell the same."""

    async def both() -> list[TriggerEvent]:
        return await asyncio.gather(*(only_event(asked.trigger()) for _ in range(2)))

    assert all(isinstance(event, TaskSuccessEvent) for event in asyncio.run(both()))
    assert len(asked.world.ledger.attempts(asked.attempt.placement_id)) == 1


def test_a_manager_that_is_away_is_waited_for(asked: Any) -> None:
    """An outage delays the verdict and loses nothing."""
    asked.world.sandbox.dragonfly.faults.add(
        match={"path": "/oapi/.*"}, times=3, status=503, body="away"
    )

    assert isinstance(asyncio.run(only_event(asked.trigger())), TaskSuccessEvent)


def test_a_manager_without_its_database_is_waited_for(asked: Any) -> None:
    """A token that worked is answered 401 then (dragonfly: recorded db-down-list)."""
    asked.world.sandbox.dragonfly.faults.add(
        match={"path": "/oapi/.*"}, times=2, status=401, body='{"message":"Unauthorized"}'
    )

    assert isinstance(asyncio.run(only_event(asked.trigger())), TaskSuccessEvent)


def test_a_manager_that_stays_away_ends_the_wait(asked: Any) -> None:
    """Past the deadline a worker decides; the attempt stays open, so the next try joins it."""
    event = asyncio.run(only_event(asked.trigger(deadline=time.time() - 1)))

    assert event.payload == told(asked.attempt.id, "UNKNOWN")
    assert asked.stored().is_open


def test_a_job_that_stays_pending_is_proved_by_asking_the_peers(asked: Any) -> None:
    """A restarted manager looks at no job again (dragonfly: recorded manager-restart-*)."""
    asked.world.sandbox.dragonfly.restart()
    asked.world.sandbox.dragonfly.state.advance(4000)

    event = asyncio.run(only_event(asked.trigger()))

    assert isinstance(event, TaskSuccessEvent)
    assert "pending past the manager's last look" in asked.stored().finding.words


def test_an_error_goes_back_to_a_worker_as_it_is(asked: Any) -> None:
    """An exception would become Airflow's TaskDeferralError, of which no policy knows the cause."""
    event = asyncio.run(only_event(asked.trigger(attempt=4711)))

    error = Handover.of(json.loads(json.dumps(event.payload))).error
    assert isinstance(error, LedgerError)
    assert "no attempt 4711" in str(error)


def test_a_refusal_while_following_is_told_with_its_status(asked: Any) -> None:
    """The token lost its scope: asking again changes nothing, and the attempt stays to be joined.

    dragonfly: recorded auth-scope-cluster-only-get-jobs.
    """
    asked.world.sandbox.dragonfly.faults.add(
        match={"path": "/oapi/.*"}, times=None, status=403, body='{"message":"Token is inactive"}'
    )

    event = asyncio.run(only_event(asked.trigger()))

    error = Handover.of(json.loads(json.dumps(event.payload))).error
    assert type(error) is RefusedError
    assert (error.status, error.words, error.system) == (403, "Token is inactive", "Dragonfly")
    assert asked.stored().is_open


def test_a_bug_is_not_swallowed(asked: Any) -> None:
    """Airflow fails the task with the traceback, which is what we want."""
    with asked.world.ledger._engine.begin() as connection:
        connection.execute(delete(image))

    with pytest.raises(LookupError, match="lost the blobs"):
        asyncio.run(only_event(asked.trigger()))


def test_a_row_that_expired_is_proved_by_asking_the_peers(asked: Any) -> None:
    """A 404 on a known job says that the manager cleaned up, not that the image is cold."""
    assert isinstance(asyncio.run(only_event(asked.trigger())), TaskSuccessEvent)
    again = asked.world.ask()
    asked.world.sandbox.dragonfly.state.jobs.expire([again.job_id])

    event = asyncio.run(only_event(asked.trigger(attempt=again.id)))

    assert isinstance(event, TaskSuccessEvent)
    assert "row is gone at the manager" in asked.world.ledger.attempt(again.id).finding.words


def test_a_failed_job_is_no_verdict(asked: Any) -> None:
    """FAILURE names the first error only, so the peers are asked what they hold all the same."""
    assert isinstance(asyncio.run(only_event(asked.trigger())), TaskSuccessEvent)
    again = asked.world.ask()
    asked.world.sandbox.dragonfly.state.force(again.job_id, "FAILURE", "one seed was away")

    event = asyncio.run(only_event(asked.trigger(attempt=again.id)))

    assert isinstance(event, TaskSuccessEvent)
    assert "the job failed, so the peers were asked" in (
        asked.world.ledger.attempt(again.id).finding.words
    )


def test_cold_goes_back_to_a_worker(world: Any) -> None:
    """No blob arrived anywhere, though the job of a single seed says SUCCESS."""
    for digest in world.blobs:
        world.sandbox.harbor.state.set_blob(digest, "missing")
    attempt = world.ask()

    event = asyncio.run(only_event(follow(attempt.id)))

    assert event.payload == told(attempt.id, "COLD")
    assert len(world.ledger.attempt(attempt.id).missing) == len(world.blobs)


def test_a_registry_that_is_away_hides_nothing_that_the_peers_hold(asked: Any) -> None:
    """Without a pull token the peers are asked blob by blob, which needs no registry."""
    asked.world.sandbox.dragonfly.state.force(asked.attempt.job_id, "FAILURE", "no disk")
    asked.world.sandbox.harbor.faults.add(match={"path": "/service/token"}, times=None, status=503)

    event = asyncio.run(only_event(asked.trigger()))

    assert isinstance(event, TaskSuccessEvent)
    assert asked.stored().finding.proof is VerifyMode.PEERS
    assert "the job failed, so the peers were asked" in asked.stored().finding.words


@pytest.mark.parametrize("status", [503, 429])
@pytest.mark.parametrize("demand", ["layers 100%", "peers 100%"])
def test_an_outage_of_the_manager_in_the_proof_is_waited_out(
    asked: Any, status: int, demand: str
) -> None:
    """It says nothing of the peers: no finding, no attempt eaten, no needless job."""
    if demand == "layers 100%":
        asked.world.sandbox.dragonfly.state.force(asked.attempt.job_id, "FAILURE", "no disk")
    faults = asked.world.sandbox.dragonfly.faults
    match = {"method": "POST", "path": "/oapi/v1/jobs"}
    faults.add(match=match, times=4, status=status, body="later")

    event = asyncio.run(only_event(asked.trigger(demand=demand)))

    assert not faults.left()
    assert isinstance(event, TaskSuccessEvent)
    assert asked.stored().finding.proof is VerifyMode.PEERS


def test_an_outage_of_the_manager_in_the_proof_ends_the_wait_at_the_deadline(asked: Any) -> None:
    """Nobody tells what the peers hold: the attempt stays open, so the next try joins it."""
    asked.world.sandbox.dragonfly.state.force(asked.attempt.job_id, "FAILURE", "no disk")
    match = {"method": "POST", "path": "/oapi/v1/jobs"}
    asked.world.sandbox.dragonfly.faults.add(match=match, times=None, status=503)

    event = asyncio.run(only_event(asked.trigger(deadline=time.time() + 1)))

    assert event.payload == told(asked.attempt.id, "UNKNOWN")
    assert asked.stored().is_open
    assert asked.stored().finding is None


def test_a_refusal_to_ask_the_peers_leaves_a_failed_job_unknown(asked: Any) -> None:
    """A clear no does not change by waiting: UNKNOWN, with the manager's words."""
    asked.world.sandbox.dragonfly.state.force(asked.attempt.job_id, "FAILURE", "no disk")
    refuse_jobs(asked.world)

    event = asyncio.run(only_event(asked.trigger()))

    assert event.payload == told(asked.attempt.id, "UNKNOWN")
    assert "that failed too: Dragonfly answered POST" in asked.stored().finding.words
    assert not asked.stored().is_open


def test_a_manager_that_went_down_and_came_back_loses_nothing(asked: Any) -> None:
    """Refused connections are waited out like any outage."""
    manager = asked.world.sandbox.dragonfly
    manager.stop()
    back = Timer(0.8, manager.start)
    back.start()
    try:
        event = asyncio.run(only_event(asked.trigger()))
    finally:
        back.join()

    assert isinstance(event, TaskSuccessEvent)


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param({"status": 302, "headers": {"Location": "/login"}}, id="a redirect"),
        pytest.param({"status": 404, "body": "<html>no backend</html>"}, id="a page for 404"),
        pytest.param({"status": 200, "body": "<html>maintenance</html>"}, id="a page for 200"),
        pytest.param({"status": 403, "body": "<html>firewall</html>"}, id="a page for 403"),
    ],
)
def test_a_proxy_that_answers_for_the_manager_is_waited_out(
    asked: Any, fault: dict[str, Any]
) -> None:
    """Whoever that is, the job goes on; no page means that its row is gone."""
    faults = asked.world.sandbox.dragonfly.faults
    faults.add(match={"path": "/oapi/.*"}, times=2, **{"body": "", **fault})

    assert isinstance(asyncio.run(only_event(asked.trigger())), TaskSuccessEvent)
    assert not faults.left()


def test_a_proxy_that_stays_ends_the_wait_at_the_deadline(asked: Any) -> None:
    """The attempt stays open, so the next try joins it."""
    asked.world.sandbox.dragonfly.faults.add(
        match={"path": "/oapi/.*"}, times=None, status=200, body="<html>It works!</html>"
    )

    event = asyncio.run(only_event(asked.trigger(deadline=time.time() + 0.5)))

    assert event.payload == told(asked.attempt.id, "UNKNOWN")
    assert asked.stored().is_open


def test_a_state_that_we_do_not_know_is_not_waited_for(asked: Any) -> None:
    """A manager that broke the contract will not mend it while we wait: it is told at once."""
    job = asked.world.sandbox.dragonfly.state.jobs.get(asked.attempt.job_id)
    row = job.row(job.look(0), is_listed=False) | {"state": "PAUSED"}
    asked.world.sandbox.dragonfly.faults.add(
        match={"path": "/oapi/v1/jobs/.*"}, times=None, status=200, body=json.dumps(row)
    )

    event = asyncio.run(only_event(asked.trigger()))

    error = Handover.of(event.payload).error
    assert isinstance(error, UnexpectedAnswerError)
    assert "unknown state 'PAUSED'" in str(error)
    assert asked.stored().is_open


@pytest.mark.parametrize(
    ("end", "vanished"),
    [
        pytest.param("expire", True, id="expired"),
        pytest.param("lose", True, id="lost"),
        pytest.param("fail", False, id="failed"),
    ],
)
def test_only_a_job_that_is_gone_counts_as_vanished(asked: Any, end: str, vanished: bool) -> None:
    """UNKNOWN alone says nothing of the job: that of a failed one is no reason to hurry."""
    dragonfly = asked.world.sandbox.dragonfly
    if end == "expire":
        dragonfly.state.jobs.expire([asked.attempt.job_id])
    elif end == "lose":
        dragonfly.restart()
        dragonfly.state.advance(4000)
    else:
        dragonfly.state.force(asked.attempt.job_id, "FAILURE", "no disk")
    refuse_jobs(asked.world)

    event = asyncio.run(only_event(asked.trigger()))

    assert event.payload == told(asked.attempt.id, "UNKNOWN", vanished=vanished)


def test_a_connection_that_is_gone_is_named(asked: Any) -> None:
    """Somebody deleted it while the task waited: nothing that a repeat would mend."""
    asked.world.environment.delenv("AIRFLOW_CONN_DRAGONFLY_DEFAULT")
    connections._lookups.clear()

    event = asyncio.run(only_event(asked.trigger()))

    error = Handover.of(event.payload).error
    assert isinstance(error, InputError)
    assert "dragonfly_default" in str(error)


def test_a_slow_proof_keeps_no_poll_waiting(world: Any) -> None:
    """Proofs have threads of their own: the default pool has a few, and all polls need them.

    Here it has one, and the registry takes its time to tell of a missing layer.
    """
    world.sandbox.harbor.state.set_blob(world.layer, "missing")
    attempt = world.ask()
    faults = world.sandbox.harbor.faults
    ours = {"path": f"/v2/.*/blobs/{world.layer}", "headers": {"user-agent": "python-requests"}}
    faults.add(match=ours, times=1, delay_seconds=1, status=404, body="")

    async def follow_and_poll() -> bool:
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
        proof = asyncio.create_task(only_event(follow(attempt.id)))
        async with asyncio.timeout(20):
            while faults.left():  # noqa: ASYNC110  # the stand-in sets no event
                await asyncio.sleep(0.02)
        polled = await asyncio.to_thread(world.ledger.attempt, attempt.id)
        is_proved = proof.done()
        await proof
        return polled.is_open and not is_proved

    assert asyncio.run(follow_and_poll())


@pytest.mark.parametrize(
    ("conn_id", "is_held"), [("dragonfly_default", True), ("dragonfly_other", False)]
)
def test_a_manager_whose_proofs_hang_holds_up_no_other(
    asked: Any, conn_id: str, *, is_held: bool
) -> None:
    """Each has threads of its own; whoever waits for one gives up at the deadline."""
    end = Event()

    async def follow_beside_hanging_proofs() -> TriggerEvent:
        for _ in range(8):
            manager_of(conn_id, "dragonfly").provers.submit(end.wait)
        try:
            return await only_event(asked.trigger(deadline=time.time() + (1 if is_held else 20)))
        finally:
            end.set()

    event = asyncio.run(follow_beside_hanging_proofs())

    assert isinstance(event, TaskSuccessEvent) is not is_held
    assert asked.stored().is_open is is_held


def test_a_run_that_wants_the_peers_asked_believes_no_job(asked: Any) -> None:
    """A seed that lost its disk after the job: the report still says SUCCESS, the peers do not."""
    trigger = asked.trigger(demand="peers 100%")
    dragonfly = asked.world.sandbox.dragonfly.state
    dragonfly.advance(0)
    dragonfly.peer("10.78.0.11").wipe()

    event = asyncio.run(only_event(trigger))

    assert event.payload == told(asked.attempt.id, "COLD")
    assert asked.stored().finding.proof is VerifyMode.PEERS


def test_a_job_shared_with_a_run_that_trusts_it_is_not_asked_for_again(asked: Any) -> None:
    """One job, two demands: the second run only asks the peers, and writes down what they say."""
    jobs = asked.world.sandbox.dragonfly.state.jobs
    assert isinstance(asyncio.run(only_event(asked.trigger())), TaskSuccessEvent)
    assert asked.stored().finding.proof is VerifyMode.LAYERS
    heated = [job.id for job in jobs.newest_first() if job.type == "preheat"]

    event = asyncio.run(only_event(asked.trigger(demand="peers 100%")))

    assert isinstance(event, TaskSuccessEvent)
    assert asked.stored().finding.proof is VerifyMode.PEERS
    assert [job.id for job in jobs.newest_first() if job.type == "preheat"] == heated


def test_a_demand_comes_from_the_plan_where_the_task_names_none(world: Any) -> None:
    """Tasks that were deferred before an upgrade have no demand of their own."""
    attempt = world.ask(demand=Demand.parse("peers 100%"))

    asyncio.run(only_event(follow(attempt.id)))

    assert world.ledger.attempt(attempt.id).finding.proof is VerifyMode.PEERS
