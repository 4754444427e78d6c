"""The DAGs as data: what must be true of every one of them."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from airflow.dag_processing.dagbag import BundleDagBag
from airflow.sdk import get_parsing_context
from airflow.serialization.serialized_objects import DagSerialization

from preheat.policy.loader import load_clusters, read_text
from preheat.provider.dags import policy_dags

if TYPE_CHECKING:
    from airflow.sdk import DAG

ROOT = Path(__file__).parents[2]
DAGS = ROOT / "dags"
POLICIES = sorted(path.stem for path in (ROOT / "include" / "policies").glob("*.yaml"))
IDS = [*(f"preheat__{name}" for name in POLICIES), "preheat_images"]


def parse() -> dict[str, DAG]:
    """Parse the DAG files with the network switched off."""
    bag = BundleDagBag(dag_folder=str(DAGS), bundle_path=DAGS, bundle_name="dags-folder")
    assert not bag.import_errors
    return dict(bag.dags)


@pytest.fixture(scope="module")
def dags() -> dict[str, DAG]:
    """Parse what the repository ships."""
    return parse()


def test_each_policy_and_the_form_have_a_dag(dags: dict[str, DAG]) -> None:
    """A silently empty factory fails here; Airflow's discovery finds both files."""
    assert sorted(dags) == sorted(IDS)
    assert len(POLICIES) >= 3


@pytest.mark.parametrize("dag_id", IDS)
def test_every_dag_can_be_understood_and_answered_for(dags: dict[str, DAG], dag_id: str) -> None:
    """A runbook, an owner, tags, no catching up."""
    dag = dags[dag_id]

    assert "preheat" in dag.tags
    assert "invalid" not in dag.tags
    assert "Safe to re-run?" in (dag.doc_md or "")
    assert dag.description
    assert dag.catchup is False
    assert all(task.owner not in {"", "airflow"} for task in dag.tasks)


@pytest.mark.parametrize("dag_id", IDS)
def test_the_report_is_the_only_leaf(dags: dict[str, DAG], dag_id: str) -> None:
    """It runs whatever happened before it, so the run's colour is its colour."""
    leaves = [task for task in dags[dag_id].tasks if not task.downstream_task_ids]

    assert [task.task_id for task in leaves] == ["report"]
    assert leaves[0].trigger_rule == "all_done"


@pytest.mark.parametrize("dag_id", IDS)
def test_each_cluster_is_tracked_in_its_own_pool(dags: dict[str, DAG], dag_id: str) -> None:
    """A mapped task's pool is read when the DAG is parsed, and a missing pool waits for ever."""
    file = ROOT / "include" / "clusters.yaml"
    pools = {c.name: c.pool for c in load_clusters(read_text(file), file.name)}
    tracked = {
        task.task_id.removesuffix(".track"): task
        for task in dags[dag_id].tasks
        if task.task_id.endswith(".track")
    }

    assert tracked
    for cluster, task in tracked.items():
        assert task.pool == pools[cluster]
        assert task.retries >= 1
        assert task.partial_kwargs["retry_policy"] is not None
        assert task.map_index_template


def test_parsing_twice_gives_the_same(dags: dict[str, DAG]) -> None:
    """A DAG that differs from parse to parse gets a new version each time."""
    first, second = (
        {dag_id: serialized(dag) for dag_id, dag in found.items()} for found in (dags, parse())
    )

    assert first == second


def serialized(dag: DAG) -> str:
    """Serialize a DAG as the DAG processor does."""
    return json.dumps(DagSerialization.to_dict(dag), sort_keys=True, default=str)


def test_parsing_needs_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """No connection is looked up and no server asked while a DAG file is parsed."""

    def refuse(*_: Any, **__: Any) -> None:
        pytest.fail("a DAG file opened a connection")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)

    assert parse()


def test_a_task_process_builds_its_own_dag_only() -> None:
    """A file with hundreds of policies is parsed in each task's process."""
    wanted = "preheat__library-base"

    assert [dag.dag_id for dag in policy_dags(DAGS, only=wanted)] == [wanted]
    assert get_parsing_context().dag_id is None


def test_a_broken_clusters_file_is_told_by_every_dag(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Policies cannot be checked without clusters, so each DAG shows what is wrong with them."""
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "one.yaml").write_text("", encoding="utf-8")
    (tmp_path / "clusters.yaml").write_text("kind: Clusters\n", encoding="utf-8")
    monkeypatch.setenv("AIRFLOW__PREHEAT__INCLUDE_DIR", str(tmp_path))

    found = parse()

    assert sorted(found) == ["preheat__one", "preheat_images"]
    for dag in found.values():
        assert "invalid" in dag.tags
        assert "clusters.yaml" in (dag.doc_md or "")
