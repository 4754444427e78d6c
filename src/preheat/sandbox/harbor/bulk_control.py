"""Control routes for many images at once, for copies, and for what goes away."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import Field

from preheat.sandbox.harbor.copying import copy_artifact
from preheat.sandbox.harbor.events import By
from preheat.sandbox.harbor.images import ImageSpec, push_image
from preheat.sandbox.harbor.orders import Deed, Reference, State, described, ensure_project
from preheat.sandbox.harbor.retention import retain

__all__ = ["router"]

router = APIRouter(prefix="/sandbox")


class BurstOrder(Deed):
    """Many small images to push into one repository, with the tags ``v1``, ``v2`` and so on."""

    repository: str
    count: int = Field(ge=1, le=1000)
    first: int = 1


class CopyOrder(Reference):
    """An artifact to copy into another repository."""

    target: str


class RetentionOrder(Deed):
    """A repository of which only the last pushed artifacts shall stay."""

    repository: str
    keep: int = Field(ge=0)


@router.delete("/images")
async def delete_image(
    state: State, repository: str, reference: str, operator: str = "admin"
) -> dict[str, str]:
    """Delete an artifact."""
    artifact = state.find(repository, reference)
    state.delete(artifact, by=By(operator))
    return {"repository": repository, "digest": artifact.digest}


@router.post("/bursts", status_code=201)
async def push_many(state: State, order: BurstOrder) -> list[dict[str, str]]:
    """Push many images as fast as it goes; their project is made if need be."""
    ensure_project(state, order.repository, order.by)
    pushed = []
    for number in range(order.first, order.first + order.count):
        tag = f"v{number}"
        spec = ImageSpec(f"{order.repository}:{tag}", (("burst", 1000), (f"burst {tag}", 100)))
        artifact = push_image(state, order.repository, spec, tags=[tag], by=order.by)
        pushed.append({"tag": tag, "digest": artifact.digest})
    return pushed


@router.post("/copies", status_code=201)
async def copy(state: State, order: CopyOrder) -> dict[str, Any]:
    """Copy an artifact; the target's project is made if need be."""
    ensure_project(state, order.target, order.by)
    source = state.find(order.repository, order.reference)
    return described(copy_artifact(state, source, order.target, by=order.by))


@router.delete("/repositories")
async def delete_repository(
    state: State, repository: str, operator: str = "admin"
) -> dict[str, str]:
    """Delete a repository with all its artifacts."""
    state.delete_repository(repository, by=By(operator))
    return {"repository": repository}


@router.post("/retentions")
async def run_retention(state: State, order: RetentionOrder) -> dict[str, list[str]]:
    """Delete all but the last pushed artifacts of a repository."""
    return {"deleted": retain(state, order.repository, order.keep, by=order.by)}
