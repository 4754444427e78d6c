"""The app that Airflow's API server mounts at ``/preheat``."""

from __future__ import annotations

import gc
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import FastAPI, Request, Response, Security

from preheat import __version__
from preheat.web import PREFIX
from preheat.web.api import make_router
from preheat.web.contract import AUTHORIZATION, REQUEST_BODY, RESPONSES, Counts
from preheat.web.document import document_of
from preheat.web.failing import add_handlers
from preheat.web.headers import SafeHeaders
from preheat.web.pages import make_pages
from preheat.web.pages.choices import Choices
from preheat.web.pages.looking import PeerLooks
from preheat.web.webhook import Webhook

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

__all__ = ["PREFIX", "make_app"]


def make_app() -> FastAPI:
    """Make the app; nothing of it runs before the server's processes are there."""
    webhook = Webhook()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        _spare_what_stays()
        webhook.start()
        yield
        app.state.looks.close()
        await webhook.close()

    app = FastAPI(
        title="Preheat",
        version=__version__,
        lifespan=lifespan,
        # The pages would come from a CDN; the document has a route of its own, with a login.
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
    )
    app.add_middleware(SafeHeaders)
    add_handlers(app)
    app.state.looks = PeerLooks()
    app.state.choices = Choices()
    app.include_router(make_router())
    app.include_router(make_pages())

    @app.post(
        "/webhooks/harbor/{connection_id}",
        status_code=HTTPStatus.ACCEPTED,
        summary="Take a delivery of one Harbor",
        operation_id="take_harbor_delivery",
        response_model=Counts,
        responses=RESPONSES,
        openapi_extra={"requestBody": REQUEST_BODY},
        # For the document only: the webhook looks for itself, before it reads anything.
        dependencies=[Security(AUTHORIZATION)],
    )
    async def take_harbor_delivery(request: Request, connection_id: str) -> Response:
        """Keep what Harbor's webhook tells; an event starts nothing that no policy names."""
        return await webhook.take(request, connection_id)

    @app.get("/openapi.json", summary="This document", operation_id="read_openapi")
    async def read_openapi(request: Request, _: GetUserDep) -> dict[str, Any]:
        """Describe this API, to whoever is logged in to Airflow."""
        return {**document_of(app), "servers": [{"url": request.scope.get("root_path", "")}]}

    return app


def _spare_what_stays() -> None:
    """Keep the garbage collector from looking through all that was imported, again and again.

    It stopped the API server for half a second after every 2,000 deliveries.
    """
    if not gc.get_freeze_count():  # nobody else has done so
        gc.collect()
        gc.freeze()
