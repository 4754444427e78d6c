"""One request to the API: its caller, its rights, its list parameters, and how to answer."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import unquote

import msgspec
from fastapi import Depends, Request, Response

from preheat.sandbox.harbor.accounts import ANONYMOUS, Caller, read_basic
from preheat.sandbox.harbor.edge import REQUEST_ID
from preheat.sandbox.harbor.errors import (
    HarborError,
    forbidden,
    not_found,
    unauthorized,
    unprocessable,
)
from preheat.sandbox.harbor.events import By
from preheat.sandbox.harbor.query import Query, parse_q
from preheat.sandbox.harbor.rows import Artifact, Project
from preheat.sandbox.harbor.state import HarborState

__all__ = ["Call", "Opened", "empty", "link_header", "listing", "reply", "text"]

LOGIN_PENALTY_SECONDS = 1.5
MAX_PAGE_SIZE = 100


class Call:
    """A request whose caller is known, or known to be nobody.

    :param state: the stand-in.
    :param request: the request as FastAPI has it.
    :param caller: the account behind it.
    """

    def __init__(self, state: HarborState, request: Request, caller: Caller) -> None:
        self.state = state
        self.request = request
        self.caller = caller

    def denied(self, message: str = "forbidden") -> HarborError:
        """Build the answer to somebody who may not: 401 if unknown, else 403."""
        return forbidden(message) if self.caller.known else unauthorized()

    def project(self, name_or_id: str, right: str) -> Project:
        """Find a project in which the caller holds a right.

        A missing project is 401 to nobody, 403 to somebody and 404 to the administrator.

        :raises HarborError: as said (harbor: src/server/v2.0/handler/base.go).
        """
        is_name = self.request.headers.get("x-is-resource-name", "").lower() == "true"
        name_or_id = unquote(name_or_id)
        project = self.state.project(name_or_id, is_name=is_name)
        if project is None:
            if self.caller.admin:
                raise not_found(f"project {name_or_id} not found")
            raise self.denied()
        if not self.caller.may(project, right):
            raise self.denied()
        return project

    def artifact(self, project: Project, repository: str, reference: str) -> Artifact:
        """Find an artifact by path values that are still encoded."""
        name = f"{project.name}/{unquote(unquote(repository))}"
        return self.state.find(name, unquote(unquote(reference)))

    def system(self, right: str) -> None:
        """Demand a right in the system; a refusal only names the caller.

        :raises HarborError: 401 or 403 (recorded: robot-create-forbidden).
        """
        if not self.caller.may_system(right):
            raise self.denied(self.caller.name)

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Read a boolean parameter."""
        value = self.request.query_params.get(name)
        return default if value is None else value.lower() in {"true", "1", "t"}

    def number(self, name: str, default: int) -> int:
        """Read a whole number.

        :raises HarborError: 422 in go-swagger's words.
        """
        value = self.request.query_params.get(name)
        try:
            return default if value in {None, ""} else int(str(value))
        except ValueError:
            raise unprocessable(f'{name} in query must be of type int64: "{value}"') from None

    def query(self) -> Query:
        """Read ``q``, ``sort``, ``page`` and ``page_size``.

        :raises HarborError: 422 above 100 rows, 400 for a broken ``q``.
        """
        size = self.number("page_size", 10)
        if size > MAX_PAGE_SIZE:
            raise unprocessable("page_size in query should be less than or equal to 100")
        params = self.request.query_params
        sort = tuple(key.strip() for key in params.get("sort", "").split(",") if key.strip())
        page = max(self.number("page", 1), 1)
        return Query(parse_q(params.get("q", "")), sort, page, size)

    def by(self, caller: Caller | None = None) -> By:
        """Say who does it, for those who hear of it.

        :param caller: whom a registry token speaks for, where that is not :attr:`caller`.
        """
        request_id = self.request.scope.get(REQUEST_ID) or str(uuid.uuid4())
        return By((caller or self.caller).name, request_id)

    async def body(self, name: str = "body") -> dict[str, Any]:
        """Read a JSON object.

        :raises HarborError: 422 without one.
        """
        try:
            body = await self.request.json()
        except ValueError:
            body = None
        if not isinstance(body, dict):
            raise unprocessable(f"{name} in body is required")
        return body


def state_of(request: Request) -> HarborState:
    """Give the state that the application was made with."""
    state = request.app.state.harbor
    assert isinstance(state, HarborState)  # noqa: S101 - set by create_app, one line above its use
    return state


async def open_call(request: Request) -> Call:
    """Find out who calls; a failed login costs time and goes on as nobody."""
    state = state_of(request)
    basic = read_basic(request.headers.get("authorization", ""))
    caller = state.accounts.identify(*basic) if basic else ANONYMOUS
    if basic and not caller.known:
        await asyncio.sleep(LOGIN_PENALTY_SECONDS * state.settings.delay_factor)
    return Call(state, request, caller)


Opened = Annotated[Call, Depends(open_call)]


def reply(
    body: object,
    *,
    status: int = HTTPStatus.OK,
    headers: Mapping[str, str] | None = None,
    content_type: str = "application/json",
) -> Response:
    """Answer with JSON; Go's encoder ends it with a newline."""
    return Response(
        msgspec.json.encode(body, order="sorted") + b"\n",
        status,
        {"content-type": content_type, **(headers or {})},
    )


def text(body: str, *, status: int = HTTPStatus.OK) -> Response:
    """Answer with plain text."""
    return Response(body, status, {"content-type": "text/plain; charset=utf-8"})


def empty(status: int = HTTPStatus.OK, headers: Mapping[str, str] | None = None) -> Response:
    """Answer without a body."""
    return Response(b"", status, dict(headers or {}))


def listing(call: Call, rows: list[Any], total: int, query: Query) -> Response:
    """Answer with a page of a list and its headers."""
    headers = {"x-total-count": str(total)}
    link = link_header(call.request, query, total)
    if link:
        headers["link"] = link
    return reply(rows, headers=headers)


def link_header(request: Request, query: Query, total: int) -> str:
    """Write the Link header: relative, keys sorted, query left un-escaped as Harbor does."""
    if query.size == 0:
        return ""  # but a size of -1 gives a link (recorded: project-artifacts-page-size-minus1)
    pages = []
    if query.page > 1 and (query.page - 2) * query.size < total:
        pages.append((query.page - 1, "prev"))
    if query.page * query.size < total:
        # a page 0 counts as before the first (recorded: project-artifacts-page-0)
        asked = request.query_params.get("page") == "0"
        pages.append((1 if asked else query.page + 1, "next"))
    params = dict(request.query_params)
    entries = []
    for page, relation in pages:
        told = params | {"page": str(page), "page_size": str(query.size)}
        query_text = "&".join(f"{key}={told[key]}" for key in sorted(told))
        entries.append(f'<{request.url.path}?{query_text}>; rel="{relation}"')
    return " , ".join(entries).encode().decode("latin-1")
