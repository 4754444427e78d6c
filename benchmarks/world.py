"""A sandbox in this process and a real Airflow beside it, all in one folder."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from preheat.cli.demo.show import CLOCK_FACTOR, Demo, DemoError
from preheat.sandbox import serve
from preheat.sandbox.dragonfly import ManagerSettings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from rich.console import Console

    from preheat.sandbox import Sandbox

__all__ = ["CLUSTER", "LOOK_SECONDS", "POOL", "ROOT", "World", "free_port", "open_world"]

ROOT = Path(__file__).parents[1]
CLUSTER = "bench"
POOL = f"preheat_{CLUSTER}"
LOOK_SECONDS = 31 * CLOCK_FACTOR
"""When a job's result can be read: the manager's look at 30 s of its clock, and a second."""

_SLOTS = 1000
_RUN_SECONDS = 280.0
_CLUSTERS = """\
apiVersion: preheat/v1alpha1
kind: PreheatClusters
clusters:
  - name: {cluster}
    connection: dragonfly_default
    schedulerClusterId: 1
    platforms: [linux/amd64]
    pullEndpoints:
      harbor_default: {harbor}
    maxConcurrentJobs: {slots}
"""
_COUNT_HEAD = """\
import sys as _sys
import time as _time

_was_loaded = "preheat.provider.dags" in _sys.modules
_began = _time.perf_counter()
"""
_COUNT_TAIL = """\

with open({path!r}, "a", encoding="utf-8") as _file:
    _who = get_parsing_context().dag_id or "-"
    _file.write(f"{{_time.perf_counter() - _began:.6f}} {{int(_was_loaded)}} {{_who}}\\n")
"""


@dataclass(frozen=True)
class Cost:
    """What a run cost.

    :param seconds: how long Airflow says that it took.
    :param airflow: processor seconds of all of Airflow's processes.
    :param sandbox: processor seconds of this process: Harbor, manager and peers.
    """

    seconds: float
    airflow: float
    sandbox: float


@dataclass
class _Airflow(Demo):
    """The demo's Airflow, without the demo's sandbox and policy.

    :param more: environment of all its processes besides.
    """

    more: dict[str, str] = field(default_factory=dict)

    def start(self) -> None:
        """Start Airflow and furnish it; returns when all its parts are well."""
        # From the environment, as in compose: a task looks them up without asking the API server.
        connections = {
            f"AIRFLOW_CONN_{conn_id.upper()}": json.dumps(fields)
            for conn_id, fields in self._connections().items()
        }
        environment = {
            **self._environment(),
            **connections,
            "PYTHONPATH": str(ROOT),
            "BENCH_POOL": POOL,
            "BENCH_WAIT": str(LOOK_SECONDS),
            **self.more,
        }
        self.processes.start("airflow", [self._tool("airflow"), "standalone"], environment)
        self._until(self.api.is_healthy, "Airflow to be healthy")
        self._furnish()

    def enable(self, dag_id: str) -> None:
        """Wait for a DAG and let it run."""
        self._until(lambda: self.api.knows(f"/dags/{dag_id}"), f"Airflow to find the DAG {dag_id}")
        self.api.unpause(dag_id)

    def parse_seconds(self, dag_id: str, beside: str) -> float:
        """Wait for a new DAG; returns how long the DAG processor says that its file took.

        :param beside: a DAG of the same file that is known already.
        """
        token = self.api.call("GET", f"/dags/{beside}")["file_token"]
        self.api.call("PUT", f"/parseDagFile/{token}")
        self._until(lambda: self.api.knows(f"/dags/{dag_id}"), f"Airflow to find the DAG {dag_id}")
        return float(self.api.call("GET", f"/dags/{dag_id}")["last_parse_duration"])

    def run(self, dag_id: str, conf: dict[str, Any] | None = None) -> Cost:
        """Run a DAG to its end and tell what that cost."""
        airflow, sandbox = _children_seconds(), time.process_time()
        seconds = self._run_seconds(dag_id, conf)
        return Cost(seconds, _children_seconds() - airflow, time.process_time() - sandbox)

    def _run_seconds(self, dag_id: str, conf: dict[str, Any] | None) -> float:
        """Run a DAG to its end; returns how long Airflow says that it took.

        :raises DemoError: if the run fails or does not end.
        """
        run_id = self.api.start_run(dag_id, conf)
        end = time.monotonic() + _RUN_SECONDS
        while time.monotonic() < end:
            threading.Event().wait(2)
            run = self.api.call("GET", f"/dags/{dag_id}/dagRuns/{run_id}")
            if run["state"] == "success":
                began, ended = (datetime.fromisoformat(run[k]) for k in ("start_date", "end_date"))
                return (ended - began).total_seconds()
            if run["state"] == "failed":
                break
        raise DemoError(f"{dag_id} {run_id} is {run['state']}. Its logs: {self.home}")


@dataclass(frozen=True)
class World:
    """What a case needs.

    :param parses: file with one line for each time the DAG file was read: seconds, whether our
        code was in memory already, the DAG wanted by a task process or ``-``.
    """

    sandbox: Sandbox
    airflow: _Airflow
    parses: Path

    def add_policy(self, name: str, text: str) -> None:
        """Write one more policy beside those that Airflow reads."""
        (self.airflow.root / "include" / "policies" / f"{name}.yaml").write_text(
            text, encoding="utf-8"
        )

    def forget(self) -> None:
        """Take from the peers what they hold, and from the stand-ins what they counted."""
        for peer in self.sandbox.dragonfly.state.peers:
            peer.wipe()
        self.sandbox.harbor.state.requests.clear()
        self.sandbox.dragonfly.requests.clear()
        self.parses.write_text("", encoding="utf-8")


@contextmanager
def open_world(
    folder: Path,
    policies: dict[str, str],
    *,
    catalogue: str,
    console: Console,
    more: dict[str, str] | None = None,
) -> Iterator[World]:
    """Start everything, and stop everything when the block is left.

    :param folder: empty folder for all that is written.
    :param policies: text of each policy file by its name.
    :param more: environment of Airflow's processes besides.
    """
    settings = ManagerSettings(clock_factor=CLOCK_FACTOR, job_rate_limit=100_000)
    with serve(catalogue=catalogue, settings=settings) as sandbox:
        parses = folder / "parses.txt"
        _lay_out(folder, policies, sandbox.harbor_url, parses)
        airflow = _Airflow(
            root=folder,
            home=folder / "home",
            console=console,
            port=free_port(),
            harbor_port=sandbox.harbor.port,
            dragonfly_port=sandbox.dragonfly.port,
            more=more or {},
        )
        try:
            airflow.start()
            yield World(sandbox, airflow, parses)
        finally:
            with _unhurried():
                airflow.stop()


@contextmanager
def _unhurried() -> Iterator[None]:
    """Let a second ctrl-C leave no child behind."""
    before = {
        number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _lay_out(folder: Path, policies: dict[str, str], harbor: str, parses: Path) -> None:
    """Copy what Airflow reads, with a line in the DAG file that counts."""
    shutil.copytree(ROOT / "plugins", folder / "plugins")
    shutil.copy(ROOT / "benchmarks" / "empty_plugin.py", folder / "plugins")
    (folder / "dags").mkdir()
    shutil.copy(ROOT / "benchmarks" / "empty_dag.py", folder / "dags")
    shutil.copy(ROOT / "dags" / "preheat_events.py", folder / "dags")
    text = (ROOT / "dags" / "preheat_policies.py").read_text(encoding="utf-8")
    future = "from __future__ import annotations\n"
    counted = text.replace(future, f"{future}\n{_COUNT_HEAD}", 1)
    counted += _COUNT_TAIL.format(path=str(parses))
    (folder / "dags" / "preheat_policies.py").write_text(counted, encoding="utf-8")
    include = folder / "include"
    (include / "policies").mkdir(parents=True)
    clusters = _CLUSTERS.format(cluster=CLUSTER, harbor=harbor, slots=_SLOTS)
    (include / "clusters.yaml").write_text(clusters, encoding="utf-8")
    for name, policy in policies.items():
        (include / "policies" / f"{name}.yaml").write_text(policy, encoding="utf-8")


def _children_seconds() -> float:
    """Add up the processor seconds of all that this process started, ended children too."""
    total = 0.0
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            times = process.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    return total


def free_port() -> int:
    """Find a port that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
