"""The demo, step by step."""

from __future__ import annotations

import os
import sys
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from preheat.cli.demo.addresses import proved_before, run_addresses
from preheat.cli.demo.aftercare import UPKEEP_ID, Aftercare
from preheat.cli.demo.airflow_api import AirflowApi, AirflowApiError
from preheat.cli.demo.connections import sandbox_connections
from preheat.cli.demo.processes import Processes, port_is_free
from preheat.cli.demo.pushing import EVENTS_ID, Pushing
from preheat.cli.demo.settings import airflow_environment
from preheat.cli.pools import pools_of
from preheat.ledger import Ledger
from preheat.rendering import all_warm, count_of, outcome_table
from preheat.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rich.console import Console

__all__ = ["Demo", "DemoError"]

DAG_ID = "preheat__library-base"
IMAGES_ID = "preheat_images"
VERIFY_ID = "preheat_verify"
LOGIN = "admin"
CLOCK_FACTOR = 0.1
_START_SECONDS = 180.0
_RUN_SECONDS = 300.0
_SCHEDULED_SECONDS = 8
_SILENT_SECONDS = 10.0
_OTHER_PORT = ', or choose another: --port N, with make: make demo DEMO_ARGS="--port N".'


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
    _last_word: float = field(default_factory=time.monotonic)
    _well: list[str] = field(default_factory=list)
    _counted: str = ""

    def __post_init__(self) -> None:
        """Prepare what the steps share."""
        self.processes = Processes(self.home / "logs")
        self.api = AirflowApi(f"http://127.0.0.1:{self.port}")

    def run(self) -> bool:
        """Go through all steps; True if every placement of the run is warm."""
        self.start()
        self._say(f"Running the policy {DAG_ID}")
        run_id = self._run_id()
        is_warm = self._follow(run_id)
        is_warm &= self._push()
        is_looked_after = self._look_after()
        self._tell_addresses(run_id)
        return is_warm and is_looked_after

    def start(self) -> None:
        """Start the sandbox and Airflow, and wait until the DAGs can run."""
        self._check()
        environment = self._environment()
        self._say("Starting the sandbox: Harbor, a Dragonfly manager, simulated peers")
        self.processes.start("sandbox", self._sandbox_command(), environment)
        self._say("Starting Airflow on SQLite (the first time it makes its database)")
        self.processes.start("airflow", [self._tool("airflow"), "standalone"], environment)
        self._until(self._sandbox_listens, "the sandbox")
        self._note("the sandbox is up")
        self._until(self._airflow_is_well, "Airflow")
        self._say("Making the pools and the two connections")
        self._furnish()
        self._until(self._dags_are_known, "Airflow to find the DAGs")
        self._note("Airflow has found the DAGs")
        # Now, because Airflow starts the watcher of a DAG half a minute after it was unpaused.
        for dag_id in (IMAGES_ID, VERIFY_ID, EVENTS_ID):
            self.api.unpause(dag_id)

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
        """Announce the next step."""
        self._step += 1
        self._print(f"[bold]{self._step}[/bold]", text)

    def _note(self, text: str) -> None:
        """Tell how a step goes on."""
        self._print(" ", f"  {text}")

    def _print(self, number: str, text: str) -> None:
        self._last_word = time.monotonic()
        self.console.print(f"{number} {self._last_word - self._started:5.1f} s  {text}")

    def _check(self) -> None:
        if not (self.root / "dags" / "preheat_policies.py").is_file():
            raise DemoError(
                f"{self.root} is not a clone of Preheat: run the demo from its top folder."
            )
        for port in (self.harbor_port, self.dragonfly_port, self.port):
            if not port_is_free(port):
                raise DemoError(
                    f"Port {port} is taken by another process: stop that first"
                    + (_OTHER_PORT if port == self.port else ".")
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

    @property
    def _ledger_url(self) -> str:
        return f"sqlite:///{self.home / 'airflow' / 'preheat.db'}"

    def _environment(self) -> dict[str, str]:
        self.home.mkdir(parents=True, exist_ok=True)
        return airflow_environment(self.root, self.home, self.port, LOGIN)

    def _furnish(self) -> None:
        self.api.log_in(LOGIN, LOGIN)
        for name, fields in pools_of(self.root / "include" / "clusters.yaml").items():
            self.api.put_pool(name, fields)
        for conn_id, fields in self._connections().items():
            self.api.put_connection(conn_id, fields)

    def _connections(self) -> dict[str, dict[str, str]]:
        return sandbox_connections(self.harbor_port, self.dragonfly_port, CLOCK_FACTOR)

    def _sandbox_listens(self) -> bool:
        return not any(map(port_is_free, (self.harbor_port, self.dragonfly_port)))

    def _airflow_is_well(self) -> bool:
        """Look at the parts of Airflow, and tell of each that has come up."""
        well = self.api.healthy_parts()
        for name in well:
            if name not in self._well:
                self._well.append(name)
                self._note(f"Airflow's {name} is up")
        return well == list(self.api.parts)

    def _dags_are_known(self) -> bool:
        wanted = (DAG_ID, IMAGES_ID, VERIFY_ID, EVENTS_ID, UPKEEP_ID)
        return all(self.api.knows(f"/dags/{dag_id}") for dag_id in wanted)

    def _run_id(self) -> str:
        """Start a run, or find the one that Airflow starts when a scheduled DAG is unpaused."""
        if self.api.unpause(DAG_ID):
            for _ in range(_SCHEDULED_SECONDS):
                if run_id := self.api.active_run(DAG_ID):
                    return run_id
                threading.Event().wait(1)
        return self.api.active_run(DAG_ID) or self.api.start_run(DAG_ID)

    def _until(
        self, happened: Callable[[], bool], what: str, seconds: float = _START_SECONDS
    ) -> None:
        """Wait for something, never silent for long.

        :raises DemoError: if it does not happen in time, or a process ends.
        """
        end = time.monotonic() + seconds
        trouble = ""
        while True:
            try:
                if happened():
                    return
            except AirflowApiError as error:  # a busy machine: it may answer the next time
                trouble = f" {error}"
            if (name := self.processes.ended()) is not None:
                raise DemoError(f"{name} ended by itself. Its log: {self.processes.log(name)}")
            now = time.monotonic()
            if now > end:
                raise DemoError(
                    f"Waited {seconds:.0f} s for {what}.{trouble} The logs: {self.processes.logs}"
                )
            if now - self._last_word > _SILENT_SECONDS:
                self._note(f"waiting for {what}")
            threading.Event().wait(1)

    def _follow(self, run_id: str) -> bool:
        """Watch the run to its end and show what it left."""
        with Ledger.open(self._ledger_url) as ledger:
            self._until(
                lambda: self._has_ended(ledger, run_id), "the run to end", seconds=_RUN_SECONDS
            )
            outcomes = ledger.outcomes(DAG_ID, run_id)
        state = self.api.run_state(DAG_ID, run_id)
        self.console.print()
        self.console.print(outcome_table(outcomes))
        self.console.print()
        self._note(f"the run ended: {state}")
        return state == "success" and bool(outcomes) and all_warm(outcomes)

    def _push(self) -> bool:
        """Push an image that nobody starts a run for; True if it gets warm."""
        pushing = Pushing(f"http://127.0.0.1:{self.harbor_port}", self.api.url)
        self._say("An image is pushed, and nobody starts anything")
        pushing.install_webhook()
        with Ledger.open(self._ledger_url) as ledger:
            self._note(f"pushed {pushing.push()}")
            self._until(lambda: pushing.has_been_taken_up(ledger), "a run on the push")
            self._note(f"taken up by {EVENTS_ID} {pushing.seconds():.1f} s later")
            self._until(lambda: pushing.has_ended(ledger), "the run to end", seconds=_RUN_SECONDS)
            return pushing.show(ledger, self.console)

    def _look_after(self) -> bool:
        """Show the doctor, and upkeep; True if both end well."""
        care = Aftercare(
            api=self.api,
            console=self.console,
            manager_url=f"http://127.0.0.1:{self.dragonfly_port}",
            doctor=[self._tool("preheat"), "doctor", "--include", str(self.root / "include")],
            environment=self._environment(),
        )
        self._say("Asking the doctor: preheat doctor")
        is_well = care.examine()
        self._say(f"A seed peer loses its disk, and {UPKEEP_ID} mends it")
        care.lose_a_disk()
        run_id = care.start()
        self._until(lambda: care.has_ended(run_id), "upkeep to end", seconds=_RUN_SECONDS)
        self._note(f"the run ended: {self.api.run_state(UPKEEP_ID, run_id)}")
        with Ledger.open(self._ledger_url) as ledger:
            return care.show(ledger, run_id) and is_well

    def _tell_addresses(self, run_id: str) -> None:
        """Say where a person can go on looking."""
        with Ledger.open(self._ledger_url) as ledger:
            earlier = proved_before(ledger, ledger.outcomes(DAG_ID, run_id))
        self._say("Look around")
        home = (
            self.home.relative_to(self.root) if self.home.is_relative_to(self.root) else self.home
        )
        for line in [
            *run_addresses(self.api.url, (DAG_ID, run_id), earlier),
            f"Upkeep: {self.api.url}/dags/{UPKEEP_ID}",
            f"Events: {self.api.url}/dags/{EVENTS_ID}",
            f"Login: {LOGIN}, password {LOGIN}",
            f"Sandbox Harbor: http://127.0.0.1:{self.harbor_port}",
            f"Sandbox Dragonfly manager: http://127.0.0.1:{self.dragonfly_port}",
            f"Logs: {home / 'logs'}",
            f"Ledger: AIRFLOW_HOME={home / 'airflow'} .venv/bin/preheat ledger status",
        ]:
            self.console.print(line, markup=False)

    def _has_ended(self, ledger: Ledger, run_id: str) -> bool:
        """Look at the run, and tell when more is warm than before."""
        has_ended = self.api.run_state(DAG_ID, run_id) in {"success", "failed"}
        outcomes = ledger.outcomes(DAG_ID, run_id)
        warm = sum(outcome.verdict is Verdict.WARM for outcome in outcomes)
        text = f"{warm} of {count_of(len(outcomes), 'placement')} warm"
        if outcomes and text != self._counted:
            self._counted = text
            self._note(text)
        return has_ended
