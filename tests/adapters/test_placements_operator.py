"""What is handed out for a cluster, and when its window has closed meanwhile."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, TaskDeferred

from preheat.plan import Disposition
from preheat.policy.windows import OnClosed, Window, Windows
from preheat.provider.operators.placements import ClusterPlacementsOperator

OPEN, CLOSED = timedelta(minutes=-30), timedelta(hours=3)


def operator(on_closed: OnClosed, opens_in: timedelta) -> ClusterPlacementsOperator:
    """Make the task of cluster us-1, with a window of one hour a day."""
    start = datetime.now(UTC) + opens_in
    end = start + timedelta(hours=1)
    first, last = time(start.hour, start.minute), time(end.hour, end.minute)
    hours = Window(frozenset(range(7)), first, last, "UTC")
    windows = Windows((hours,), (), on_closed)
    return ClusterPlacementsOperator(task_id="placements", cluster="us-1", windows=windows)


def dispositions(world: Any, context: dict[str, Any]) -> list[Disposition]:
    """Read what became of the plan."""
    ti = context["ti"]
    return [o.disposition for o in world.ledger.outcomes(ti.dag_id, ti.run_id)]


@pytest.mark.parametrize("on_closed", OnClosed)
def test_within_the_window_all_is_handed_out(
    world: Any, context: dict[str, Any], on_closed: OnClosed
) -> None:
    """As without windows."""
    world.plan(Disposition.ASK)

    assert len(operator(on_closed, OPEN).execute(context)) == 1


def test_a_run_that_came_too_late_waits(world: Any, context: dict[str, Any]) -> None:
    """A person answered in the morning: what the plan holds is asked for in the evening."""
    world.plan(Disposition.ASK)

    with pytest.raises(TaskDeferred) as caught:
        operator(OnClosed.WAIT, CLOSED).execute(context)

    assert caught.value.trigger.moment > datetime.now(UTC) + timedelta(hours=2)
    assert len(operator(OnClosed.WAIT, OPEN).execute_open(context, None)) == 1
    assert dispositions(world, context) == [Disposition.ASK]


def test_a_run_that_came_too_late_skips(world: Any, context: dict[str, Any]) -> None:
    """Nothing is asked for, and the report finds it left out."""
    world.plan(Disposition.ASK)

    assert operator(OnClosed.SKIP, CLOSED).execute(context) == []
    assert dispositions(world, context) == [Disposition.WINDOW_CLOSED]


def test_a_run_that_came_too_late_fails(world: Any, context: dict[str, Any]) -> None:
    """The task is red at once, and nothing is asked for."""
    world.plan(Disposition.ASK)

    with pytest.raises(AirflowFailException, match="The window has closed"):
        operator(OnClosed.FAIL, CLOSED).execute(context)
    assert dispositions(world, context) == [Disposition.WINDOW_CLOSED]


def test_nothing_to_ask_waits_for_nothing(world: Any, context: dict[str, Any]) -> None:
    """All is warm: a closed window is of no interest."""
    world.plan(Disposition.ALREADY_WARM)

    assert operator(OnClosed.WAIT, CLOSED).execute(context) == []
