"""Calls to Airflow's own REST API, in this process, as the person who calls us.

Airflow then checks that person's rights and writes its audit log, as for any other client of its
API; its internal functions check nothing.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any

import httpx
from airflow.api_fastapi.auth.managers.base_auth_manager import COOKIE_NAME_JWT_TOKEN
from fastapi import Depends, Request

from preheat.web.crosssite import bearer_of
from preheat.web.refusing import Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["AirflowCalls", "AirflowCallsDep"]

_WORDS = 500
_AT_ONCE = 100  # Airflow's own limit, unless somebody raises it


class AirflowCalls:
    """Calls Airflow's API with the credentials of one request.

    :param headers: that carry them.
    """

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._headers = dict(headers)

    async def get(self, path: str, **params: Any) -> Any:
        """Read something.

        :param path: below ``/api/v2``, such as ``/dags``.
        :raises Refusal: with Airflow's own status where it refuses.
        """
        return await self._call("GET", path, params=params)

    async def every(self, path: str, key: str, **params: Any) -> list[Any]:
        """Read a whole list, page by page.

        :param key: under which the answers have the rows.
        """
        found: list[Any] = []
        while True:
            page = await self.get(path, limit=_AT_ONCE, offset=len(found), **params)
            found += page[key]
            if not page[key] or len(found) >= page["total_entries"]:
                return found

    async def start_run(self, dag_id: str, conf: Mapping[str, Any], note: str = "") -> str:
        """Start a run of a DAG, and tell its id.

        :raises Refusal: with Airflow's own status where it refuses.
        """
        # The note is Airflow's place for why somebody started a run.
        body = {"logical_date": None, "conf": dict(conf), "note": note or None}
        started = await self._call("POST", f"/dags/{dag_id}/dagRuns", json=body)
        return str(started["dag_run_id"])

    async def _call(self, method: str, path: str, **content: Any) -> Any:
        # Imported by whoever serves us: not before.
        from airflow.api_fastapi.main import app  # noqa: PLC0415

        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://airflow") as client:
            answer = await client.request(
                method, f"/api/v2{path}", headers=self._headers, **content
            )
        if answer.is_success:
            return answer.json()
        raise _refusal(answer)


def _refusal(answer: httpx.Response) -> Refusal:
    try:
        told = answer.json().get("detail", "")
    except (ValueError, AttributeError):
        told = ""
    words = str(told)[:_WORDS] or "it did not say why"
    status = HTTPStatus(answer.status_code)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        status = HTTPStatus.BAD_GATEWAY
    return Refusal(status, f"Airflow refused: {words}")


def _calls(request: Request) -> AirflowCalls:
    headers = {}
    if authorization := bearer_of(request):
        headers["Authorization"] = authorization
    elif token := request.cookies.get(COOKIE_NAME_JWT_TOKEN):
        headers["Authorization"] = f"Bearer {token}"
    return AirflowCalls(headers)


AirflowCallsDep = Annotated[AirflowCalls, Depends(_calls)]
