"""The manager as one FastAPI application."""

from __future__ import annotations

from datetime import UTC
from email.utils import format_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException
from starlette.routing import Match

from preheat.sandbox.dragonfly.answers import moved
from preheat.sandbox.dragonfly.console import build_console_router
from preheat.sandbox.dragonfly.control import build_control_router
from preheat.sandbox.dragonfly.legacy import build_legacy_router, build_public_router
from preheat.sandbox.dragonfly.routes import answer_refusal, build_router
from preheat.sandbox.dragonfly.service import JobService, ServiceError
from preheat.sandbox.dragonfly.store import NotFound
from preheat.sandbox.dragonfly.tokens import Refusal
from preheat.sandbox.dragonfly.validation import BadRequest

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from preheat.sandbox.dragonfly.settings import Clock
    from preheat.sandbox.dragonfly.state import DragonflyState

__all__ = ["create_app"]


def create_app(state: DragonflyState) -> FastAPI:
    """Build the application over a state; answers gzip never and knows no swagger pages."""
    app = FastAPI(openapi_url=None, redirect_slashes=False)
    service = JobService(state)
    app.include_router(build_control_router(state))
    app.include_router(build_console_router(state))
    app.include_router(build_router(state, service))
    if state.settings.is_legacy:
        app.include_router(build_legacy_router(state, service))
    app.include_router(build_public_router())
    for refusal in (Refusal, BadRequest, ServiceError, NotFound):
        app.add_exception_handler(refusal, answer_refusal)
    app.add_exception_handler(HTTPException, _redirect)

    app.add_middleware(_Stamp, clock=state.clock)
    return app


class _Stamp:
    """Puts the manager's own time and address on every answer.

    :param clock: the clock that rows are written by, so that ``Date`` and rows agree.
    """

    def __init__(self, app: ASGIApp, clock: Clock) -> None:
        self._app = app
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def stamped(sent: Message) -> None:
            if sent["type"] == "http.response.start":
                now = format_datetime(self._clock.now().astimezone(UTC), usegmt=True)
                stamps = [(b"date", now.encode()), (b"x-server-ip", b"10.77.0.1")]
                sent = {**sent, "headers": [*sent["headers"], *stamps]}
            await send(sent)

        await self._app(scope, receive, stamped)


async def _redirect(request: Request, error: Exception) -> Response:
    """Send unknown routes to ``/`` and a trailing slash to the path without it, as gin does."""
    status = error.status_code if isinstance(error, HTTPException) else 0
    path, method = request.url.path, request.method
    if path.startswith("/sandbox/"):
        detail = error.detail if isinstance(error, HTTPException) else ""
        return Response(str(detail), status_code=status)
    bare = path.rstrip("/")
    if status == HTTPStatus.NOT_FOUND and bare != path and bare and _exists(request, bare):
        return moved(301 if method == "GET" else 307, bare, method)
    return moved(301, "/", method)


def _exists(request: Request, path: str) -> bool:
    scope = {**request.scope, "path": path}
    return any(route.matches(scope)[0] is Match.FULL for route in request.app.routes)
