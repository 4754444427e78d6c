"""The demo, step by step."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from preheat.cli.demo.airflow_api import AirflowApi
from preheat.cli.demo.processes import Processes, port_is_free
from preheat.cli.pools import pools_of
from preheat.ledger import Ledger
from preheat.rendering import all_warm, outcome_table

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rich.console import Console

__all__ = ["Demo", "DemoError"]

DAG_ID = "preheat__library-base"
IMAGES_ID = "preheat_images"
LOGIN = "admin"
CLOCK_FACTOR = 0.1
_START_SECONDS = 180.0
_RUN_SECONDS = 300.0
_SCHEDULED_SECONDS = 8


class DemoError(Exception):
    """The demo cannot go on; the message says why and where to look."""


@dataclass
class Demo:
    """Set up, start, run, show, stop.

    :param root: the clone, with ``dags/`` and ``include/``.
    :param home: keeps the demo's state between two runs.
    :param port: of the Airflow UI.
    :param harbor_port: of the sandbox's Harbor, as ``include/clusters.yaml`` has it.
    """

    root: Path
    home: Path
    console: Console
    port: int = 8080
    harbor_port: int = 8085
    dragonfly_port: int = 8086
    processes: Processes = field(init=False)
    _started: float = field(default_factory=time.monotonic)
    _step: int = 0

    def __post_init__(self) -> None:
        """Prepare what the steps share."""
        self.processes = Processes(self.home / "logs")
        self.api = AirflowApi(f"http://127.0.0.1:{self.port}")

    def run(self) -> bool:
        """Go through all steps; True if every placement of the run is warm."""
        self._check()
        environment = self._environment()
        self._say("Starting the sandbox: a Harbor and a Dragonfly manager with simulated peers")
        self.processes.start("sandbox", self._sandbox_command(), environment)
        self._say("Starting Airflow: SQLite, LocalExecutor (the first time it makes its database)")
        self.processes.start("airflow", [self._tool("airflow"), "standalone"], environment)
        self._until(self.api.is_healthy, "Airflow to be healthy")
        self._say("Making the pools and the two connections")
        self._furnish()
        self._say(f"Running the policy {DAG_ID}")
        self._until(self._dags_are_known, "Airflow to find the DAGs")
        self.api.unpause(IMAGES_ID)
        return self._follow(self._run_id())

    def stay(self) -> None:
        """Wait until the person has seen enough."""
        self.console.print("Leave with ctrl-C; that stops everything.")
        while (name := self.processes.ended()) is None:
            threading.Event().wait(1)
        raise DemoError(f"{name} ended by itself. Its log: {self.processes.log(name)}")

    def stop(self) -> None:
        """Stop all that was started, children too."""
        self.processes.stop()

    def _say(self, text: str) -> None:
        self._step += 1
        elapsed = time.monotonic() - self._started
        self.console.print(f"[bold]{self._step}[/bold] {elapsed:5.1f} s  {text}")

    def _check(self) -> None:
        if not (self.root / "dags" / "preheat_policies.py").is_file():
            raise DemoError(
                f"{self.root} is not a clone of Preheat: run the demo from its top folder."
            )
        for port in (self.harbor_port, self.dragonfly_port, self.port):
            if not port_is_free(port):
                raise DemoError(
                    f"Port {port} is taken by another process: stop that first"
                    + (", or choose another with --port." if port == self.port else ".")
                )

    @staticmethod
    def _tool(name: str) -> str:
        return os.path.join(os.path.dirname(sys.executable), name)  # noqa: PTH118, PTH120  keep the venv's link

    def _sandbox_command(self) -> list[str]:
        return [
            self._tool("preheat"),
            "sandbox",
            f"--harbor-port={self.harbor_port}",
            f"--dragonfly-port={self.dragonfly_port}",
            f"--clock-factor={CLOCK_FACTOR}",
            f"--state={self.home / 'sandbox.json'}",
        ]

    def _environment(self) -> dict[str, str]:
        self.home.mkdir(parents=True, exist_ok=True)
        passwords = self.home / "passwords.json"
        passwords.write_text(json.dumps({LOGIN: LOGIN}), encoding="utf-8")
        airflow_home = self.home / "airflow"
        settings = {
            "CORE__DAGS_FOLDER": str(self.root / "dags"),
            "CORE__PLUGINS_FOLDER": str(self.root / "plugins"),
            "CORE__EXECUTOR": "LocalExecutor",
            "CORE__PARALLELISM": "16",
            "CORE__LOAD_EXAMPLES": "False",
            "CORE__TEST_CONNECTION": "Enabled",
            "CORE__SIMPLE_AUTH_MANAGER_USERS": f"{LOGIN}:admin",
            "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
            "CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{self.port}/execution/",
            "API__HOST": "127.0.0.1",
            "API__PORT": str(self.port),
            "API__BASE_URL": f"http://127.0.0.1:{self.port}",
            # The default of 5 s is too short on a busy machine: the triggerer died of it.
            "DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{airflow_home / 'airflow.db'}?timeout=60",
            "DAG_PROCESSOR__REFRESH_INTERVAL": "15",
            "SCHEDULER__SCHEDULER_HEARTBEAT_SEC": "2",
        }
        own = {f"AIRFLOW__{name}": value for name, value in settings.items()}
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("AIRFLOW")}
        path = os.pathsep.join((os.path.dirname(sys.executable), inherited.get("PATH", "")))  # noqa: PTH120
        return {**inherited, **own, "AIRFLOW_HOME": str(airflow_home), "PATH": path}

    def _furnish(self) -> None:
        self.api.log_in(LOGIN, LOGIN)
        for name, fields in pools_of(self.root / "include" / "clusters.yaml").items():
            self.api.put_pool(name, fields)
        for conn_id, fields in self._connections().items():
            self.api.put_connection(conn_id, fields)

    def _connections(self) -> dict[str, dict[str, str]]:
        """Describe the two connections to the sandbox, which have no secret to keep."""
        return {
            "harbor_default": {
                "conn_type": "harbor",
                "host": f"http://127.0.0.1:{self.harbor_port}",
                "login": "robot$preheat",
                "password": "preheat-sandbox-robot",
            },
            "dragonfly_default": {
                "conn_type": "dragonfly",
                "host": f"http://127.0.0.1:{self.dragonfly_port}",
                "password": "preheat-sandbox-token",
                "extra": json.dumps({"clock_factor": CLOCK_FACTOR}),
            },
        }

    def _dags_are_known(self) -> bool:
        return all(self.api.knows(f"/dags/{dag_id}") for dag_id in (DAG_ID, IMAGES_ID))

    def _run_id(self) -> str:
        """Start a run, or find the one that Airflow starts when a scheduled DAG is unpaused."""
        if self.api.unpause(DAG_ID):
            for _ in range(_SCHEDULED_SECONDS):
                if run_id := self.api.active_run(DAG_ID):
                    return run_id
                threading.Event().wait(1)
        return self.api.active_run(DAG_ID) or self.api.start_run(DAG_ID)

    def _until(self, happened: Callable[[], bool], what: str) -> None:
        end = time.monotonic() + _START_SECONDS
        while not happened():
            if (name := self.processes.ended()) is not None:
                raise DemoError(f"{name} ended by itself. Its log: {self.processes.log(name)}")
            if time.monotonic() > end:
                raise DemoError(
                    f"Waited {_START_SECONDS:.0f} s for {what}. The logs: {self.processes.logs}"
                )
            threading.Event().wait(1)

    def _follow(self, run_id: str) -> bool:
        """Watch the run to its end and show what it left."""
        ledger_url = f"sqlite:///{self.home / 'airflow' / 'preheat.db'}"
        end = time.monotonic() + _RUN_SECONDS
        state = said = ""
        while state not in {"success", "failed"} and time.monotonic() < end:
            threading.Event().wait(1)
            state = self.api.run_state(DAG_ID, run_id)
            said = self._progress(ledger_url, run_id, said)
        if state not in {"success", "failed"}:
            raise DemoError(
                f"The run is still {state} after {_RUN_SECONDS:.0f} s. The UI shows where."
            )
        with Ledger.open(ledger_url) as ledger:
            outcomes = ledger.outcomes(DAG_ID, run_id)
        self.console.print(outcome_table(outcomes))
        self._say(f"The run ended: {state}")
        self.console.print(
            f"Airflow: {self.api.url}/dags/{DAG_ID}/runs/{run_id}\n"
            f"Login: {LOGIN}, password {LOGIN}\n"
            f"Sandbox Harbor: http://127.0.0.1:{self.harbor_port}  "
            f"Dragonfly manager: http://127.0.0.1:{self.dragonfly_port}  "
            f"logs: {self.processes.logs}"
        )
        return state == "success" and bool(outcomes) and all_warm(outcomes)

    def _progress(self, ledger_url: str, run_id: str, said: str) -> str:
        """Print a line when something changed; returns what was printed last."""
        with Ledger.open(ledger_url) as ledger:
            outcomes = ledger.outcomes(DAG_ID, run_id)
        if not outcomes:
            return said
        warm = sum(outcome.verdict == "WARM" for outcome in outcomes)
        text = f"{warm} of {len(outcomes)} placements warm"
        if text != said:
            self._say(text)
        return text
