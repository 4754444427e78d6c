"""Airflow's API server with our plugin, and nothing else of Airflow."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil
import requests

from benchmarks.world import ROOT, free_port
from preheat.cli.demo.processes import Processes
from preheat.cli.demo.settings import airflow_environment
from preheat.cli.demo.show import DemoError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

__all__ = ["LOGIN", "ApiServer", "api_server"]

LOGIN = "bench"
"""Name and password of the admin."""

_START_SECONDS = 120.0


@dataclass(frozen=True)
class ApiServer:
    """A running API server."""

    port: int
    pid: int

    @property
    def url(self) -> str:
        """Where it listens on loopback."""
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def api_server(
    home: Path, ledger_url: str, more: Mapping[str, str], *, knows_dags: bool = False
) -> Iterator[ApiServer]:
    """Run it, in an empty folder.

    :param more: environment of its process besides.
    :param knows_dags: whether our DAGs are in Airflow's database.
    """
    home.mkdir()
    port = free_port()
    environment = airflow_environment(ROOT, home, port, LOGIN) | {
        "AIRFLOW__PREHEAT__LEDGER_URL": ledger_url,
        "PYTHONPATH": os.pathsep.join((str(ROOT / "src"), str(ROOT))),
        **more,
    }
    airflow = os.path.join(os.path.dirname(sys.executable), "airflow")  # noqa: PTH118, PTH120  keep the venv's link
    for command in (["db", "migrate"], *([["dags", "reserialize"]] if knows_dags else [])):
        subprocess.run([airflow, *command], env=environment, check=True, capture_output=True)  # noqa: S603  our own fixed commands
    processes = Processes(home / "logs")
    processes.start("api-server", [airflow, "api-server", f"--port={port}"], environment)
    try:
        _wait_for(port, processes)
        listening = (
            one for one in psutil.Process().children(recursive=True) if _listens(one, port)
        )
        yield ApiServer(port, next(listening).pid)
    finally:
        processes.stop()


def _listens(process: psutil.Process, port: int) -> bool:
    with suppress(psutil.Error):
        return any(one.laddr.port == port for one in process.net_connections() if one.laddr)
    return False


def _wait_for(port: int, processes: Processes) -> None:
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end and processes.ended() is None:
        with suppress(requests.RequestException):
            url = f"http://127.0.0.1:{port}/preheat/openapi.json"
            if requests.get(url, timeout=5).status_code == requests.codes.unauthorized:
                return
        threading.Event().wait(0.5)
    raise DemoError(
        f"The API server does not serve /preheat. Its log: {processes.log('api-server')}"
    )
