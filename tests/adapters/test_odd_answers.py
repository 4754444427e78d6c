"""A run that meets garbage fails with a message or tries again; it never waits for ever."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from airflow.sdk.definitions.retry_policy import RetryAction
from airflow.sdk.exceptions import TaskDeferred
from airflow.triggers.base import TaskSuccessEvent, TriggerEvent

from preheat.plan import Disposition
from preheat.provider.following import manager_of
from preheat.provider.retries import PreheatRetryPolicy
from preheat.provider.sensors.dragonfly import DragonflyPreheatSensor

POLICY = PreheatRetryPolicy(retries=7)
ODD: dict[str, dict[str, Any]] = {
    "a page": {"status": 200, "body": "<html>maintenance</html>"},
    "a page for 502": {"status": 502, "body": "<html>bad gateway</html>"},
    "a redirect": {"status": 302, "headers": {"Location": "/login"}, "body": ""},
    "nothing": {"status": 204, "body": ""},
    "null": {"status": 200, "body": "null"},
    "other types": {"status": 200, "body": {"id": "7", "token": 7, "auth_mode": []}},
    "half": {"status": 200, "body": '{"id": 7, "sta'},
    "deep": {"status": 200, "body": "[" * 50_000},
    "a broken line": {"drop": "before"},
}


@pytest.mark.parametrize("odd", sorted(ODD))
@pytest.mark.parametrize("system", ["harbor", "dragonfly"])
def test_an_odd_answer_to_a_sensor_is_an_error_that_the_policy_knows(
    world: Any, context: dict[str, Any], system: str, odd: str
) -> None:
    """``DEFAULT`` would mean an error that nobody foresaw."""
    (placement,) = world.plan(Disposition.ASK)
    getattr(world.sandbox, system).faults.add(match={"path": "/"}, times=None, **ODD[odd])
    sensor = DragonflyPreheatSensor(task_id="track", placement=placement.id)

    with pytest.raises(Exception) as caught:  # noqa: PT011  # the policy tells which
        sensor.execute(context)

    assert not isinstance(caught.value, TaskDeferred)
    decision = POLICY.evaluate(caught.value, 1, 7)
    assert decision.action is not RetryAction.DEFAULT
    assert str(caught.value).strip()


@pytest.mark.parametrize("odd", sorted(ODD))
def test_an_odd_answer_to_a_trigger_is_waited_out_or_told(asked: Any, odd: str) -> None:
    """The job goes on whatever a proxy says; what breaks the contract goes to the worker."""
    faults = asked.world.sandbox.dragonfly.faults
    faults.add(match={"path": "/oapi/.*"}, times=1, **ODD[odd])

    async def event() -> TriggerEvent:
        async with asyncio.timeout(20):
            (only,) = [event async for event in asked.trigger().run()]
        return only

    end = asyncio.run(event())

    assert isinstance(end, TaskSuccessEvent) or end.payload["error"]["message"].strip()
    assert not faults.left()


def test_the_triggers_of_a_connection_share_one_follower(asked: Any) -> None:
    """And the driver is built anew once the connection was changed."""

    async def shared() -> tuple[bool, bool]:
        first, again = (manager_of("dragonfly_default", "dragonfly") for _ in range(2))
        before = await first.driver()
        same = await again.driver() is before
        world = asked.world
        world.connect("dragonfly_default", world.sandbox.dragonfly_url, "another-token")
        return first is again and same, await first.driver() is not before

    assert asyncio.run(shared()) == (True, True)


def test_many_triggers_cost_the_manager_a_page(asked: Any) -> None:
    """Two dozen triggers of one job are one look."""
    asked.world.sandbox.dragonfly.requests.clear()
    began = time.monotonic()

    async def all_of_them() -> list[TriggerEvent]:
        async def one() -> TriggerEvent:
            (only,) = [event async for event in asked.trigger().run()]
            return only

        return await asyncio.gather(*(one() for _ in range(24)))

    ends = asyncio.run(all_of_them())

    assert all(isinstance(end, TaskSuccessEvent) for end in ends)
    looks = asked.world.sandbox.dragonfly.requests
    most = 4 + (time.monotonic() - began) / 0.25  # on a slow machine they begin one after the other
    assert sum(n for path, n in looks.items() if path.startswith("GET")) <= most
