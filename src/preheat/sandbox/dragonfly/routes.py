"""The manager's open API: jobs and clusters (dragonfly: manager/router/router.go, handlers)."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import PlainTextResponse

from preheat.sandbox.dragonfly.answers import errors_twice, go_json, link, message, wrong
from preheat.sandbox.dragonfly.distribution import Distribution
from preheat.sandbox.dragonfly.listing import read_query
from preheat.sandbox.dragonfly.maintenance import collect_garbage, sync_peers
from preheat.sandbox.dragonfly.service import JobService, ServiceError
from preheat.sandbox.dragonfly.store import BIO_LENGTH
from preheat.sandbox.dragonfly.tokens import Refusal
from preheat.sandbox.dragonfly.validation import (
    BadRequest,
    check_args,
    decode,
    failed,
    parse_uint,
    read_envelope,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from preheat.sandbox.dragonfly.jobs import Job
    from preheat.sandbox.dragonfly.state import DragonflyState
    from preheat.sandbox.dragonfly.validation import Envelope

__all__ = ["answer_refusal", "build_router"]


def build_router(state: DragonflyState, service: JobService) -> APIRouter:
    """Lay the routes; on managers up to v2.4.0 jobs are also open to anyone (CVE-2026-24124)."""
    router = APIRouter()
    jobs, clusters = JobRoutes(state, service), ClusterRoutes(state)
    doors = {"/oapi/v1/jobs": [Depends(_door(state, "job"))]}
    if state.settings.is_legacy:
        doors["/api/v1/jobs"] = []
    for path, door in doors.items():
        one = path + "/{job_id}"
        router.add_api_route(path, jobs.create, methods=["POST"], dependencies=door)
        router.add_api_route(path, jobs.list, methods=["GET"], dependencies=door)
        router.add_api_route(one, jobs.get, methods=["GET"], dependencies=door)
        router.add_api_route(one, jobs.update, methods=["PATCH"], dependencies=door)
        router.add_api_route(one, jobs.delete, methods=["DELETE"], dependencies=door)
    door = [Depends(_door(state, "cluster"))]
    router.add_api_route("/oapi/v1/clusters", clusters.list, methods=["GET"], dependencies=door)
    router.add_api_route(
        "/oapi/v1/clusters/{cluster_id}", clusters.get, methods=["GET"], dependencies=door
    )
    return router


def _door(state: DragonflyState, scope: str) -> Callable[[Request], Any]:
    async def check(request: Request) -> None:
        scheme, _, value = request.headers.get("Authorization", "").partition(" ")
        token = value if scheme.lower() == "bearer" else None
        state.tokens.check(token or request.query_params.get("access_token"), scope)

    return check


class JobRoutes:
    """Handlers of ``/jobs``."""

    def __init__(self, state: DragonflyState, service: JobService) -> None:
        self._state = state
        self._service = service
        self._distribution = Distribution(state, service)

    async def create(self, request: Request) -> Response:
        """Rate limit, validate, then do what the type says."""
        try:
            envelope = read_envelope(await request.body())
        except BadRequest as error:
            return errors_twice(str(error))
        limited = self._state.redis_is_down and envelope.scheduler_cluster_ids
        if limited or not self._state.limiter.take(envelope.scheduler_cluster_ids):
            return PlainTextResponse("rate limit exceeded", HTTPStatus.TOO_MANY_REQUESTS)
        check_args(envelope.type, envelope.args)
        return await self._create(envelope)

    async def _create(self, envelope: Envelope) -> Response:
        match envelope.type:
            case "preheat":
                job = await run_in_threadpool(self._service.create_preheat, envelope)
            case "get_task" | "delete_task":
                _check_task_args(envelope)
                job = await run_in_threadpool(self._service.create_task_job, envelope)
            case "get_image_distribution":
                return go_json(await self._distribution.answer(envelope))
            case "sync_peers":
                return go_json(await sync_peers(self._state))
            case _:
                return go_json(await collect_garbage(self._state, envelope))
        return go_json(job.created_row())

    async def list(self, request: Request) -> Response:
        """List rows, newest first."""
        query = read_query(request.query_params)
        now = self._state.clock.monotonic()
        rows = [job for job in self._state.jobs.newest_first() if query.accepts(job, now)]
        page = rows[query.start : query.start + query.per_page]
        self._state.jobs.check_readable(page)
        path, shown = request.url.path, dict(request.query_params)
        header = link(path, shown, query.page, query.per_page, len(rows))
        body = [job.row(job.look(now), is_listed=True) for job in page]
        return go_json(body, headers={"Link": header})

    async def get(self, job_id: str) -> Response:
        """Read one row."""
        return self._row(self._state.jobs.get(_job_id(job_id)))

    async def update(self, job_id: str, request: Request) -> Response:
        """Change ``bio`` and ``user_id``; zero values and all else are not written."""
        number = _job_id(job_id)
        body = decode(await request.body())
        job = self._state.jobs.get(number)
        bio, user_id = body.get("bio") or "", body.get("user_id") or 0
        if len(bio) > BIO_LENGTH:
            return message(HTTPStatus.INTERNAL_SERVER_ERROR, "Internal Server Error")
        job.bio, job.user_id = bio or job.bio, user_id or job.user_id
        job.updated = self._state.clock.now()
        return self._row(job)

    async def delete(self, job_id: str) -> Response:
        """Delete one row; nothing is cancelled."""
        self._state.jobs.delete(_job_id(job_id))
        return Response()

    def _row(self, job: Job) -> Response:
        look = job.look(self._state.clock.monotonic())
        return go_json(job.row(look, is_listed=False))


class ClusterRoutes:
    """Handlers of ``/clusters``."""

    def __init__(self, state: DragonflyState) -> None:
        self._state = state

    async def list(self, request: Request) -> Response:
        """List clusters, filtered by exact name."""
        query = read_query(request.query_params)
        name = request.query_params.get("name")
        rows = [item.row() for item in self._state.clusters.values() if name in {None, item.name}]
        page = rows[query.start : query.start + query.per_page]
        path, shown = request.url.path, dict(request.query_params)
        header = link(path, shown, query.page, query.per_page, len(rows))
        return go_json(page, headers={"Link": header})

    async def get(self, cluster_id: str) -> Response:
        """Read one cluster."""
        found = self._state.clusters.get(parse_uint(cluster_id))
        if found is None:
            return message(HTTPStatus.NOT_FOUND, "record not found")
        return go_json(found.row())


def _job_id(text: str) -> int:
    number = parse_uint(text)
    if number == 0:
        raise BadRequest(failed("JobParams.ID", "required"))
    return number


def _check_task_args(envelope: Envelope) -> None:
    names = ("task_id", "content_for_calculating_task_id", "url")
    if not any(envelope.args.get(name) for name in names):
        raise BadRequest(f"invalid params: {names[0]}, {names[1]} or {names[2]} is required")


async def answer_refusal(_: Request, error: Exception) -> Response:
    """Turn the domain's exceptions into the manager's answers."""
    if isinstance(error, Refusal):
        return message(error.status, error.message)
    if isinstance(error, BadRequest):
        return wrong(str(error))
    if isinstance(error, ServiceError):
        return message(HTTPStatus.INTERNAL_SERVER_ERROR, str(error))
    return message(HTTPStatus.NOT_FOUND, "record not found")
