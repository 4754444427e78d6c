"""``preheat doctor`` as a person types it, with connections of the environment."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from airflow.models.pool import Pool
from sqlalchemy.exc import OperationalError
from typer.testing import CliRunner

from preheat.cli import app
from preheat.policy.loader import load_clusters

INCLUDE = Path(__file__).parents[2] / "include"


@pytest.fixture
def doctor(world: Any, tmp_path: Path) -> Any:
    """Call the command on a folder whose clusters pull from the sandbox."""
    include = tmp_path / "include"
    (include / "policies").mkdir(parents=True)
    text = (INCLUDE / "clusters.yaml").read_text()
    text = text.replace("http://127.0.0.1:8085", world.sandbox.harbor_url)
    (include / "clusters.yaml").write_text(text)
    # Other tests of this process may have made a database, and pools of their own in it.
    with suppress(OperationalError):
        for cluster in load_clusters(text, "clusters.yaml"):
            Pool.create_or_update_pool(
                cluster.pool, cluster.max_concurrent_jobs, "", include_deferred=True
            )
    runner = CliRunner(env={"COLUMNS": "80", "NO_COLOR": "1"})

    def call(*words: object) -> Any:
        arguments = ["doctor", "--include", str(include), *map(str, words)]
        return runner.invoke(app, arguments, catch_exceptions=False)

    return call


def test_a_sound_installation(doctor: Any) -> None:
    """Exit 0, a table of 80 columns, the sum at the end."""
    said = doctor()
    assert said.exit_code == 0, said.stdout
    lines = said.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0] == "Preheat"
    assert "as Harbor calls itself" in said.stdout
    assert "WRONG" not in said.stdout


def test_what_is_wrong_for_machines(doctor: Any, world: Any) -> None:
    """Exit 1, and stdout is JSON whatever Airflow says meanwhile; no secret is in it."""
    world.connect("dragonfly_default", world.sandbox.dragonfly_url, "a-wrong-token")
    said = doctor("--json")
    assert said.exit_code == 1
    told = json.loads(said.stdout)
    assert told["exit_code"] == 1
    wrong = [
        (one["about"], one["check"]) for one in told["observations"] if one["state"] == "wrong"
    ]
    assert ("dragonfly_default", "token (scope job)") in wrong
    assert "a-wrong-token" not in said.stdout
    assert world.sandbox.robot_secret not in said.stdout


def test_a_missing_connection_is_one_finding(doctor: Any, world: Any) -> None:
    """It says how to make one; what needs no Harbor is looked at all the same."""
    world.environment.delenv("AIRFLOW_CONN_HARBOR_DEFAULT")
    said = doctor("--json")
    assert said.exit_code == 1
    seen = {(one["about"], one["check"]): one for one in json.loads(said.stdout)["observations"]}
    assert "AIRFLOW_CONN_HARBOR_DEFAULT" in seen["harbor_default", "connection"]["detail"]
    assert seen["eu-1", "schedulers"]["state"] == "ok"


def test_without_clusters_there_is_nothing_to_look_at(doctor: Any, tmp_path: Path) -> None:
    """Exit 2: a file that cannot be read is told on stderr, with nothing on stdout."""
    (tmp_path / "include" / "clusters.yaml").unlink()
    said = doctor()
    assert said.exit_code == 2
    assert said.stdout == ""
    assert "clusters.yaml" in said.stderr


@pytest.mark.parametrize(
    ("triggerer", "code", "told"),
    [("healthy", 0, "all healthy"), (None, 1, "triggerer never ran")],
)
def test_the_api_server_tells_which_parts_run(
    doctor: Any, world: Any, triggerer: str | None, code: int, told: str
) -> None:
    """As Airflow 3.3.2 answers it, without a login."""
    body = {"metadatabase": {"status": "healthy"}, "triggerer": {"status": triggerer}}
    path = "/api/v2/monitor/health"
    world.sandbox.harbor.faults.add(match={"path": path}, status=200, body=json.dumps(body))
    world.environment.setenv("AIRFLOW__API__BASE_URL", world.sandbox.harbor_url)

    said = doctor()

    assert said.exit_code == code, said.stdout
    assert told in said.stdout


def test_an_api_server_that_is_away_is_worth_a_look(doctor: Any, world: Any) -> None:
    """Nothing is claimed of what could not be asked."""
    world.environment.setenv("AIRFLOW__API__BASE_URL", "http://127.0.0.1:9")
    said = doctor("--json")
    found = {one["check"]: one["state"] for one in json.loads(said.stdout)["observations"]}
    assert (said.exit_code, found["running parts"]) == (0, "look")
