"""A whole Airflow, each part a process group of its own, so that each can be killed alone."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
from tests.crash.rig.world import CLOCK_FACTOR, PLACEMENTS, until

from preheat.cli.demo.airflow_api import AirflowApi, AirflowApiError
from preheat.cli.demo.settings import airflow_environment
from preheat.cli.pools import pools_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tests.crash.rig.world import World

__all__ = ["PARTS", "WEBHOOK_AUTHORIZATION", "Stack", "set_up"]

ROOT = Path(__file__).parents[3]
LOGIN = "admin"
PARTS = ("api-server", "scheduler", "dag-processor", "triggerer")
RUNNING = {"queued", "running"}
RUN_SECONDS = 600
CLUSTERS = """\
apiVersion: preheat/v1alpha1
kind: PreheatClusters
clusters:
  - name: eu-1
    connection: dragonfly_default
    schedulerClusterId: 1
    platforms: [linux/amd64]
    pullEndpoints: {{harbor_default: "{harbor}"}}
    maxConcurrentJobs: {jobs}
"""
POLICY = """\
apiVersion: preheat/v1alpha1
kind: PreheatPolicy
metadata: {{name: {name}}}
spec:
  sources: [{{registry: harbor_default, projects: [{name}]}}]
  rules: [{{name: all, take: {{newest: 1}}}}]
  targets: [{{cluster: eu-1, scope: single_seed_peer}}]
  triggers: {triggers}
  retry: {retry}
"""
YEARLY = '{schedule: {cron: "0 0 1 1 *", timezone: UTC}}'
WEBHOOK_AUTHORIZATION = "Bearer of-the-crash-tests-only"
# How soon Airflow notices that a part of it is gone; its defaults are 30 s to 5 min.
NOTICING = {
    "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "15",
    "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "3",
    "SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "10",
    "SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "5",
    "SCHEDULER__SCHEDULER_HEARTBEAT_SEC": "1",
    "TRIGGERER__JOB_HEARTBEAT_SEC": "1",
    "TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "8",
}


def free_port() -> int:
    """Find a port that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Stack:
    """The processes of one Airflow.

    :param home: its files and logs.
    :param environment: what every part of it gets.
    :param ledger: URL of the ledger.
    """

    home: Path
    environment: dict[str, str]
    port: int
    ledger: str
    _running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Address its API."""
        self.api = AirflowApi(f"http://127.0.0.1:{self.port}")

    @property
    def database(self) -> str:
        """URL of Airflow's own database."""
        return self.environment["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"]

    def command(self, *arguments: str) -> None:
        """Run one command of Airflow to its end."""
        done = subprocess.run(
            [airflow(), *arguments], env=self.environment, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]

    def start(self, part: str, name: str = "") -> None:
        """Start a part; one that was killed writes on in its log.

        :param name: tells a second triggerer from the first.
        """
        name = name or part
        own = {
            "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(free_port()),
            "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(free_port()),
        }
        with (self.home / f"{name}.log").open("ab") as log:
            self._running[name] = subprocess.Popen(
                [airflow(), part],
                env=self.environment | own,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def kill(self, name: str) -> None:
        """SIGKILL a part and all its children, as a lost machine would."""
        process = self._running.pop(name)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def revive(self) -> None:
        """Start again what ended by itself, as ``restart: unless-stopped`` in compose does.

        Scheduler, triggerer and DAG processor end when they lose Airflow's database. Their children
        end with them, as those of a container do.
        """
        for name in [n for n, process in self._running.items() if process.poll() is not None]:
            self.kill(name)
            self.start(name)

    def signal(self, name: str, number: signal.Signals) -> None:
        """Send a signal to a part and all its children."""
        os.killpg(self._running[name].pid, number)

    def kill_workers(self) -> int:
        """SIGKILL every process that runs a task, with its supervisor; returns how many."""
        scheduler = psutil.Process(self._running["scheduler"].pid)
        busy = [worker for worker in scheduler.children() if worker.children()]
        found = [process for worker in busy for process in (worker, *worker.children())]
        for process in found:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(found, timeout=10)
        return len(busy)

    def stop(self) -> None:
        """Kill all."""
        for name in list(self._running):
            self.kill(name)

    def log_in(self) -> None:
        """Wait until the API server answers, and log in."""
        self.patiently(lambda: self.api.log_in(LOGIN, LOGIN))

    def patiently(self, call: Callable[[], Any]) -> Any:
        """Call Airflow's API until it answers: it may be gone, or on a busy machine."""
        answers: list[Any] = []

        def has_answered() -> bool:
            answers.append(call())
            return True

        until(has_answered, "Airflow's API server", pause=0.5, despite=(AirflowApiError,))
        return answers[0]

    def wait_for(self, happened: Callable[[], Any], what: str, seconds: float = 240) -> None:
        """Wait for something that Airflow's API tells."""
        until(happened, what, seconds, pause=0.3, despite=(AirflowApiError,))

    def begin(self, dag_id: str) -> str:
        """Unpause a scheduled DAG; returns the one run that Airflow starts then."""
        self.wait_for(lambda: self.api.knows(f"/dags/{dag_id}"), f"the DAG {dag_id}")
        self.patiently(lambda: self.api.unpause(dag_id))
        runs: list[str] = []

        def has_begun() -> bool:
            runs.extend(filter(None, [self.api.active_run(dag_id)]))
            return bool(runs)

        self.wait_for(has_begun, f"a run of {dag_id}")
        return runs[0]

    def tracked(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """Read the tracked task instances of a run."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances?limit=200&task_id=eu-1.track"
        found = self.patiently(lambda: self.api.call("GET", path))["task_instances"]
        return [ti for ti in found if ti["task_id"] == "eu-1.track" and ti["map_index"] >= 0]

    def wait_for_success(self, dag_id: str, run_id: str, task_id: str) -> None:
        """Wait until an unmapped task has ended well."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}"
        self.wait_for(lambda: self.api.call("GET", path)["state"] == "success", task_id)

    def wait_for_state(self, dag_id: str, run_id: str, state: str, count: int) -> None:
        """Wait until so many tracked instances are in a state."""

        def are_there() -> bool:
            states = [ti["state"] for ti in self.tracked(dag_id, run_id)]
            assert self.api.run_state(dag_id, run_id) in RUNNING, states
            return states.count(state) >= count

        self.wait_for(are_there, f"{count} instances {state}")

    def wait_for_end(self, dag_id: str, run_id: str, world: World) -> str:
        """Wait for the end of a run, noting its jobs; returns its state."""
        states: list[str] = []

        def has_ended() -> bool:
            self.revive()
            world.see_jobs()
            states.append(self.api.run_state(dag_id, run_id))
            return states[-1] not in RUNNING

        self.wait_for(has_ended, f"the end of {dag_id}", RUN_SECONDS)
        return states[-1]


def airflow() -> str:
    """Find the command beside this Python."""
    return os.path.join(os.path.dirname(sys.executable), "airflow")  # noqa: PTH118, PTH120  keep the venv's link


def set_up(
    home: Path,
    world: World,
    urls: tuple[str, str],
    policies: Mapping[str, str],
    triggers: str = YEARLY,
) -> Iterator[Stack]:
    """Start an Airflow over these stand-ins until the block is left.

    :param urls: of Airflow's own database and of the ledger.
    :param policies: how to retry, by name of policy and project.
    :param triggers: when all of them run.
    """
    home.mkdir(parents=True, exist_ok=True)
    include = _include(home, world, policies, triggers)
    port = free_port()
    environment = airflow_environment(ROOT, home, port, LOGIN) | {
        f"AIRFLOW__{name}": value for name, value in (_settings(urls) | NOTICING).items()
    }
    environment["AIRFLOW__PREHEAT__INCLUDE_DIR"] = str(include)
    environment |= _connections(world)
    stack = Stack(home, environment, port, urls[1])
    try:
        stack.command("db", "migrate")
        for part in PARTS:
            stack.start(part)
        stack.log_in()
        for name, fields in pools_of(include / "clusters.yaml").items():
            stack.patiently(partial(stack.api.put_pool, name, fields))
        stack.wait_for(stack.api.is_healthy, "all parts of Airflow")
        yield stack
    finally:
        stack.stop()


def _include(home: Path, world: World, policies: Mapping[str, str], triggers: str) -> Path:
    include = home / "include"
    (include / "policies").mkdir(parents=True)
    clusters = CLUSTERS.format(harbor=world.harbor, jobs=2 * PLACEMENTS)
    (include / "clusters.yaml").write_text(clusters, encoding="utf-8")
    for name, retry in policies.items():
        text = POLICY.format(name=name, retry=retry, triggers=triggers)
        (include / "policies" / f"{name}.yaml").write_text(text, encoding="utf-8")
    return include


def _settings(urls: tuple[str, str]) -> dict[str, str]:
    secret = "of this test only " * 4
    settings = {
        "PREHEAT__LEDGER_URL": urls[1],
        "CORE__PARALLELISM": str(2 * PLACEMENTS + 4),
        "CORE__MAX_ACTIVE_TASKS_PER_DAG": str(2 * PLACEMENTS),
        "CORE__FERNET_KEY": "",
        "API_AUTH__JWT_SECRET": secret,
        "API__SECRET_KEY": secret,
        "API__WORKERS": "1",
    }
    if urls[0].startswith("postgresql"):
        settings["DATABASE__SQL_ALCHEMY_CONN"] = urls[0]
        settings["DATABASE__SQL_ALCHEMY_CONN_ASYNC"] = urls[0]
    return settings


def _connections(world: World) -> dict[str, str]:
    harbor = {
        "conn_type": "harbor",
        "host": world.harbor,
        "login": "robot$preheat",
        "password": "preheat-sandbox-robot",
        "extra": json.dumps({"webhook_authorization": WEBHOOK_AUTHORIZATION}),
    }
    dragonfly = {
        "conn_type": "dragonfly",
        "host": world.manager,
        "password": "preheat-sandbox-token",
        "extra": json.dumps({"clock_factor": CLOCK_FACTOR}),
    }
    return {
        "AIRFLOW_CONN_HARBOR_DEFAULT": json.dumps(harbor),
        "AIRFLOW_CONN_DRAGONFLY_DEFAULT": json.dumps(dragonfly),
    }
