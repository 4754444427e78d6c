"""Templates made into answers: whole pages, and the parts of them that change while one looks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from preheat.rendering import count_of
from preheat.web.pages import words
from preheat.web.pages.assets import asset_path

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastapi import Request

__all__ = ["Addresses", "is_part", "show"]

_HTMX = "HX-Request"


@dataclass(frozen=True, slots=True)
class Addresses:
    """Makes the addresses that pages link to, wherever Airflow is served.

    :param root: path of our app.
    """

    root: str

    @classmethod
    def of(cls, request: Request) -> Addresses:
        """Take them from where a request came in."""
        return cls(str(request.scope.get("root_path", "")).rstrip("/"))

    @property
    def airflow(self) -> str:
        """Path of Airflow's own pages, without a slash at its end."""
        return self.root.removesuffix("/preheat")

    def to(self, path: str, /, **query: Any) -> str:
        """Address one of our pages."""
        given = {key: value for key, value in query.items() if value is not None and value != ""}
        return f"{self.root}{path}{'?' if given else ''}{urlencode(given, doseq=True)}"

    def asset(self, name: str) -> str:
        """Address a file that pages load."""
        return f"{self.root}{asset_path(name)}"

    def login(self, then: str) -> str:
        """Address Airflow's login.

        :param then: path of ours to come back to.
        """
        return f"{self.airflow}/api/v2/auth/login?{urlencode({'next': then})}"

    def airflow_run(self, dag_id: str, run_id: str) -> str:
        """Address a run in Airflow's own pages."""
        return f"{self.airflow}/dags/{_quoted(dag_id)}/runs/{_quoted(run_id)}"

    def airflow_task(self, dag_id: str, run_id: str, task_id: str, map_index: int) -> str:
        """Address a task instance in Airflow's own pages."""
        mapped = f"/mapped/{map_index}" if map_index >= 0 else ""
        return f"{self.airflow_run(dag_id, run_id)}/tasks/{_quoted(task_id)}{mapped}"


def _quoted(text: str) -> str:
    return urlencode({"": text})[1:].replace("+", "%20")


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("preheat.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(words.FILTERS)
    made.globals.update(count_of=count_of, signs=words.SIGNS)
    return made


def is_part(request: Request) -> bool:
    """Tell whether a page asks for a part of itself."""
    return _HTMX in request.headers


def show(
    request: Request,
    template: str,
    /,
    *,
    status: HTTPStatus = HTTPStatus.OK,
    headers: Mapping[str, str] | None = None,
    **model: Any,
) -> HTMLResponse:
    """Fill a template.

    :param model: what it shows; ``now`` is the moment from which it counts.
    """
    model.setdefault("now", datetime.now(UTC))
    text = _environment().get_template(template).render(to=Addresses.of(request), **model)
    return HTMLResponse(text, status.value, dict(headers or {}))
