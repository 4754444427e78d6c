"""The demo's processes: each in a group of its own, so that stopping it stops its children too."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

__all__ = ["Processes", "port_is_free"]

_GRACE_SECONDS = 10.0


def port_is_free(port: int) -> bool:
    """Tell whether nobody listens on this port of the loopback address."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


@dataclass
class Processes:
    """Child processes, their logs, and their end.

    :param logs: folder for one log file a process.
    """

    logs: Path
    _running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """Start one process; all that it prints goes to its log file."""
        self.logs.mkdir(parents=True, exist_ok=True)
        with self.log(name).open("wb") as log:
            self._running[name] = subprocess.Popen(  # noqa: S603  our own fixed commands
                list(command),
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Airflow's children outlive a SIGTERM to their parent: the group is stopped.
                start_new_session=True,
            )

    def log(self, name: str) -> Path:
        """Path of a process's log."""
        return self.logs / f"{name}.log"

    def ended(self) -> str | None:
        """Name of a process that ended by itself, if any did."""
        return next((n for n, process in self._running.items() if process.poll() is not None), None)

    def stop(self) -> None:
        """Stop every process and its children, the gentle way first."""
        for process in self._running.values():
            _signal_group(process.pid, signal.SIGTERM)
        for process in self._running.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_GRACE_SECONDS)
            _signal_group(process.pid, signal.SIGKILL)
            process.wait()
        self._running.clear()


def _signal_group(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, number)
