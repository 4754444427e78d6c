"""The Harbor stand-in as one ASGI application."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route

from preheat.sandbox.harbor import (
    artifact_routes,
    audit_routes,
    bulk_control,
    control,
    event_control,
    portal,
    preheat_routes,
    project_routes,
    registry_routes,
    robot_routes,
    system_routes,
    token_service,
    vetting_routes,
    webhook_routes,
)
from preheat.sandbox.harbor.edge import Edge, error_body
from preheat.sandbox.harbor.errors import HarborError, not_found

if TYPE_CHECKING:
    from preheat.sandbox.harbor.state import HarborState

__all__ = ["create_app"]

JSON = "application/json; charset=utf-8"
_METHODS = ("HEAD", "GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


def create_app(state: HarborState) -> FastAPI:
    """Build the stand-in over a state, which tests may go on changing.

    :param state: what it serves.
    """
    app = FastAPI(
        title="Harbor stand-in",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
    )
    app.state.harbor = state
    for module in (
        control,
        bulk_control,
        event_control,
        portal,
        system_routes,
        project_routes,
        artifact_routes,
        vetting_routes,
        preheat_routes,
        webhook_routes,
        audit_routes,
        robot_routes,
        token_service,
        registry_routes,
    ):
        app.include_router(module.router)
    app.add_middleware(Edge, state=state)
    app.add_exception_handler(HarborError, _refuse)
    app.add_exception_handler(HTTPException, _unrouted)
    return app


def _refuse(_: Request, error: Exception) -> Response:
    """Answer with Harbor's error body."""
    assert isinstance(error, HarborError)  # noqa: S101 - registered for this class only
    headers = {"content-type": JSON, **error.headers}
    return Response(error_body(error), error.status, headers)


def _unrouted(request: Request, error: Exception) -> Response:
    """Answer where no route is (recorded: unknown-route, method-not-allowed)."""
    status = error.status_code if isinstance(error, HTTPException) else HTTPStatus.NOT_FOUND
    if status != HTTPStatus.METHOD_NOT_ALLOWED:
        return _refuse(request, not_found(f"path {request.url.path} was not found"))
    allowed = {
        method
        for route in request.app.routes
        if isinstance(route, Route) and route.matches(request.scope)[0] is not Match.NONE
        for method in route.methods or ()
    }
    told = ",".join(sorted(allowed, key=_METHODS.index))
    message = f"method {request.method} is not allowed, but [{told}] are"
    return _refuse(request, HarborError(status, "METHOD_NOT_ALLOWED", message))
