"""A whole Airflow of its own, with our DAGs, our plugin, the sandbox and a person of every role.

The demo's own processes, on free ports and from a copy of the files that it reads.
"""

from __future__ import annotations

import json
import shutil
import socket
import threading
import time
from dataclasses import dataclass
from functools import cached_property
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests
from rich.console import Console

from preheat.cli.demo.show import Demo
from preheat.ledger import Ledger

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["PEOPLE", "Person", "RealAirflow", "copied_clone", "free_port", "wait_for"]

ROOT = Path(__file__).parents[2]

PEOPLE = {"admin": "admin", "op": "op", "user": "user", "viewer": "viewer", "nobody": ""}
"""Names, which are the passwords too, and the role that each has in Airflow."""


def free_port() -> int:
    """Find a port that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(happened: Callable[[], bool], seconds: float = 90) -> None:
    """Wait until something is true, or fail."""
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "it did not happen in time"
        threading.Event().wait(0.5)


def copied_clone(root: Path, policies: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Copy what Airflow reads of the clone; gives the arguments of a demo on free ports.

    :param policies: more of them, by file name.
    """
    for folder in ("dags", "plugins", "include"):
        shutil.copytree(ROOT / folder, root / folder)
    ports = {"port": free_port(), "harbor_port": free_port(), "dragonfly_port": free_port()}
    clusters = root / "include" / "clusters.yaml"
    text = clusters.read_text(encoding="utf-8").replace(":8085", f":{ports['harbor_port']}")
    clusters.write_text(text, encoding="utf-8")
    for name, policy in (policies or {}).items():
        (root / "include" / "policies" / name).write_text(policy, encoding="utf-8")
    return {
        "root": root,
        "home": root / ".demo",
        "console": Console(file=StringIO(), width=80, soft_wrap=True),
        **ports,
    }


@dataclass(frozen=True)
class Person:
    """Somebody at the API server.

    :param url: of the API server.
    :param token: Airflow's; "" for somebody who is not logged in.
    """

    url: str
    token: str = ""

    def call(self, method: str, path: str, **content: Any) -> requests.Response:
        """Call a route of ours with the token in ``Authorization``, as programs do."""
        headers = dict(content.pop("headers", {}))
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        return self._send(method, path, headers, **content)

    def browse(self, method: str, path: str, **content: Any) -> requests.Response:
        """Call a route of ours with the token in Airflow's cookie, as browsers do."""
        headers = {**content.pop("headers", {}), "Cookie": f"_token={self.token}"}
        return self._send(method, path, headers, **content)

    def _send(
        self, method: str, path: str, headers: dict[str, str], **content: Any
    ) -> requests.Response:
        with requests.Session() as session:
            session.trust_env = False
            return session.request(
                method,
                f"{self.url}/preheat{path}",
                headers=headers,
                timeout=60,
                allow_redirects=False,
                **content,
            )


class RealAirflow(Demo):
    """The demo's sandbox and Airflow, where also others than its admin may log in."""

    def _environment(self) -> dict[str, str]:
        found = super()._environment()
        passwords = json.dumps({name: name for name in PEOPLE})
        (self.home / "passwords.json").write_text(passwords, encoding="utf-8")
        users = ",".join(f"{name}:{role}" for name, role in PEOPLE.items())
        return found | {"AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": users}

    @property
    def ledger_url(self) -> str:
        """Where the ledger is that all its processes share."""
        return self._ledger_url

    @cached_property
    def ledger(self) -> Ledger:
        """The ledger that all its processes share."""
        return Ledger.open(self.ledger_url)

    @cached_property
    def people(self) -> dict[str, Person]:
        """Everybody by name, and ``stranger``, who is not logged in."""
        found = {name: Person(self.api.url, self._token(name)) for name in PEOPLE}
        return {**found, "stranger": Person(self.api.url)}

    def _token(self, name: str) -> str:
        body = {"username": name, "password": name}
        answer = requests.post(f"{self.api.url}/auth/token", json=body, timeout=60)
        answer.raise_for_status()
        return str(answer.json()["access_token"])

    def run_to_its_end(self, dag_id: str, conf: dict[str, Any] | None = None) -> tuple[str, str]:
        """Start a run and wait for its end; gives its id and its state."""
        self.api.unpause(dag_id)
        run_id = self.api.active_run(dag_id) or self.api.start_run(dag_id, conf)
        return run_id, self.ended(dag_id, run_id)

    def ended(self, dag_id: str, run_id: str) -> str:
        """Wait for the end of a run; gives its state."""
        ends = {"success", "failed"}
        self._until(lambda: self.api.run_state(dag_id, run_id) in ends, f"{dag_id} to end", 300)
        return self.api.run_state(dag_id, run_id)

    def stop(self) -> None:
        """Stop all that was started."""
        super().stop()
        self.__dict__.pop("ledger", None)
