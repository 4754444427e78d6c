"""The app and its own document; each route says who may call it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import FastAPI
from fastapi.responses import JSONResponse

from preheat import __version__
from preheat.web import webhook
from preheat.web.problem import SAFE_HEADERS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request
    from starlette.responses import Response

__all__ = ["PREFIX", "make_app"]

PREFIX = "/preheat"


def make_app() -> FastAPI:
    """Make the app; nothing is connected yet.

    There are no pages of FastAPI's own: they load scripts from elsewhere, and show everybody the
    document, which here is for whoever is logged in to Airflow.
    """
    app = FastAPI(
        title="Preheat",
        version=__version__,
        description="Makes container images warm in Dragonfly before anyone pulls them.",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
    )
    app.middleware("http")(_safely)
    app.include_router(webhook.router)
    app.get("/openapi.json", include_in_schema=False)(_document)
    return app


async def _safely(
    request: Request, call_next: Callable[[Request], Awaitable[Response]]
) -> Response:
    response = await call_next(request)
    for name, value in SAFE_HEADERS.items():
        response.headers.setdefault(name, value)
    return response


async def _document(request: Request, user: GetUserDep) -> JSONResponse:
    """Give the OpenAPI document to a user of Airflow."""
    del user
    app: Any = request.app
    return JSONResponse({**app.openapi(), "servers": [{"url": PREFIX}]})
