"""Dry runs of policies: all is shown, nothing is asked, and no later run is the wiser."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from airflow.models.asset import AssetEvent
from airflow.utils.session import create_session

from preheat.plan import Disposition

if TYPE_CHECKING:
    from airflow.models.dagrun import DagRun


def states(run: DagRun) -> dict[str, str]:
    """Tell the state of each task."""
    return {ti.task_id: str(ti.state) for ti in run.get_task_instances()}


def announced(run: DagRun) -> int:
    """Count the assets that a run updated."""
    with create_session() as session:
        found = session.query(AssetEvent).filter(AssetEvent.source_run_id == run.run_id)
        return int(found.filter(AssetEvent.source_dag_id == run.dag_id).count())


def test_a_dry_run_of_a_policy_plans_and_stops(place: Any, said: Any) -> None:
    """The next run asks for what it showed, and what came since the last real one still came."""
    dag_id = place.write_spec("dry", keepWarm={"recheck": "1h", "until": "1d"})
    before = place.jobs

    dry = place.run(dag_id, dry_run=True)
    real = place.run(dag_id)

    assert (dry.state, states(dry)["report"], announced(dry)) == ("success", "skipped", 0)
    assert states(dry)["us-1.track"] == "skipped"
    assert place.labels(dry, Disposition.DRY_RUN) == {"library/hello:1.0"}
    assert "This was a dry run: nothing was asked of any cluster." in said()
    assert (real.state, states(real)["report"], announced(real)) == ("success", "success", 1)
    assert place.labels(real) == {"library/hello:1.0"}
    assert place.jobs == before + 1


def test_a_dry_run_tells_what_came_since_the_last_real_run(place: Any, said: Any) -> None:
    """However many dry ones were between."""
    dag_id = place.write_spec("since", rules=[place.rule("since-a", "since-b")])
    place.push("since-a", "dry")
    place.run(dag_id)
    place.push("since-b", "dry")

    for _ in range(2):
        place.run(dag_id, dry_run=True)

    assert said().count("Images since the last plan: 1 came, 0 went, 1 stayed") == 2


@pytest.mark.parametrize("on_closed", ["wait", "skip", "fail"])
def test_a_dry_run_waits_for_no_window_and_no_person(place: Any, on_closed: str) -> None:
    """A suspended policy may be looked at too."""
    start = datetime.now(UTC) + timedelta(hours=2)
    times = {"from": f"{start:%H:%M}", "to": f"{start + timedelta(hours=2):%H:%M}"}
    dag_id = place.write_spec(
        "held",
        rules=[place.rule("hello", "nginx")],
        suspend=True,
        budget={"maxImages": 1, "onExceed": "ask"},
        windows={"allow": [{"days": ["all"], "timezone": "UTC", **times}], "onClosed": on_closed},
    )

    run = place.run(dag_id, dry_run=True)

    assert run.state == "success"
    assert (states(run)["approve"], states(run)["report"]) == ("success", "skipped")
    shown = place.labels(run, Disposition.DRY_RUN)
    assert shown == {"library/hello:1.0", "library/nginx:2.3.0"}
    assert sum("budget" in outcome.detail for outcome in place.outcomes(run)) == 1
