"""The few calls of Airflow's public REST API that the demo and the bench make."""

from __future__ import annotations

from typing import Any, ClassVar

import requests

__all__ = ["AirflowApi", "AirflowApiError"]

_TIMEOUT_SECONDS = 30
_SHOWN_LENGTH = 200
_PARTS = {
    "metadatabase": "database",
    "scheduler": "scheduler",
    "dag_processor": "DAG processor",
    "triggerer": "triggerer",
}


class AirflowApiError(Exception):
    """Airflow did not answer, or not as it should; the message says to what, and how instead."""


class AirflowApi:
    """A person at Airflow's REST API.

    :cvar parts: what must be well before a DAG can run, in our words.
    :param url: where the API server listens.
    :param timeout_seconds: how long it may keep silent.
    """

    parts: ClassVar[tuple[str, ...]] = ("API server", *_PARTS.values())

    def __init__(self, url: str, timeout_seconds: float = _TIMEOUT_SECONDS) -> None:
        self.url = url
        self._timeout = timeout_seconds
        self._session = requests.Session()
        self._session.trust_env = False

    def healthy_parts(self) -> list[str]:
        """Name the parts of Airflow that say they are well, the API server first."""
        try:
            said = self.call("GET", "/monitor/health")
            well = [name for part, name in _PARTS.items() if said[part]["status"] == "healthy"]
        except AirflowApiError:
            return []
        except (KeyError, TypeError):  # an answer of another shape: only that it answers is known
            well = []
        return [self.parts[0], *well]

    def is_healthy(self) -> bool:
        """Tell whether all parts say they are well."""
        return self.healthy_parts() == list(self.parts)

    def log_in(self, username: str, password: str) -> None:
        """Get a token for all later calls.

        :raises AirflowApiError: if there is none to be had.
        """
        body = {"username": username, "password": password}
        answer = self._decoded(self._answer("POST", "/auth/token", body))
        if not isinstance(answer, dict) or "access_token" not in answer:
            raise AirflowApiError("Airflow answered POST /auth/token without an access_token.")
        self._session.headers["Authorization"] = f"Bearer {answer['access_token']}"

    def call(self, method: str, path: str, body: object = None) -> Any:
        """Call one route below ``/api/v2`` and return the decoded answer.

        :raises AirflowApiError: for no answer, one that is not 2xx, and one that is not JSON.
        """
        answer = self._answer(method, f"/api/v2{path}", body)
        return self._decoded(answer) if answer.content else None

    def knows(self, path: str) -> bool:
        """Tell whether something exists at this path."""
        return self._send("GET", f"/api/v2{path}").ok

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

    def _send(self, method: str, path: str, body: object = None) -> requests.Response:
        try:
            return self._session.request(
                method, f"{self.url}{path}", json=body, timeout=self._timeout
            )
        except requests.RequestException as error:
            raise AirflowApiError(
                f"Airflow gave no answer to {method} {path} ({type(error).__name__})."
            ) from error

    def _answer(self, method: str, path: str, body: object = None) -> requests.Response:
        answer = self._send(method, path, body)
        if not answer.ok:
            raise AirflowApiError(
                f"Airflow answered {method} {path} with {answer.status_code}: {_shown(answer)}"
            )
        return answer

    @staticmethod
    def _decoded(answer: requests.Response) -> Any:
        try:
            return answer.json()
        except ValueError as error:
            what = f"{answer.request.method} {answer.request.path_url}"
            raise AirflowApiError(
                f"Airflow answered {what} with what is no JSON: {_shown(answer)}"
            ) from error


def _shown(answer: requests.Response) -> str:
    return " ".join(answer.text.split())[:_SHOWN_LENGTH] or "an empty body"
