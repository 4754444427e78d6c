"""The sensor asks once, waits in the triggerer, and says what came back."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk import TaskInstanceState
from airflow.sdk.definitions.retry_policy import RetryAction
from airflow.sdk.exceptions import TaskDeferred

from preheat.errors import (
    AnswerTooLargeError,
    InputError,
    LedgerError,
    NotFoundError,
    PreheatError,
    Problem,
    ProblemsError,
    RateLimitedError,
    RefusedError,
    RemoteUnavailableError,
)
from preheat.plan import Disposition
from preheat.provider.handover import Handover
from preheat.provider.retries import NotWarmError, PreheatRetryPolicy
from preheat.provider.sensors.dragonfly import DragonflyPreheatSensor
from preheat.provider.triggers.dragonfly import DragonflyPreheatTrigger
from preheat.verdict import Finding, MissingLayer, Verdict

if TYPE_CHECKING:
    from preheat.ledger import StoredPlacement

LABEL = "library/followed:1 linux/amd64"


def sensor_of(placement: StoredPlacement, **options: Any) -> DragonflyPreheatSensor:
    """Build the sensor as the mapped task does."""
    return DragonflyPreheatSensor(
        task_id="track", placement=placement.id, placement_label=LABEL, **options
    )


def deferred(sensor: DragonflyPreheatSensor, context: dict[str, Any]) -> TaskDeferred:
    """Run a sensor's first pass to its deferral."""
    with pytest.raises(TaskDeferred) as caught:
        sensor.execute(context)
    return caught.value


def test_asks_once_and_defers(world: Any, context: dict[str, Any]) -> None:
    """The worker is free at once; the deadline comes before Airflow's own time-out.

    Airflow ends a deferral past its time-out without any retry (tried on 3.3.2).
    """
    (placement,) = world.plan(Disposition.ASK)
    before = world.jobs
    deferral = deferred(sensor_of(placement, accept_partial=True), context)

    (attempt,) = world.ledger.attempts(placement.id)
    assert world.jobs == before + 1 == attempt.job_id
    assert attempt.run == world.run
    assert isinstance(deferral.trigger, DragonflyPreheatTrigger)
    arguments = deferral.trigger.serialize()[1]
    deadline = arguments.pop("deadline")
    assert arguments == {
        "attempt": attempt.id,
        "dragonfly_conn_id": "dragonfly_default",
        "harbor_conn_id": "harbor_default",
        "accept_partial": True,
        "demand": "",
    }
    assert deferral.method_name == "execute_complete"
    assert time.time() < deadline < time.time() + deferral.timeout


def test_a_further_try_joins_the_job(
    world: Any, context: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """A worker that died after the POST costs no second job, and the log says what was done."""
    (placement,) = world.plan(Disposition.ASK)
    first = deferred(sensor_of(placement), context)
    asked = capsys.readouterr()
    before = world.jobs
    context["ti"].try_number = 2

    second = deferred(sensor_of(placement), context)

    joined = capsys.readouterr()
    assert "Asked for it" in asked.out + asked.err
    assert "Asked for it" not in joined.out + joined.err
    assert "joining job" in joined.out + joined.err
    assert world.jobs == before
    assert len(world.ledger.attempts(placement.id)) == 1
    assert second.trigger.attempt == first.trigger.attempt


def test_learns_what_the_image_consists_of_if_the_plan_could_not(
    world: Any, context: dict[str, Any]
) -> None:
    """Harbor was away for one manifest when the plan was made."""
    (placement,) = world.plan(Disposition.ASK)
    assert world.ledger.image(placement.key.digest) is None

    deferred(sensor_of(placement), context)

    assert {blob.digest for blob in world.ledger.image(placement.key.digest).blobs} == set(
        world.blobs
    )


def test_knows_where_to_look(world: Any, context: dict[str, Any]) -> None:
    """The buttons of the task lead to this artifact and this job."""
    (placement,) = world.plan(Disposition.ASK)
    sensor = sensor_of(placement)
    deferred(sensor, context)

    urls = {link.name: link.get_link(sensor, ti_key=None) for link in sensor.operator_extra_links}
    assert set(urls) == {"Open in Harbor", "Open Dragonfly job"}
    assert placement.key.digest in urls["Open in Harbor"]
    assert urls["Open Dragonfly job"].endswith(f"/{world.jobs}")


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        pytest.param(
            {"status": 401, "body": '{"message":"Unauthorized"}'}, RefusedError, id="no token"
        ),
        pytest.param({"status": 503, "body": "later"}, RemoteUnavailableError, id="not well"),
    ],
)
def test_what_the_manager_says_reaches_the_retry_policy(
    world: Any, context: dict[str, Any], fault: dict[str, Any], error: type[Exception]
) -> None:
    """The typed error leaves the task, and no job was made."""
    (placement,) = world.plan(Disposition.ASK)
    before = world.jobs
    world.sandbox.dragonfly.faults.add(match={"path": "/oapi/.*"}, times=None, **fault)

    with pytest.raises(error):
        sensor_of(placement).execute(context)

    assert world.jobs == before


def test_a_401_to_a_token_that_made_a_job_lately_is_an_outage(
    world: Any, context: dict[str, Any]
) -> None:
    """Every worker has a fresh driver; a manager without its database answers 401 to good tokens.

    dragonfly: recorded db-down-over-time. Nothing was asked, so the next try starts anew.
    """
    world.ask()
    (other,) = world.plan(Disposition.ASK, clusters=("eu-1",))
    world.sandbox.dragonfly.faults.add(
        match={"path": "/oapi/.*"}, times=None, status=401, body='{"message":"Unauthorized"}'
    )

    with pytest.raises(RemoteUnavailableError, match="a token of this connection worked") as caught:
        sensor_of(other).execute(context)

    # What is known is that the connection worked, and not this very token.
    assert "the token was changed or deleted" in str(caught.value)
    assert "the manager's database is unwell" in str(caught.value)
    (attempt,) = world.ledger.attempts(other.id)
    assert (attempt.asked_at, attempt.is_open) == (None, False)


def test_refuses_a_driver_that_it_does_not_serve(world: Any, context: dict[str, Any]) -> None:
    """``clusters.yaml`` names the driver; a wrong pairing is told before anything is asked."""
    (placement,) = world.plan(Disposition.ASK, driver="kraken")
    before = world.jobs

    with pytest.raises(InputError, match="No driver is called 'kraken'"):
        sensor_of(placement).execute(context)

    assert world.jobs == before


@pytest.mark.parametrize("vanished", [False, True])
@pytest.mark.parametrize("verdict", [Verdict.PARTIAL, Verdict.COLD, Verdict.UNKNOWN])
def test_takes_every_verdict_that_the_trigger_hands_over(
    asked: Any, context: dict[str, Any], verdict: Verdict, vanished: bool
) -> None:
    """The error says which image, where, what is missing, and carries the finding."""
    lost = MissingLayer(asked.world.layer, 600, (), "the registry answers 404")
    missing = () if verdict is Verdict.UNKNOWN else (lost,)
    finding = Finding(verdict, 3, 2, 1500, 900, missing, words="no report")
    asked.world.ledger.close_attempt(asked.attempt.id, finding)
    placement = asked.world.ledger.placement(asked.attempt.placement_id)

    with pytest.raises(NotWarmError, match=f"{LABEL} on us-1 is {verdict}") as caught:
        sensor_of(placement).execute_complete(
            context, Handover(asked.attempt.id, verdict, vanished=vanished).as_data()
        )

    assert caught.value.finding == finding
    assert caught.value.vanished is vanished
    assert caught.value.tries == (1,)
    assert ("the registry answers 404" in str(caught.value)) is bool(missing)


def test_a_silent_manager_uses_up_no_attempt(asked: Any, context: dict[str, Any]) -> None:
    """The attempt is still open, so the next try joins its job."""
    placement = asked.world.ledger.placement(asked.attempt.placement_id)

    with pytest.raises(NotWarmError, match="The next try joins the job") as caught:
        sensor_of(placement).execute_complete(
            context, {"attempt": asked.attempt.id, "verdict": "UNKNOWN"}
        )

    assert caught.value.finding.verdict is Verdict.UNKNOWN
    assert caught.value.tries == ()


def test_an_attempt_that_was_closed_meanwhile_is_not_joined(
    asked: Any, context: dict[str, Any]
) -> None:
    """What the next try does is told as it is: there is no job any more that it could join."""
    asked.world.ledger.close_attempt(asked.attempt.id, None, "The cluster was set up anew.")
    placement = asked.world.ledger.placement(asked.attempt.placement_id)

    with pytest.raises(NotWarmError, match=r"set up anew\. The next try asks anew\.") as caught:
        sensor_of(placement).execute_complete(context, Handover(asked.attempt.id).as_data())

    assert caught.value.tries == ()


def test_a_verdict_of_a_job_that_another_run_asked_for_counts(
    asked: Any, context: dict[str, Any]
) -> None:
    """Who joins has asked too, else a placement is asked for more often than the policy allows."""
    world = asked.world
    world.run = replace(world.run, run_id="manual__2")
    (placement,) = world.plan(Disposition.ASK)
    context["ti"].run_id = "manual__2"
    sensor = sensor_of(placement)
    tries = []
    for number in (1, 2):
        context["ti"].try_number = number
        attempt = deferred(sensor, context).trigger.attempt
        assert (attempt == asked.attempt.id) is (number == 1)
        world.ledger.close_attempt(attempt, Finding(Verdict.COLD, 3, 0, 1500, 0))
        with pytest.raises(NotWarmError) as caught:
            sensor.execute_complete(context, Handover(attempt, Verdict.COLD).as_data())
        tries.append(set(caught.value.tries))

    assert tries == [{1}, {1, 2}]


@pytest.mark.parametrize(
    ("error", "action"),
    [
        pytest.param(
            RateLimitedError("slow", system="Dragonfly", retry_after_seconds=99.5),
            RetryAction.RETRY,
            id="rate limit",
        ),
        pytest.param(
            RemoteUnavailableError("away", system="Dragonfly", status=503, words="w", sent=False),
            RetryAction.RETRY,
            id="outage",
        ),
        pytest.param(LedgerError("locked"), RetryAction.RETRY, id="ledger"),
        pytest.param(
            RefusedError("no", system="Dragonfly", request="GET /", status=403, words="inactive"),
            RetryAction.FAIL,
            id="refusal",
        ),
        pytest.param(NotFoundError("gone", system="Harbor"), RetryAction.FAIL, id="not found"),
        pytest.param(
            AnswerTooLargeError("long", system="Harbor"), RetryAction.FAIL, id="a narrower type"
        ),
        pytest.param(
            ProblemsError([Problem("bad", "clusters.yaml", 3)]), RetryAction.FAIL, id="input"
        ),
    ],
)
def test_an_error_of_the_trigger_is_raised_for_the_retry_policy(
    context: dict[str, Any], error: PreheatError, action: RetryAction
) -> None:
    """It crosses the metadata database as JSON and decides by cause, as if met in the worker."""
    event = json.loads(json.dumps(Handover(7, error=error).as_data()))
    sensor = DragonflyPreheatSensor(task_id="track", placement=1)

    with pytest.raises(PreheatError) as caught:
        sensor.execute_complete(context, event)

    raised = caught.value
    assert isinstance(error, type(raised))
    assert str(raised) == str(error)
    facts = {name: value for name, value in vars(error).items() if name != "problems"}
    assert vars(raised) == facts
    assert PreheatRetryPolicy(retries=7).evaluate(raised, 1, 7).action is action


@pytest.mark.parametrize(
    "event",
    [
        None,
        {},
        {"attempt": 1, "verdict": "UNKNOWN", "error": {"kind": "KeyError", "message": "x"}},
        {"attempt": 1, "verdict": "UNKNOWN", "error": {"kind": "LedgerError"}},
        {"attempt": 1, "verdict": "UNKNOWN", "error": "away"},
        {"attempt": "x", "verdict": "WARM"},
        {"attempt": 1},
        {"attempt": 1, "verdict": "SUCCESS"},
        {"status": "ok"},
    ],
)
def test_refuses_an_event_that_is_not_the_triggers(event: Any) -> None:
    """It crossed the metadata database: nothing, or another version's payload, fails loudly."""
    sensor = DragonflyPreheatSensor(task_id="track", placement=1)

    with pytest.raises(ValueError, match="not an event of our trigger"):
        sensor.execute_complete({}, event)


def test_takes_the_success_that_dags_test_hands_over() -> None:
    """``airflow dags test`` runs triggers inline and gives their success to the worker."""
    sensor = DragonflyPreheatSensor(task_id="track", placement=1)

    assert sensor.execute_complete({}, TaskInstanceState.SUCCESS) is None
