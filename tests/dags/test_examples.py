"""The examples of the docs are parsed, run where they can be, and cut into pages by their marks."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest
import structlog
from airflow.callbacks.callback_requests import DagCallbackRequest
from airflow.dag_processing.dagbag import BundleDagBag
from airflow.dag_processing.processor import _execute_dag_callbacks
from airflow.providers.http.sensors.http import HttpSensor
from airflow.sdk import AssetAll

from preheat.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from airflow.sdk import DAG

ROOT = Path(__file__).parents[2]
DAGS = ROOT / "dags"
EXAMPLES = ROOT / "docs" / "examples"
LOCAL_BUNDLE = "airflow.dag_processing.bundles.local.LocalDagBundle"
PAGE = ROOT / "docs" / "examples.md"
MARK = re.compile(r"(?m)^# --8<-- \[(start|end):(\w+)\]$")
IDS = [
    *("example_consumer", "example_deploy_when_warm", "example_own_source"),
    "example_warm_then_deploy",
]


@contextmanager
def listening(*statuses: int) -> Iterator[tuple[str, list[tuple[str, Any, str]]]]:
    """Serve what an example calls: the address, and the path, body and credential of each call.

    :param statuses: of the answers, in their order; the last one for all further calls.
    """
    calls: list[tuple[str, Any, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            shown = json.loads(body) if body else None
            calls.append((self.path, shown, self.headers.get("Authorization", "")))
            self.send_response(statuses[min(len(calls), len(statuses)) - 1])
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", calls
    finally:
        server.shutdown()
        server.server_close()


def examples() -> dict[str, DAG]:
    """Parse the example DAGs as a DAG processor does."""
    bag = BundleDagBag(dag_folder=str(EXAMPLES), bundle_path=EXAMPLES, bundle_name="examples")
    assert not bag.import_errors
    return dict(bag.dags)


def local_settings() -> Any:
    """Import the example of a cluster policy."""
    path = EXAMPLES / "airflow_local_settings.py"
    spec = importlib.util.spec_from_file_location("example_of_local_settings", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_example_is_a_dag(place: Any) -> None:
    """Whole files, to be copied into a DAG folder."""
    assert sorted(examples()) == IDS


def test_a_source_of_ones_own_is_warmed_and_proved(place: Any) -> None:
    """The operators and the hook of Preheat in somebody else's DAG."""
    place.push("own", "own source")
    bundle = {"name": "examples", "classpath": LOCAL_BUNDLE, "kwargs": {"path": str(EXAMPLES)}}
    place.environment.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST", json.dumps([bundle]))
    run = examples()["example_own_source"].test(run_conf={"images": ["library/own:1"]})

    assert run.state == "success"
    (outcome,) = place.outcomes(run)
    assert outcome.verdict is Verdict.WARM
    assert outcome.cluster == "eu-1"
    assert outcome.label.startswith("library/own:1 ")


def test_the_consumer_runs_on_the_asset_of_a_cluster(place: Any) -> None:
    """The very one that a policy's report updates."""
    place.write_policy("web")
    (outlet,) = [
        asset
        for asset in place.dags()["preheat__web"].get_task("report").outlets
        if asset.name == "warm://us-1"
    ]
    schedule = examples()["example_consumer"].timetable.asset_condition
    assert isinstance(schedule, AssetAll)
    (wanted,) = schedule.objects
    assert wanted.uri == outlet.uri.replace("us-1", "eu-1")


@pytest.mark.filterwarnings(
    "ignore:.*determine_kwargs:airflow.utils.deprecation_tools.DeprecatedImportWarning"
)
def test_a_deployment_waits_until_the_image_is_warm(place: Any) -> None:
    """409 is not yet; the token goes along, and the question is one of image and cluster."""
    sensor = examples()["example_deploy_when_warm"].get_task("wait_until_warm")
    assert isinstance(sensor, HttpSensor)
    sensor.render_template_fields(
        {"params": {"image": "library/app:1.2", "cluster": "eu-1"}}  # type: ignore[typeddict-item]
    )
    with listening(409, 200) as (url, calls):
        extra = json.dumps({"Authorization": "Bearer of-the-test"})
        place.connect("airflow_api", conn_type="http", host=url, extra=extra)
        assert [sensor.poke({}), sensor.poke({})] == [False, True]

    question = "/preheat/api/v1/warm?image=library%2Fapp%3A1.2&cluster=eu-1"
    assert calls == [(question, None, "Bearer of-the-test")] * 2


def test_a_deployment_fills_the_form_of_preheat_images(place: Any) -> None:
    """Fields that the form does not have would fail its plan."""
    task = examples()["example_warm_then_deploy"].get_task("warm")
    form = place.dags()["preheat_images"].params
    assert task.trigger_dag_id == "preheat_images"
    assert set(task.conf) <= set(form)


def test_a_red_run_reaches_the_webhook(place: Any) -> None:
    """Called as the DAG processor calls it, on a DAG of ours whose file nobody touched."""
    dag_id = place.write_policy("web")
    bag = BundleDagBag(dag_folder=str(DAGS), bundle_path=DAGS, bundle_name="dags-folder")
    local_settings().dag_policy(bag.dags[dag_id])
    request = DagCallbackRequest(
        filepath="preheat_policies.py",
        bundle_name="dags-folder",
        bundle_version=None,
        dag_id=dag_id,
        run_id="manual__1",
        msg="task_failure",
    )
    with listening(200) as (url, calls):
        place.connect("on_call", conn_type="http", host=url)
        _execute_dag_callbacks(bag, request, structlog.get_logger())

    assert [body for _, body, _ in calls] == [
        {"title": f"{dag_id} is red", "text": "manual__1: see its report"}
    ]


def test_airflow_applies_the_cluster_policy_to_all_of_our_dags(tmp_path: Path) -> None:
    """Also in what the DAG processor stores, which is all that the scheduler sees."""
    settings = tmp_path / "config"
    settings.mkdir()
    source = EXAMPLES / "airflow_local_settings.py"
    (settings / source.name).write_text(source.read_text("utf-8"), encoding="utf-8")
    script = (
        "import json, sys\n"
        "from airflow.dag_processing.dagbag import BundleDagBag\n"
        "from airflow.serialization.serialized_objects import DagSerialization\n"
        "bag = BundleDagBag(dag_folder=sys.argv[1], bundle_path=sys.argv[1], bundle_name='b')\n"
        "stored = {i: DagSerialization.to_dict(dag)['dag'] for i, dag in bag.dags.items()}\n"
        "told = {i: [d.get('has_on_failure_callback'), bool(d.get('deadline'))] for i, d in "
        "stored.items()}\n"
        "print(json.dumps(told))"
    )
    told = {}
    for folder in (DAGS, EXAMPLES):
        done = subprocess.run(
            [sys.executable, "-c", script, str(folder)],
            capture_output=True,
            text=True,
            check=True,
            env={
                **os.environ,
                "AIRFLOW_HOME": str(tmp_path),
                "AIRFLOW__PREHEAT__INCLUDE_DIR": str(ROOT / "include"),
            },
        )
        told |= json.loads(done.stdout.splitlines()[-1])

    ours = {name: found for name, found in told.items() if name.startswith("preheat_")}
    assert len(ours) >= 6
    assert set(map(tuple, ours.values())) == {(True, True)}
    assert all(told[name] == [None, False] for name in IDS)


def marks(text: str) -> Sequence[tuple[str, str]]:
    """List the marks of a file."""
    return MARK.findall(text)


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_each_section_begins_and_ends(path: Path) -> None:
    """One after the other, and each is cut into the page."""
    text = path.read_text(encoding="utf-8")
    names = [name for kind, name in marks(text) if kind == "start"]
    assert names
    assert marks(text) == [(kind, name) for name in names for kind in ("start", "end")]
    page = PAGE.read_text(encoding="utf-8")
    for name in names:
        assert f'--8<-- "docs/examples/{path.name}:{name}"' in page
    assert f"(examples/{path.name})" in page


def test_the_page_cuts_only_what_is_there() -> None:
    """A section with another name would be an empty box."""
    cut = re.findall(r'(?m)^--8<-- "docs/(examples/\w+\.py):(\w+)"$', PAGE.read_text("utf-8"))
    assert cut
    for name, section in cut:
        assert ("start", section) in marks((ROOT / "docs" / name).read_text(encoding="utf-8"))
