"""The doctor as a task of upkeep: green means that all of it was seen to be well."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from preheat.doctor import Examination, Observation, State
from preheat.provider.operators import doctor

if TYPE_CHECKING:
    from pathlib import Path

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
