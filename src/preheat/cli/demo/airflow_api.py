"""The few calls of Airflow's public REST API that the demo and the bench make."""

from __future__ import annotations

from typing import Any

import requests

__all__ = ["AirflowApi"]

_TIMEOUT_SECONDS = 30


class AirflowApi:
    """A person at Airflow's REST API.

    :param url: where the API server listens.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._session = requests.Session()
        self._session.trust_env = False

    def is_healthy(self) -> bool:
        """Tell whether API server, scheduler, triggerer and DAG processor all say they are well."""
        try:
            answer = self._session.get(
                f"{self.url}/api/v2/monitor/health", timeout=_TIMEOUT_SECONDS
            )
        except requests.ConnectionError:
            return False
        parts = answer.json() if answer.ok else {}
        needed = ("metadatabase", "scheduler", "triggerer", "dag_processor")
        return all((parts.get(name) or {}).get("status") == "healthy" for name in needed)

    def log_in(self, username: str, password: str) -> None:
        """Get a token for all later calls."""
        answer = self._session.post(
            f"{self.url}/auth/token",
            json={"username": username, "password": password},
            timeout=_TIMEOUT_SECONDS,
        )
        answer.raise_for_status()
        self._session.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def call(self, method: str, path: str, body: object = None) -> Any:
        """Call one route below ``/api/v2`` and return the decoded answer.

        :raises requests.HTTPError: for any answer that is not 2xx.
        """
        answer = self._session.request(
            method, f"{self.url}/api/v2{path}", json=body, timeout=_TIMEOUT_SECONDS
        )
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def knows(self, path: str) -> bool:
        """Tell whether something exists at this path."""
        answer = self._session.get(f"{self.url}/api/v2{path}", timeout=_TIMEOUT_SECONDS)
        return answer.ok

    def put_pool(self, name: str, fields: dict[str, Any]) -> None:
        """Make a pool, or give it these fields."""
        if self.knows(f"/pools/{name}"):
            self.call("PATCH", f"/pools/{name}", {"pool": name, **fields})
        else:
            self.call("POST", "/pools", {"name": name, **fields})

    def put_connection(self, conn_id: str, fields: dict[str, Any]) -> None:
        """Make a connection, or give it these fields."""
        body = {"connection_id": conn_id, **fields}
        if self.knows(f"/connections/{conn_id}"):
            self.call("PATCH", f"/connections/{conn_id}", body)
        else:
            self.call("POST", "/connections", body)

    def unpause(self, dag_id: str) -> bool:
        """Let a DAG run; tells whether it was paused."""
        was_paused = bool(self.call("GET", f"/dags/{dag_id}")["is_paused"])
        self.call("PATCH", f"/dags/{dag_id}?update_mask=is_paused", {"is_paused": False})
        return was_paused

    def active_run(self, dag_id: str) -> str | None:
        """Id of a run that has not ended, if there is one."""
        found = self.call("GET", f"/dags/{dag_id}/dagRuns?state=queued&state=running&limit=1")
        runs = found["dag_runs"]
        return str(runs[0]["dag_run_id"]) if runs else None

    def start_run(self, dag_id: str, conf: dict[str, Any] | None = None) -> str:
        """Start a run of a DAG; returns the run's id."""
        run = self.call(
            "POST", f"/dags/{dag_id}/dagRuns", {"logical_date": None, "conf": conf or {}}
        )
        return str(run["dag_run_id"])

    def run_state(self, dag_id: str, run_id: str) -> str:
        """State of a run, Airflow's word."""
        return str(self.call("GET", f"/dags/{dag_id}/dagRuns/{run_id}")["state"])
