"""The demo's own Airflow, with its scheduler, workers and triggerer: one run, broken and mended.

Slow (about a minute), so it is one story: what only real processes show stands in here.
"""

from __future__ import annotations

import json
import os
import re
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest
import requests
from tests.secretscan import database_texts, file_texts, forms_of, leaks
from tests.web.realairflow import copied_clone, wait_for

from preheat.cli.demo.connections import WEBHOOK_AUTHORIZATION
from preheat.cli.demo.show import Demo
from preheat.ledger import Ledger

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
SECRETS = ("preheat-sandbox-robot", "preheat-sandbox-token", "preheat-sandbox-webhook")
BROKEN = "preheat__broken"
POLICY = """\
apiVersion: preheat/v1alpha1
kind: PreheatPolicy
metadata: {name: broken}
spec:
  sources: [{registry: harbor_default, projects: [web]}]
  rules:
    - name: one
      repositories: {include: [{exact: frontend}]}
      tags: {allow: [{exact: "2.4.1"}]}
  triggers: {schedule: {cron: "0 0 1 1 *", timezone: UTC}}
  targets: [{cluster: us-1, scope: single_seed_peer}]
  retry: {attempts: 2, backoff: 1s}
"""


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """Run the demo on free ports, from a copy of the files that it reads."""
    root = tmp_path_factory.mktemp("clone")
    made = Demo(**copied_clone(root, {"broken.yaml": POLICY}))
    try:
        yield made
    finally:
        made.stop()


def is_alive(process: psutil.Process) -> bool:
    """Tell whether a process still does something; what init has not buried yet does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def ended(demo: Demo, dag_id: str, run_id: str) -> str:
    """Wait for the end of a run; returns its state."""
    wait_for(lambda: demo.api.run_state(dag_id, run_id) in {"success", "failed"})
    return demo.api.run_state(dag_id, run_id)


def instances(demo: Demo, dag_id: str, run_id: str) -> dict[tuple[str, int], dict[str, Any]]:
    """Read all task instances of a run."""
    found = demo.api.call("GET", f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances?limit=100")
    return {(ti["task_id"], ti["map_index"]): ti for ti in found["task_instances"]}


def hear_of_a_push(demo: Demo) -> None:
    """Tell the API server of a push as Harbor does; see that it is let in, kept, and masked."""
    assert "***" in demo.api.call("GET", "/connections/harbor_default")["extra"]

    url = f"{demo.api.url}/preheat"
    recording = ROOT / "tests" / "data" / "recorded" / "harbor" / "webhook-push-artifact.json"
    told = json.loads(recording.read_text("utf-8"))["deliveries"]
    answers = []
    for authorization in (
        f"{WEBHOOK_AUTHORIZATION}0",
        WEBHOOK_AUTHORIZATION,
        WEBHOOK_AUTHORIZATION,
    ):
        for delivery in told:
            headers = delivery["request"]["headers"] | {"Authorization": authorization}
            answers.append(
                requests.post(
                    f"{url}/webhooks/harbor/harbor_default",
                    data=delivery["request"]["body"],
                    headers=headers,
                    timeout=10,
                )
            )
    assert [answer.status_code for answer in answers] == [401, 401, 202, 202, 202, 202]
    assert [answer.json()["received"] for answer in answers[2:]] == [1, 1, 0, 0]
    assert answers[0].headers["Cache-Control"] == "no-store"
    with Ledger.open(f"sqlite:///{demo.home}/airflow/preheat.db") as ledger:
        kept = [one.event.tag for one in ledger.inbox.recent(repository="hooks/team/app")]
    assert kept == ["v1"] * 2  # each format is a webhook policy of its own

    assert requests.get(f"{url}/openapi.json", timeout=10).status_code == 401
    document = demo.api._send("GET", "/preheat/openapi.json").json()
    assert "/webhooks/harbor/{connection_id}" in document["paths"]
    assert document["servers"] == [{"url": "/preheat"}]


def found(home: Path) -> list[tuple[str, str]]:
    """Search everything that Airflow and the ledger wrote for a secret of either connection."""
    # The sandbox says its own credentials when it starts, for those who try it by hand, and keeps
    # what its webhooks send, as Harbor does.
    texts = [
        file_texts(home, besides=["sandbox.log", "sandbox.json"]),
        database_texts(f"sqlite:///{home / 'airflow' / 'airflow.db'}"),
        database_texts(f"sqlite:///{home / 'airflow' / 'preheat.db'}"),
    ]
    return leaks(chain.from_iterable(texts), [form for each in SECRETS for form in forms_of(each)])


def test_the_main_job_on_a_real_airflow(demo: Demo) -> None:
    """Warm, then a lost layer, then mended; no secret anywhere, and nothing left running."""
    assert demo.run(), demo.console.file.getvalue()  # type: ignore[attr-defined]
    told = demo.console.file.getvalue()  # type: ignore[attr-defined]
    assert "12 of 12 placements warm" in told
    assert re.search(r"taken up by preheat_events \d+\.\d s later", told)
    assert "14 placements looked at, 7 asked for again" in told
    assert re.search(r"s    Airflow's scheduler is up", told)
    assert f"Ledger: AIRFLOW_HOME={demo.home.relative_to(demo.root)}/airflow " in told
    assert [line for line in told.splitlines() if len(line) > 80 and "http" not in line] == []

    harbor = f"http://127.0.0.1:{demo.harbor_port}"
    image = requests.get(
        f"{harbor}/sandbox/images?repository=web/frontend&reference=2.4.1", timeout=10
    ).json()
    layer = image["platforms"]["linux/amd64"]["blobs"][-1]["digest"]
    requests.post(f"{harbor}/sandbox/blobs/{layer}", json={"state": "unreadable"}, timeout=10)
    demo.api.unpause(BROKEN)
    run_id = demo.api.start_run(BROKEN)

    tracked = ("us-1.track", 0)
    assert ended(demo, BROKEN, run_id) == "failed"
    assert instances(demo, BROKEN, run_id)[tracked]["try_number"] >= 2

    requests.post(f"{harbor}/sandbox/blobs/{layer}", json={"state": "ok"}, timeout=10)
    requests.delete(f"{harbor}/sandbox/requests", timeout=10)
    order = {
        "dry_run": False,
        "dag_run_id": run_id,
        "task_ids": [list(tracked)],
        "include_downstream": True,
        "only_failed": False,
        "reset_dag_runs": True,
    }
    cleared = demo.api.call("POST", f"/dags/{BROKEN}/clearTaskInstances", order)
    assert {ti["task_id"] for ti in cleared["task_instances"]} == {"us-1.track", "report"}
    wait_for(lambda: demo.api.run_state(BROKEN, run_id) == "success")
    fetched = requests.get(f"{harbor}/sandbox/requests", timeout=10).json()
    assert {r["path"].rpartition("/")[2] for r in fetched if r["peer"]} == {layer}

    links = demo.api.call(
        "GET", f"/dags/{BROKEN}/dagRuns/{run_id}/taskInstances/us-1.track/links?map_index=0"
    )["extra_links"]
    assert all(requests.get(url, timeout=10).ok for url in links.values())
    assert sorted(links) == ["Open Dragonfly job", "Open in Harbor"]

    hear_of_a_push(demo)

    children = psutil.Process(os.getpid()).children(recursive=True)
    demo.stop()
    wait_for(lambda: not any(map(is_alive, children)), 15)
    assert found(demo.home) == []
