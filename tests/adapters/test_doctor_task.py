"""The doctor as a task of upkeep: green means that all of it was seen to be well."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException
from tests.secretscan import forms_of

from preheat.doctor import Examination, Observation, State
from preheat.provider import config
from preheat.provider.operators import doctor

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


def test_a_look_that_failed_is_red(
    world: Any, context: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A mistake in a check leaves its matter unknown; what a task cannot see goes to the report."""
    (tmp_path / "policies").mkdir()
    (tmp_path / "clusters.yaml").write_text(CLUSTERS, encoding="utf-8")
    seen = Examination((
        Observation("us-1", "seed peers", State.UNKNOWN, "looking failed: KeyError: 1"),
        Observation("us-1", "pool", State.SKIPPED, "Airflow's database cannot be seen from here"),
    ))
    monkeypatch.setattr(doctor, "examine", lambda *_: seen)
    pushed: dict[str, Any] = {}

    def push(key: str, value: Any) -> None:
        pushed[key] = value

    monkeypatch.setattr(type(context["ti"]), "xcom_push", staticmethod(push), raising=False)
    task = doctor.PreheatDoctorOperator(task_id="doctor", include=str(tmp_path))

    with pytest.raises(AirflowFailException, match="seed peers: looking failed"):
        task.execute(context)

    assert pushed == {doctor.UNSEEN: ["us-1, pool: Airflow's database cannot be seen from here"]}
    last = world.ledger.upkeep.last_examination()
    assert last.run.run_id == context["ti"].run_id
    assert [(each["check"], each["state"]) for each in last.observations] == [
        ("seed peers", "unknown"),
        ("pool", "skipped"),
    ]


def test_a_ledger_that_takes_nothing_hides_nothing(
    world: Any, context: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The doctor looks at the ledger too: what it sees of it is in the log and makes it red."""
    (tmp_path / "policies").mkdir()
    (tmp_path / "clusters.yaml").write_text(CLUSTERS, encoding="utf-8")
    monkeypatch.setattr(type(context["ti"]), "xcom_push", lambda *_, **__: None, raising=False)
    broken(world)
    task = doctor.PreheatDoctorOperator(task_id="doctor", include=str(tmp_path))

    with pytest.raises(AirflowFailException, match="ledger, database: "):
        task.execute(context)


def test_what_is_written_down_holds_no_secret(
    world: Any, context: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Also where systems answer with everything that they were sent."""
    (tmp_path / "policies").mkdir()
    (tmp_path / "clusters.yaml").write_text(CLUSTERS, encoding="utf-8")
    monkeypatch.setattr(type(context["ti"]), "xcom_push", lambda *_, **__: None, raising=False)
    _, basic = forms_of(world.sandbox.robot_secret)
    token = world.sandbox.token
    sent = f"Authorization: Basic {basic} Authorization: Bearer {token}"
    words = f'{{"errors": [{{"message": "{sent}"}}], "message": "{sent}"}}'
    for server in (world.sandbox.harbor, world.sandbox.dragonfly):
        server.faults.add(status=403, times=1000, body=words)
    task = doctor.PreheatDoctorOperator(task_id="doctor", include=str(tmp_path))

    with pytest.raises(AirflowFailException):
        task.execute(context)

    kept = repr(world.ledger.upkeep.last_examination())
    assert "Authorization: Basic ***" in kept
    assert basic not in kept
    assert token not in kept


def broken(world: Any) -> None:
    """Let the file of the ledger be no database any more."""
    world.ledger.close()
    config._opened.clear()
    file = Path(world.ledger._engine.url.database)
    for each in file.parent.glob(f"{file.name}*"):
        each.unlink()
    file.write_text("no database", encoding="utf-8")
