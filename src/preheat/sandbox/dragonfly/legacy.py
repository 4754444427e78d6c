"""Routes without a token: health, console, JWT doors, and what v2.4.1 removed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse

from preheat.sandbox.dragonfly.answers import go_json, message
from preheat.sandbox.dragonfly.service import JobService
from preheat.sandbox.dragonfly.settings import go_time
from preheat.sandbox.dragonfly.validation import (
    BadRequest,
    Envelope,
    check_args,
    decode,
    failed,
    parse_uint,
)

if TYPE_CHECKING:
    from preheat.sandbox.dragonfly.state import DragonflyState

__all__ = ["build_legacy_router", "build_public_router"]

_JWT_ROUTES = (
    "jobs",
    "clusters",
    "users",
    "schedulers",
    "scheduler-clusters",
    "seed-peers",
    "seed-peer-clusters",
    "peers",
    "configs",
    "applications",
    "personal-access-tokens",
    "audits",
)
_STATUS = {"SUCCESS": "SUCCESS", "FAILURE": "FAIL"}


def build_public_router() -> APIRouter:
    """Lay health, a console page, and the JWT routes, which refuse everybody here."""
    router = APIRouter()

    @router.get("/healthy")
    async def healthy() -> Response:
        return go_json("OK")

    @router.get("/")
    async def console() -> Response:
        return HTMLResponse("<!doctype html><title>Dragonfly sandbox</title>")

    async def refuse() -> Response:
        return message(401, "Unauthorized")

    for name in _JWT_ROUTES:
        router.add_api_route(f"/api/v1/{name}", refuse, methods=["GET", "POST"])
    return router


def build_legacy_router(state: DragonflyState, service: JobService) -> APIRouter:
    """Lay ``/_ping`` and ``/preheats``, open to anyone up to v2.4.0."""
    router = APIRouter()

    @router.get("/_ping")
    async def ping() -> Response:
        return go_json("OK")

    @router.post("/preheats")
    async def create(request: Request) -> Response:
        body = decode(await request.body())
        if not body.get("type") or not body.get("url"):
            missing = "Type" if not body.get("type") else "URL"
            raise BadRequest(failed(f"CreateV1PreheatRequest.{missing}", "required"))
        names = ("type", "url", "headers")
        args = {name: body[name] for name in names if body.get(name)}
        check_args("preheat", args)
        envelope = replace(Envelope("preheat"), args=args)
        job = await run_in_threadpool(service.create_preheat, envelope)
        return go_json({"id": str(job.id)})

    @router.get("/preheats/{job_id}")
    async def get(job_id: str) -> Response:
        job = state.jobs.get(parse_uint(job_id))
        look = job.look(state.clock.monotonic())
        shown: dict[str, Any] = {
            "id": str(job.id),
            "status": _STATUS.get(look.state, "RUNNING"),
            "startTime": go_time(job.created),
            "finishTime": job.row(look, is_listed=True)["updated_at"],
        }
        return go_json(shown)

    return router
