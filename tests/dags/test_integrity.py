"""The DAGs as data: what must be true of every one of them."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from airflow.dag_processing.dagbag import BundleDagBag
from airflow.sdk import BaseHook, Connection, Variable
from airflow.sdk.definitions.context import _AIRFLOW_PARSING_CONTEXT_DAG_ID
from airflow.sdk.execution_time import context as execution_context
from airflow.serialization.serialized_objects import DagSerialization
from airflow.utils.file import might_contain_dag

from preheat.policy.loader import load_clusters, read_text

if TYPE_CHECKING:
    from airflow.sdk import DAG

ROOT = Path(__file__).parents[2]
DAGS = ROOT / "dags"
POLICIES = sorted(path.stem for path in (ROOT / "include" / "policies").glob("*.yaml"))
OWN = {"preheat_events", "preheat_images", "preheat_upkeep", "preheat_verify"}
IDS = [*(f"preheat__{name}" for name in POLICIES), *sorted(OWN)]


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


@pytest.mark.parametrize("dag_id", sorted({*IDS} - {"preheat_verify"}))
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


def test_verifying_heats_nothing(dags: dict[str, DAG]) -> None:
    """No task of it asks, none announces anything, and several people may look at once."""
    dag = dags["preheat_verify"]

    assert {task.task_id.rpartition(".")[2] for task in dag.tasks} == {"plan", "recheck", "report"}
    assert not any(task.outlets for task in dag.tasks)
    assert dag.max_active_runs > 1


@pytest.mark.parametrize("dag_id", [f"preheat__{name}" for name in POLICIES])
def test_every_policy_can_be_run_dry(dags: dict[str, DAG], dag_id: str) -> None:
    """By the same words as typed images, and not unless somebody says so."""
    param = dags[dag_id].params.get_param("dry_run")

    assert param.dump() == dags["preheat_images"].params.get_param("dry_run").dump()
    assert param.value is False


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
    """No server is asked while a DAG file is parsed."""

    def refuse(*_: Any, **__: Any) -> None:
        pytest.fail("a DAG file opened a connection")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)

    assert parse()


class LookedUpError(Exception):
    """A connection or a variable was asked for."""


def test_parsing_looks_up_no_connection_and_no_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each look-up would load the secrets backend once a parse for each DAG."""

    def refuse(name: str, *_: Any, **__: Any) -> None:
        raise LookedUpError(name)

    monkeypatch.setattr(execution_context, "_get_connection", refuse)
    monkeypatch.setattr(execution_context, "_get_variable", refuse)

    for look_up in (Connection.get, BaseHook.get_connection, Variable.get):
        with pytest.raises(LookedUpError):
            look_up("harbor_default")
    assert parse()


@pytest.mark.parametrize("file", sorted(path.name for path in DAGS.glob("*.py")))
def test_airflow_takes_each_file_for_a_dag_file(file: str) -> None:
    """Its heuristic skips files without certain words, and says nothing."""
    assert might_contain_dag(str(DAGS / file), safe_mode=True)


@pytest.mark.parametrize("dag_id", IDS)
def test_every_task_outlasts_an_outage(dags: dict[str, DAG], dag_id: str) -> None:
    """Harbor, Dragonfly or the ledger may be away for a minute or two in any task.

    Only the doctor tells at once what it sees.
    """
    for task in (task for task in dags[dag_id].tasks if task.task_id != "doctor"):
        arguments = getattr(task, "partial_kwargs", vars(task))
        assert arguments["retries"] >= 5
        assert arguments["retry_policy"] is not None


def test_a_task_process_builds_its_own_dag_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file with hundreds of policies is parsed in each task's process."""
    wanted = "preheat__library-base"
    monkeypatch.setenv(_AIRFLOW_PARSING_CONTEXT_DAG_ID, wanted)  # as Airflow's task runner does

    found = parse()

    assert set(found) == {wanted, *OWN}  # the other files have one DAG each anyway


def test_a_suspended_policy_keeps_its_dag_without_a_schedule(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its history stays, its page says why nothing runs."""
    write(tmp_path, "idle", policy("idle", "spec:\n  suspend: true"))
    monkeypatch.setenv("AIRFLOW__PREHEAT__INCLUDE_DIR", str(tmp_path))

    dag = parse()["preheat__idle"]

    assert dag.schedule is None
    assert "suspended" in dag.tags
    assert "it is suspended" in (dag.doc_md or "")


def test_a_policy_that_runs_on_events_has_no_schedule(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its page says on what it runs, and where."""
    events = policy("pushed").partition("  triggers:")[0] + "  triggers: {events: [pushed]}\n"
    write(tmp_path, "pushed", events)
    monkeypatch.setenv("AIRFLOW__PREHEAT__INCLUDE_DIR", str(tmp_path))

    dag = parse()["preheat__pushed"]

    assert dag.schedule is None
    assert "invalid" not in dag.tags
    assert "**Runs** on pushed, in runs of `preheat_events`" in (dag.doc_md or "")


def test_what_a_policy_says_of_itself_becomes_tags(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """People find the DAG by them; Airflow takes at most 100 characters."""
    long = "x" * 200
    labelled = policy("mine").replace(
        "name: mine", f"name: mine\n  labels: {{team: a, long: {long}}}"
    )
    write(tmp_path, "mine", labelled)
    monkeypatch.setenv("AIRFLOW__PREHEAT__INCLUDE_DIR", str(tmp_path))

    tags = parse()["preheat__mine"].tags

    assert "team:a" in tags
    assert "long:" + "x" * 95 in tags


@pytest.mark.parametrize("on_exceed", ["trim", "fail", "ask"])
def test_a_person_is_between_plan_and_clusters_only_where_the_budget_asks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, on_exceed: str
) -> None:
    """The report stays the only leaf, and hears of the plan also if nobody could be asked."""
    budget = f"spec:\n  budget: {{maxImages: 1, onExceed: {on_exceed}}}"
    write(tmp_path, "some", policy("some", budget))
    monkeypatch.setenv("AIRFLOW__PREHEAT__INCLUDE_DIR", str(tmp_path))

    dag = parse()["preheat__some"]

    ways = {task.task_id: task.upstream_task_ids for task in dag.tasks}
    placements = [name for name in ways if name.endswith(".placements")]
    before = {"approve"} if on_exceed == "ask" else {"plan"}
    assert placements
    assert all(ways[name] == before for name in placements)
    assert ("approve" in ways) == (on_exceed == "ask")
    assert [task.task_id for task in dag.tasks if not task.downstream_task_ids] == ["report"]
    assert "plan" in ways["report"]
    for task in dag.tasks:
        assert getattr(task, "partial_kwargs", vars(task))["retries"] >= 5
    assert serialized(dag) == serialized(parse()["preheat__some"])


def test_hundreds_of_policies_are_hundreds_of_dags(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of them broken harms none of the others; each keeps its own schedule."""
    for number in range(200):
        write(tmp_path, f"p{number:03}", policy(f"p{number:03}"))
    write(tmp_path, "p100", policy("p100").replace("[web]", "[]"))
    monkeypatch.setenv("AIRFLOW__PREHEAT__INCLUDE_DIR", str(tmp_path))

    found = parse()

    assert len(found) == 200 + len(OWN)
    assert [dag_id for dag_id, dag in found.items() if "invalid" in dag.tags] == ["preheat__p100"]
    assert found["preheat__p100"].schedule is None
    assert found["preheat__p199"].schedule is not None


def policy(name: str, head: str = "spec:") -> str:
    """Read a policy that the repository ships, under another name."""
    shipped = (ROOT / "include" / "policies" / "web-frontends.yaml").read_text(encoding="utf-8")
    return shipped.replace("name: web-frontends", f"name: {name}").replace("spec:", head, 1)


def write(folder: Path, name: str, text: str) -> None:
    """Write a policy file beside the clusters that the repository ships."""
    (folder / "policies").mkdir(exist_ok=True)
    (folder / "policies" / f"{name}.yaml").write_text(text, encoding="utf-8")
    clusters = (ROOT / "include" / "clusters.yaml").read_text(encoding="utf-8")
    (folder / "clusters.yaml").write_text(clusters, encoding="utf-8")


def test_a_broken_clusters_file_is_told_by_every_dag(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Policies cannot be checked without clusters, so each DAG shows what is wrong with them."""
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "one.yaml").write_text("", encoding="utf-8")
    (tmp_path / "clusters.yaml").write_text("kind: Clusters\n", encoding="utf-8")
    monkeypatch.setenv("AIRFLOW__PREHEAT__INCLUDE_DIR", str(tmp_path))

    found = parse()

    assert set(found) == {"preheat__one", *OWN}
    for dag in found.values():
        assert "invalid" in dag.tags
        assert "clusters.yaml" in (dag.doc_md or "")
