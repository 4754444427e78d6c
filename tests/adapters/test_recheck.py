"""Upkeep's recheck as a task: one image that cannot be looked at stops none of the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk.exceptions import AirflowSkipException
from sqlalchemy import update

from preheat.errors import InputError, RemoteUnavailableError
from preheat.ledger.schema import placement as placements
from preheat.plan import Disposition
from preheat.provider.operators.recheck import ERRORS, FOUND, RecheckPlacementsOperator
from preheat.provider.operators.upkeep import SettleAttemptsOperator
from preheat.provider.upkeep import upkeep_dag
from preheat.verdict import Verdict

if TYPE_CHECKING:
    from pathlib import Path

    from preheat.ledger import StoredPlacement


@pytest.fixture
def pushed(context: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Give what the task pushed for the tasks behind it, by key."""
    values: dict[str, Any] = {}

    def push(key: str, value: Any) -> None:
        values[key] = value

    monkeypatch.setattr(type(context["ti"]), "xcom_push", staticmethod(push), raising=False)
    return values


def recheck(context: dict[str, Any]) -> list[dict[str, Any]]:
    """Run upkeep's task for the cluster."""
    return RecheckPlacementsOperator(task_id="recheck", cluster="us-1").execute(context)


def two_cold(world: Any) -> tuple[StoredPlacement, ...]:
    """Plan what nobody holds, and beside it an image whose project Harbor cannot read now."""
    world.sandbox.dragonfly.state.peer("10.78.0.11").wipe()
    cold, other = world.plan(Disposition.ASK, Disposition.ASK)
    path = f"/artifacts/{other.key.digest}$"
    world.sandbox.harbor.faults.add(match={"path": path}, status=503, times=100)
    return cold, other


def test_one_look_that_fails_stops_no_other(
    world: Any, context: dict[str, Any], pushed: dict[str, Any]
) -> None:
    """What decayed is asked for all the same; the report is told of the other."""
    cold, other = two_cold(world)

    (wanted,) = recheck(context)

    assert (wanted["placement"], wanted["demand"]) == (cold.id, "layers 100%")
    assert pushed[FOUND]["failed"] == [other.id]
    (error,) = pushed[ERRORS]
    assert "503" in error


def test_a_look_that_asks_for_nothing_returns_nothing(
    world: Any, context: dict[str, Any], pushed: dict[str, Any]
) -> None:
    """What is not warm is told to the report alone."""
    world.sandbox.dragonfly.state.peer("10.78.0.11").wipe()
    (cold,) = world.plan(Disposition.LOOK)
    looking = RecheckPlacementsOperator(task_id="recheck", cluster="us-1", asks_again=False)

    assert looking.execute(context) == []

    assert pushed[FOUND]["decayed"] == [cold.id]
    assert world.ledger.placement(cold.id).verdict is Verdict.COLD


def test_a_look_that_asks_for_nothing_is_tried_again(
    world: Any, context: dict[str, Any], pushed: dict[str, Any]
) -> None:
    """No task behind it waits for what it found, so what could not be looked at is waited out."""
    two_cold(world)
    looking = RecheckPlacementsOperator(task_id="recheck", cluster="us-1", asks_again=False)

    with pytest.raises(RemoteUnavailableError):
        looking.execute(context)

    assert len(pushed[ERRORS]) == 1


def test_a_look_skips_a_cluster_of_which_nothing_is_named(
    world: Any, context: dict[str, Any]
) -> None:
    """So that the grid shows where somebody looked."""
    world.plan(Disposition.LOOK)
    looking = RecheckPlacementsOperator(task_id="recheck", cluster="eu-1", asks_again=False)

    with pytest.raises(AirflowSkipException):
        looking.execute(context)


def test_what_harbor_has_no_more_is_known_to_be_gone(
    world: Any, context: dict[str, Any], pushed: dict[str, Any]
) -> None:
    """A plan for it says that it is there, and the look that it is not."""
    _, gone = world.plan(Disposition.LOOK, Disposition.LOOK)

    recheck(context)

    assert pushed[FOUND]["gone"] == [gone.id]
    assert world.ledger.placement(gone.id).deleted_at is not None


def test_a_manager_that_is_away_makes_the_task_red(
    world: Any, context: dict[str, Any], pushed: dict[str, Any]
) -> None:
    """Nothing could be looked at, and nothing is asked for: tried again, for it may come back."""
    world.plan(Disposition.ASK)
    world.sandbox.dragonfly.faults.add(status=503, times=100)

    with pytest.raises(RemoteUnavailableError):
        recheck(context)

    assert len(pushed[FOUND]["failed"]) == 1


def test_a_token_that_worked_is_not_blamed_for_the_managers_database(
    world: Any, context: dict[str, Any], pushed: dict[str, Any]
) -> None:
    """A 401 of a token that made jobs lately is an outage (dragonfly: recorded db-down-*)."""
    attempt = world.ask()
    world.ledger.close_attempt(attempt.id, None, "over")
    words = '{"message": "Unauthorized"}'
    world.sandbox.dragonfly.faults.add(status=401, times=100, body=words)

    with pytest.raises(RemoteUnavailableError):
        recheck(context)

    assert pushed[ERRORS]


def connected_to(world: Any, placement_id: int, conn_id: str) -> None:
    """Let a placement have been asked for over another connection."""
    settings = {
        "driver": "dragonfly",
        "connection": conn_id,
        "scheduler_cluster_id": 2,
        "registry": "harbor_default",
        "expected_hosts": {},
    }
    with world.ledger._engine.begin() as connection:
        chosen = update(placements).where(placements.c.id == placement_id)
        connection.execute(chosen.values(settings=settings))


def test_a_connection_that_is_gone_stops_no_other(
    world: Any, context: dict[str, Any], pushed: dict[str, Any]
) -> None:
    """What was asked for over it cannot be looked at; the error names it."""
    cold, other = two_cold(world)
    world.sandbox.harbor.faults.clear()
    connected_to(world, other.id, "dragonfly_gone")

    (wanted,) = recheck(context)

    assert wanted["placement"] == cold.id
    assert "'dragonfly_gone'" in pushed[ERRORS][0]


def test_settling_names_a_connection_that_is_gone(world: Any, context: dict[str, Any]) -> None:
    """It is a fault of the set-up, told as such, and others are settled all the same."""
    (placement,) = world.plan(Disposition.ASK)
    world.ledger.open_attempt(placement.id, owner="dead", run=world.run, lease_seconds=-1)
    connected_to(world, placement.id, "dragonfly_gone")

    with pytest.raises(InputError, match="dragonfly_gone"):
        SettleAttemptsOperator(task_id="settle", cluster="us-1").execute(context)


def test_a_red_settle_does_not_stop_the_recheck(tmp_path: Path) -> None:
    """What must stay warm is looked after whatever was left open."""
    folder = tmp_path / "include"
    (folder / "policies").mkdir(parents=True)
    (folder / "clusters.yaml").write_text(CLUSTERS, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW__PREHEAT__INCLUDE_DIR", str(folder))
        dag = upkeep_dag(tmp_path / "dags", "Look after everything.")
    assert dag.get_task("us-1.recheck").trigger_rule == "all_done"


CLUSTERS = """
apiVersion: preheat/v1alpha1
kind: PreheatClusters
clusters:
  - name: us-1
    driver: dragonfly
    connection: dragonfly_default
    schedulerClusterId: 2
    pullEndpoints: {harbor_default: "https://harbor.example.com"}
"""
