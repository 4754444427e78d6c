"""What the sensor makes of what comes back from the triggerer."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.sdk import TaskInstanceState

from preheat.provider.sensors.dragonfly import DragonflyPreheatSensor


@pytest.mark.parametrize(
    "event",
    [
        None,
        {},
        {"attempt": "x", "verdict": "WARM"},
        {"attempt": 1},
        {"attempt": 1, "verdict": "SUCCESS"},
        {"status": "ok"},
    ],
)
def test_refuses_an_event_that_is_not_the_triggers(event: Any) -> None:
    """It crossed the metadata database: nothing, or another version's payload, fails loudly."""
    sensor = DragonflyPreheatSensor(task_id="track", placement=1)

    with pytest.raises(ValueError, match="not an event of DragonflyPreheatTrigger"):
        sensor.execute_complete({}, event)


def test_takes_the_success_that_dags_test_hands_over() -> None:
    """``airflow dags test`` runs triggers inline and gives their success to the worker."""
    sensor = DragonflyPreheatSensor(task_id="track", placement=1)

    assert sensor.execute_complete({}, TaskInstanceState.SUCCESS) is None
