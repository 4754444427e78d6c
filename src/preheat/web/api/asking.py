"""How the API is asked: what a route takes, and nothing else."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any

from airflow.api_fastapi.core_api.security import bearer_scheme, get_user
from fastapi import Path, Query, Request, Response
from fastapi.dependencies.utils import get_flat_dependant
from fastapi.routing import APIRoute
from pydantic import Field

from preheat.web.bodies import read_body, unread
from preheat.web.refusing import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from starlette.types import Message

__all__ = [
    "MOST_ID",
    "CheckedRoute",
    "Id",
    "Line",
    "Name",
    "NameParameter",
    "RowId",
    "Text",
    "TextParameter",
]

MOST_ID = 2**63 - 1
"""The highest id that a database has."""

_NO_NUL = r"^[^\x00]*$"  # PostgreSQL takes none
_NO_BREAK = r"^[^\x00-\x1f\x7f]+$"
_LONGEST = 255
_LONGEST_NAME = 250

RowId = Annotated[int, Field(ge=1, le=MOST_ID)]
Id = Annotated[int, Path(ge=1, le=MOST_ID)]
Text = Annotated[str, Field(max_length=_LONGEST, pattern=_NO_NUL)]
Line = Annotated[str, Field(min_length=1, max_length=_LONGEST, pattern=_NO_BREAK)]
Name = Annotated[str, Field(min_length=1, max_length=_LONGEST_NAME, pattern=_NO_BREAK)]
TextParameter = Annotated[str, Query(max_length=_LONGEST, pattern=_NO_NUL)]
NameParameter = Annotated[str, Query(max_length=_LONGEST_NAME, pattern=_NO_NUL)]


class CheckedRoute(APIRoute):
    """A route that reads no more than we take, and refuses parameters that it does not know.

    Whoever misspells a filter would be shown all there is, and a deploy gate would say yes.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Look at a request before FastAPI does."""
        handle = super().get_route_handler()
        known = {field.alias for field in get_flat_dependant(self.dependant).query_params}

        async def checked(request: Request) -> Response:
            unknown = [name for name in dict.fromkeys(request.query_params) if name not in known]
            has_body = request.method == "POST"
            if unknown or has_body:
                await _log_in(request)
            if unknown:
                raise _unknown(unknown, known)
            if has_body:
                _require_json(request)
                request = Request(request.scope, _replayed(await read_body(request)))
            return await handle(request)

        return checked


async def _log_in(request: Request) -> None:
    """Refuse who is not logged in, before anything of his is read (401)."""
    await get_user(request, None, await bearer_scheme(request))


def _unknown(names: Sequence[str], known: set[str]) -> Refusal:
    problems = [
        {"path": f"query.{name}"[:_LONGEST], "message": "there is no such parameter here"}
        for name in names[:_LONGEST]
    ]
    listed = ", ".join(sorted(known)) or "none"
    detail = f"Something was asked for that this route does not know; it knows {listed}."
    return Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, detail, more={"problems": problems})


def _require_json(request: Request) -> None:
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != "application/json":
        raise Refusal(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "Only application/json is read here.",
            headers=unread(request),
        )


def _replayed(body: bytes) -> Callable[[], Coroutine[Any, Any, Message]]:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive
