"""Outages in the middle of a run: they delay, and lose nothing."""

from __future__ import annotations

from typing import Any

import pytest

from preheat.provider.retries import PreheatRetryPolicy
from preheat.verdict import Verdict


def quickly(dag: Any) -> Any:
    """Shorten the waits of the tasks that take theirs from us, not from the policy."""
    for task_id in ("plan", "us-1.placements", "report"):
        dag.get_task(task_id).retry_policy = PreheatRetryPolicy(retries=5, backoff_seconds=0.2)
    return dag


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param({"status": 503, "body": "upstream"}, id="answers 503"),
        pytest.param({"drop": "before"}, id="cuts the connection"),
    ],
)
def test_a_harbor_that_is_away_while_planning(place: Any, fault: dict[str, Any]) -> None:
    """The plan is made by a later try, and is whole."""
    dag_id = place.write_policy("hello")
    dag = quickly(place.dags()[dag_id])
    place.sandbox.harbor.faults.add(match={"path": "/api/v2.0/projects"}, times=1, **fault)

    run = dag.test()

    assert run.state == "success"
    assert {ti.task_id: ti.try_number for ti in run.get_task_instances()}["plan"] == 2
    assert [outcome.verdict for outcome in place.outcomes(run)] == [Verdict.WARM]


def test_a_harbor_that_is_away_when_asked_for_the_manifest(place: Any) -> None:
    """Only that placement is late; the plan stands."""
    faults = place.sandbox.harbor.faults
    faults.add(match={"path": "/v2/.*/manifests/"}, times=1, status=502, body="bad gateway")

    run = place.run(place.write_policy("hello"))

    assert run.state == "success"
    assert not faults.left()
    assert {ti.task_id: ti.try_number for ti in run.get_task_instances()}["plan"] == 1


def test_a_token_service_that_is_away_when_a_job_is_asked_for(place: Any) -> None:
    """No job is made without a pull token, and none is made twice."""
    faults = place.sandbox.harbor.faults
    before = place.jobs
    faults.add(match={"path": "/service/token"}, times=2, status=503, body="later")

    run = place.run(place.write_policy("hello"))

    assert run.state == "success"
    assert not faults.left()
    assert place.jobs == before + 1
    (outcome,) = place.outcomes(run)
    assert outcome.verdict is Verdict.WARM


def test_a_manager_that_is_away_when_a_job_is_asked_for(place: Any) -> None:
    """A POST that was refused for now is repeated by a later try, once."""
    faults = place.sandbox.dragonfly.faults
    faults.add(
        match={"method": "POST", "path": "/oapi/v1/jobs"},
        status=429,
        body='{"message":"rate limit"}',
        headers={"Retry-After": "1"},
    )
    before = place.jobs

    run = place.run(place.write_policy("hello"))

    assert run.state == "success"
    assert not faults.left()
    assert place.jobs == before + 1


def test_a_post_whose_answer_was_lost_is_found_again(place: Any) -> None:
    """The job was made; it is followed by its nonce, and not made a second time."""
    faults = place.sandbox.dragonfly.faults
    faults.add(match={"method": "POST", "path": "/oapi/v1/jobs"}, drop="after")
    before = place.jobs

    run = place.run(place.write_policy("hello"))

    assert run.state == "success"
    assert not faults.left()
    assert place.jobs == before + 1
