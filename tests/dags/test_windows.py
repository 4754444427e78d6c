"""Runs outside of their window: nothing is asked for, and nothing claims to be warm."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.models.asset import AssetEvent
from airflow.utils.session import create_session

from preheat.plan import Disposition

if TYPE_CHECKING:
    from airflow.models.dagrun import DagRun


def windows(on_closed: str, hours: int = 2) -> dict[str, Any]:
    """Write a window of two hours that opens so many hours from now."""
    start = datetime.now(UTC) + timedelta(hours=hours)
    allow = {
        "days": ["all"],
        "from": f"{start:%H:%M}",
        "to": f"{start + timedelta(hours=2):%H:%M}",
        "timezone": "UTC",
    }
    return {"allow": [allow], "onClosed": on_closed}


def states(run: DagRun) -> dict[str, str]:
    """Tell the state of each task."""
    return {ti.task_id: str(ti.state) for ti in run.get_task_instances()}


def announced(run: DagRun) -> list[str]:
    """List the assets that a run updated."""
    with create_session() as session:
        rows = session.query(AssetEvent).filter(AssetEvent.source_run_id == run.run_id)
        return [row.asset.name for row in rows.filter(AssetEvent.source_dag_id == run.dag_id)]


def test_a_closed_window_is_skipped_and_announces_nothing(place: Any, said: Any) -> None:
    """``onClosed: skip``: the report is skipped, so that nobody who waits for the asset starts."""
    before = place.jobs

    closed = place.run(place.write_spec("closed", windows=windows("skip")))
    opened = place.run(place.write_spec("opened", windows=windows("skip", hours=-1)))

    assert states(closed)["report"] == "skipped"
    assert states(closed)["us-1.track"] == "skipped"
    assert (place.labels(closed, Disposition.WINDOW_CLOSED), announced(closed)) == (
        {"library/hello:1.0"},
        [],
    )
    assert "Nothing was asked for: it is " in said()
    assert states(opened)["report"] == "success"
    assert announced(opened) == ["warm://us-1"]
    assert place.jobs == before + 1


def test_what_is_warm_already_does_not_open_the_window(place: Any) -> None:
    """A run that leaves one image out says nothing of the cluster, whatever else is warm there."""
    name = "hours"
    place.run(place.write_spec(name))

    run = place.run(
        place.write_spec(name, rules=[place.rule("hello", "nginx")], windows=windows("skip"))
    )

    assert place.labels(run, Disposition.ALREADY_WARM) == {"library/hello:1.0"}
    assert place.labels(run, Disposition.WINDOW_CLOSED) == {"library/nginx:2.3.0"}
    assert states(run)["report"] == "skipped"
    assert announced(run) == []


def test_all_warm_is_green_at_any_hour(place: Any) -> None:
    """Nothing has to be asked for, so no window is in the way."""
    place.run(place.write_spec("hours"))

    run = place.run(place.write_spec("hours", windows=windows("fail")))

    assert run.state == "success"
    assert states(run)["report"] == "success"


def test_a_closed_window_can_fail_the_run(place: Any, said: Any) -> None:
    """``onClosed: fail``: red, with the hours in words; nothing is asked for."""
    before = place.jobs

    run = place.run(place.write_spec("strict", windows=windows("fail")))

    assert run.state == "failed"
    assert states(run)["report"] == "failed"
    assert place.jobs == before
    heard = said()
    assert "The window is closed (line " in heard
    assert "allowed is every day" in heard
    assert "it opens at" in heard


def test_a_budget_is_no_question_while_the_window_is_closed(place: Any) -> None:
    """A person who said yes would open the window too."""
    run = place.run(
        place.write_spec(
            "night",
            rules=[place.rule("hello", "nginx")],
            budget={"maxImages": 1, "onExceed": "ask"},
            windows=windows("skip"),
        )
    )

    assert states(run)["approve"] == "success"
    assert states(run)["report"] == "skipped"
    assert place.labels(run) == set()
