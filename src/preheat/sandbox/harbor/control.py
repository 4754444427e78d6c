"""Control routes of the stand-in under ``/sandbox``: no part of Harbor, no credentials needed."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field

from preheat.sandbox.harbor.call import state_of
from preheat.sandbox.harbor.images import ImageSpec, push_image, sign
from preheat.sandbox.harbor.recipes import IndexRecipe, ManifestRecipe
from preheat.sandbox.harbor.rows import Artifact
from preheat.sandbox.harbor.scans import make_scan
from preheat.sandbox.harbor.state import HarborState

__all__ = ["router"]

router = APIRouter(prefix="/sandbox")
State = Annotated[HarborState, Depends(state_of)]
PlatformName = Annotated[str, Field(pattern=r"^[a-z0-9]+/[a-z0-9_]+(/[a-z0-9]+)?$")]


class Order(BaseModel):
    """What all orders share: a misspelt key is refused, not ignored."""

    model_config = ConfigDict(extra="forbid")


class BlobOrder(Order):
    """The state to put a blob into."""

    state: Literal["ok", "missing", "unreadable"]


class ImageOrder(Order):
    """An image to push.

    ``layers`` are sizes in bytes; the same seed gives the same digest.
    """

    repository: str
    tags: list[str] = []
    platforms: list[PlatformName] = Field(default=["linux/amd64"], min_length=1)
    seed: str = ""
    layers: list[int] = []
    signed: bool = False
    labels: list[str] = []


class Reference(Order):
    """An artifact by repository and tag or digest."""

    repository: str
    reference: str


class TagOrder(Reference):
    """A tag to set or move to the referenced artifact."""

    tag: str


class LabelOrder(Reference):
    """A global label to put on, made if need be, or to take off."""

    label: str
    remove: bool = False


class ScanOrder(Reference):
    """The outcome of a scan: numbers of vulnerabilities by severity, or ids with severities."""

    counts: dict[str, int] = {}
    cves: dict[str, str] = {}
    status: str = "Success"


class SignatureOrder(Reference):
    """A signature to attach."""

    kind: str = "signature.cosign"


@router.post("/blobs/{digest}")
async def set_blob(state: State, digest: str, order: BlobOrder) -> dict[str, str]:
    """Make a blob missing, unreadable or well again."""
    state.set_blob(digest, order.state)
    return {"digest": digest, "state": order.state}


@router.get("/blobs")
async def broken_blobs(state: State) -> dict[str, str]:
    """Tell which blobs are broken."""
    return dict(state.contents.broken)


@router.get("/images")
async def describe(state: State, repository: str, reference: str) -> dict[str, Any]:
    """Tell what an image is made of, platform by platform."""
    return _described(state.find(repository, reference))


@router.post("/images", status_code=201)
async def push(state: State, order: ImageOrder) -> dict[str, Any]:
    """Push an image; its project is made if need be."""
    project = order.repository.partition("/")[0]
    if project not in state.projects:
        state.add_project(project)
    seed = order.seed or f"{order.repository}:{','.join(order.tags)}"
    layers = tuple((f"{seed} layer {i}", size) for i, size in enumerate(order.layers))
    spec = ImageSpec(seed, platforms=order.platforms)
    spec = ImageSpec(seed, layers, order.platforms) if layers else spec
    artifact = push_image(state, order.repository, spec, tags=order.tags)
    for name in order.labels:
        _label(state, artifact, name)
    if order.signed:
        sign(state, artifact)
    return _described(artifact)


@router.post("/tags")
async def set_tag(state: State, order: TagOrder) -> dict[str, Any]:
    """Set a tag or move it."""
    artifact = state.find(order.repository, order.reference)
    state.tag(artifact, order.tag)
    return _described(artifact)


@router.delete("/tags")
async def remove_tag(state: State, repository: str, tag: str) -> dict[str, Any]:
    """Delete a tag."""
    artifact = state.find(repository, tag)
    state.untag(artifact, tag)
    return _described(artifact)


@router.post("/labels")
async def set_label(state: State, order: LabelOrder) -> dict[str, Any]:
    """Put a label on or take it off."""
    artifact = state.find(order.repository, order.reference)
    if order.remove:
        for label in artifact.labels:
            if label.name == order.label:
                state.unlabel(artifact, label.id)
    else:
        _label(state, artifact, order.label)
    return _described(artifact)


@router.post("/scans")
async def set_scan(state: State, order: ScanOrder) -> dict[str, Any]:
    """Record the outcome of a scan."""
    artifact = state.find(order.repository, order.reference)
    scan = make_scan(order.counts, state.now(), status=order.status, cves=order.cves)
    state.set_scan(artifact, scan)
    return _described(artifact)


@router.post("/signatures")
async def set_signature(state: State, order: SignatureOrder) -> dict[str, Any]:
    """Sign an artifact."""
    artifact = state.find(order.repository, order.reference)
    sign(state, artifact, order.kind)
    return _described(artifact)


@router.get("/requests")
async def requests(state: State, request: Request) -> list[dict[str, Any]]:
    """Tell the access log, oldest first, all or of one ``peer=`` or ``path=`` prefix."""
    path, peer = request.query_params.get("path", ""), request.query_params.get("peer")
    return [
        access.to_json()
        for access in state.requests
        if access.path.startswith(path) and peer in {None, access.peer}
    ]


@router.delete("/requests")
async def forget_requests(state: State) -> dict[str, int]:
    """Clear the access log."""
    count = len(state.requests)
    state.requests.clear()
    return {"cleared": count}


def _label(state: HarborState, artifact: Artifact, name: str) -> None:
    label = next((x for x in state.labels.values() if x.name == name and not x.project_id), None)
    label = label or state.add_label(name)
    if label not in artifact.labels:
        state.label(artifact, label)


def _described(artifact: Artifact) -> dict[str, Any]:
    recipe = artifact.recipe
    told: dict[str, Any] = {
        "id": artifact.id,
        "repository": artifact.repository.name,
        "digest": artifact.digest,
        "tags": [tag.name for tag in artifact.tags],
        "labels": [label.name for label in artifact.labels],
    }
    if isinstance(recipe, ManifestRecipe):
        blobs = [(recipe.config, "config"), *((layer, "layer") for layer in recipe.layers)]
        told["blobs"] = [{"digest": b.digest, "size": b.size, "kind": kind} for b, kind in blobs]
    if isinstance(recipe, IndexRecipe):
        known = artifact.repository.by_digest
        told["platforms"] = {
            str(child.platform): _described(known[child.digest]) for child in recipe.children
        }
    return told
