"""``/sandbox/...`` on the manager's port: look behind the curtain and break things."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, ConfigDict

from preheat.sandbox.dragonfly.clusters import ClusterSpec
from preheat.sandbox.dragonfly.peers import PeerState
from preheat.sandbox.dragonfly.store import NotFound
from preheat.sandbox.dragonfly.tokens import Token

if TYPE_CHECKING:
    from preheat.sandbox.dragonfly.jobs import Job
    from preheat.sandbox.dragonfly.peers import Peer
    from preheat.sandbox.dragonfly.state import DragonflyState

__all__ = ["build_control_router"]


class _Order(BaseModel):
    """A control request; unknown keys are refused so that a typo is not a silent no."""

    model_config = ConfigDict(extra="forbid")


class PeerOrder(_Order):
    """What shall become of a peer; see :meth:`DragonflyState.set_peer`."""

    state: PeerState | None = None
    delay_seconds: float | None = None
    keep: bool = False
    settle: bool = False
    wipe: bool = False


class JobOrder(_Order):
    """What a row shall show."""

    state: Literal["PENDING", "SUCCESS", "FAILURE"]
    error: str = ""


class ExpireOrder(_Order):
    """Which rows shall vanish; none named means all."""

    ids: list[int] | None = None


class ClusterOrder(_Order):
    """A cluster to add; the rate limiter learns of it after 3 min unless ``at_once``."""

    id: int
    name: str
    seeds: list[str] = []
    peers: list[str] = []
    has_scheduler: bool = True
    at_once: bool = False


class SchedulerOrder(_Order):
    """Stop or start the scheduler of a cluster."""

    state: Literal["up", "down"]


class OutageOrder(_Order):
    """Take the manager's database or Redis away, or give it back."""

    database: bool | None = None
    redis: bool | None = None


class SettingsOrder(_Order):
    """Change knobs while the manager runs."""

    job_rate_limit: int | None = None
    seed_capacity: int | None = None


class AdvanceOrder(_Order):
    """How many manager seconds shall pass at once."""

    seconds: float


class TokenOrder(_Order):
    """A personal access token to add or replace."""

    token: str
    scopes: list[str] = []
    active: bool = True
    expires: datetime | None = None


def build_control_router(state: DragonflyState) -> APIRouter:
    """Lay the control routes; they need no token and know no faults."""
    router = APIRouter(prefix="/sandbox")
    _add_peers(router, state)
    _add_jobs(router, state)
    _add_clusters(router, state)
    _add_outages(router, state)
    _add_settings(router, state)
    return router


def _add_peers(router: APIRouter, state: DragonflyState) -> None:
    @router.get("/peers")
    async def peers() -> list[dict[str, Any]]:
        return [_peer(peer) for peer in state.peers]

    @router.post("/peers/{ip}")
    async def change(ip: str, order: PeerOrder) -> dict[str, Any]:
        try:
            peer = state.peer(ip)
        except KeyError as error:
            raise HTTPException(404, f"no peer {ip}") from error
        if order.wipe:
            peer.wipe()
        if order.delay_seconds is not None:
            peer.delay_seconds = order.delay_seconds
        state.set_peer(ip, order.state or peer.state, keep=order.keep, settle=order.settle)
        return _peer(peer)


def _add_jobs(router: APIRouter, state: DragonflyState) -> None:
    @router.get("/jobs")
    async def jobs() -> dict[str, Any]:
        now = state.clock.monotonic()
        rows = [_job(job, now) for job in state.jobs.newest_first()]
        return {"states": Counter(row["state"] for row in rows), "jobs": rows}

    @router.post("/jobs/{job_id}")
    async def force(job_id: int, order: JobOrder) -> dict[str, Any]:
        try:
            state.force(job_id, order.state, order.error)
            return _job(state.jobs.get(job_id), state.clock.monotonic())
        except NotFound as error:
            raise HTTPException(404, f"no job {job_id}") from error

    @router.post("/restart")
    async def restart() -> dict[str, str]:
        state.restart()
        return {"restarted": "jobs under way stay pending for ever"}

    @router.post("/expire")
    async def expire(order: ExpireOrder | None = None) -> dict[str, int]:
        return {"expired": state.jobs.expire(order.ids if order else None)}


def _add_clusters(router: APIRouter, state: DragonflyState) -> None:
    @router.post("/clusters")
    async def add_cluster(order: ClusterOrder) -> dict[str, Any]:
        spec = ClusterSpec(
            order.id, order.name, tuple(order.seeds), tuple(order.peers), order.has_scheduler
        )
        return state.add_cluster(spec, at_once=order.at_once).row()

    @router.post("/schedulers/{cluster_id}")
    async def scheduler(cluster_id: int, order: SchedulerOrder) -> dict[str, Any]:
        if cluster_id not in state.clusters:
            raise HTTPException(404, f"no cluster {cluster_id}")
        state.set_scheduler(cluster_id, is_up=order.state == "up")
        return {"cluster": cluster_id, "scheduler": order.state}


def _add_outages(router: APIRouter, state: DragonflyState) -> None:
    @router.post("/outage")
    async def outage(order: OutageOrder) -> dict[str, bool]:
        if order.database is not None:
            state.tokens.database_is_down = order.database
        if order.redis is not None:
            state.redis_is_down = order.redis
        return {"database": state.tokens.database_is_down, "redis": state.redis_is_down}


def _add_settings(router: APIRouter, state: DragonflyState) -> None:
    @router.post("/settings")
    async def settings(order: SettingsOrder) -> dict[str, Any]:
        if order.job_rate_limit is not None:
            for cluster_id in state.clusters:
                state.set_rate(cluster_id, order.job_rate_limit)
        if "seed_capacity" in order.model_fields_set:
            state.settings.seed_capacity = order.seed_capacity
        return order.model_dump(exclude_unset=True)

    @router.post("/advance")
    def advance(order: AdvanceOrder) -> dict[str, str]:
        state.advance(order.seconds)
        return {"now": state.clock.now().isoformat()}

    @router.post("/tokens")
    async def add_token(order: TokenOrder) -> dict[str, Any]:
        state.tokens.add(Token(order.token, tuple(order.scopes), order.active, order.expires))
        return order.model_dump(exclude={"token"}, mode="json")


def _peer(peer: Peer) -> dict[str, Any]:
    return {
        "ip": peer.ip,
        "hostname": peer.hostname,
        "kind": "seed" if peer.kind == "super" else "normal",
        "cluster": peer.cluster_id,
        "state": str(peer.state),
        "copies": [copy.shown() for copy in list(peer.copies.values())],
    }


def _job(job: Job, now: float) -> dict[str, Any]:
    return {
        "id": job.id,
        "type": job.type,
        "bio": job.bio,
        "url": job.args.get("url", ""),
        "clusters": [task.cluster_id for task in job.tasks],
        "state": job.look(now).state,
        "work_ended": all(task.ended is not None for task in job.tasks),
        "errors": [task.outcome.error for task in job.tasks if task.outcome and task.outcome.error],
    }
