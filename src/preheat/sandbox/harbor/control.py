"""Control routes of the stand-in under ``/sandbox``: no part of Harbor, no credentials needed."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request
from pydantic import Field

from preheat.sandbox.harbor.events import By
from preheat.sandbox.harbor.images import ImageSpec, generate_sbom, push_image, sign
from preheat.sandbox.harbor.orders import (
    Deed,
    Order,
    Reference,
    State,
    described,
    ensure_project,
)
from preheat.sandbox.harbor.rows import Artifact
from preheat.sandbox.harbor.scans import make_scan
from preheat.sandbox.harbor.state import HarborState

__all__ = ["router"]

router = APIRouter(prefix="/sandbox")
PlatformName = Annotated[str, Field(pattern=r"^[a-z0-9]+/[a-z0-9_]+(/[a-z0-9]+)?$")]


class BlobOrder(Order):
    """The state to put a blob into."""

    state: Literal["ok", "missing", "unreadable"]


class ImageOrder(Deed):
    """An image to push.

    ``layers`` are sizes in bytes; the same seed gives the same digest.
    """

    repository: str
    tags: list[str] = Field(default_factory=list)
    platforms: list[PlatformName] = Field(default=["linux/amd64"], min_length=1)
    seed: str = ""
    layers: list[int] = Field(default_factory=list)
    signed: bool = False
    labels: list[str] = Field(default_factory=list)


class TagOrder(Reference):
    """A tag to set or move to the referenced artifact.

    A new tag is set as the API sets it, which no webhook tells of, unless it is ``pushed``; to move
    one takes a push anyway.
    """

    tag: str
    pushed: bool = False


class LabelOrder(Reference):
    """A global label to put on, made if need be, or to take off."""

    label: str
    remove: bool = False


class ScanOrder(Reference):
    """The outcome of a scan: numbers of vulnerabilities by severity, or ids with severities."""

    counts: dict[str, int] = Field(default_factory=dict)
    cves: dict[str, str] = Field(default_factory=dict)
    status: str = "Success"


class SignatureOrder(Reference):
    """A signature to attach: cosign's under a tag ``sha256-….sig``, or as a referrer."""

    kind: Literal["signature.cosign", "signature.notation"] = "signature.cosign"
    scheme: Literal["tag", "referrer"] = "tag"


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
    return described(state.find(repository, reference))


@router.post("/images", status_code=201)
async def push(state: State, order: ImageOrder) -> dict[str, Any]:
    """Push an image; its project is made if need be."""
    ensure_project(state, order.repository, order.by)
    seed = order.seed or f"{order.repository}:{','.join(order.tags)}"
    layers = tuple((f"{seed} layer {i}", size) for i, size in enumerate(order.layers))
    spec = ImageSpec(seed, platforms=order.platforms)
    spec = ImageSpec(seed, layers, order.platforms) if layers else spec
    artifact = push_image(state, order.repository, spec, tags=order.tags, by=order.by)
    for name in order.labels:
        _label(state, artifact, name)
    if order.signed:
        sign(state, artifact, by=order.by)
    return described(artifact)


@router.post("/tags")
async def set_tag(state: State, order: TagOrder) -> dict[str, Any]:
    """Set a tag or move it."""
    artifact = state.find(order.repository, order.reference)
    if order.pushed:
        state.push(order.repository, artifact.recipe, tags=[order.tag], by=order.by)
    else:
        state.tag(artifact, order.tag, by=order.by)
    return described(artifact)


@router.delete("/tags")
async def remove_tag(
    state: State, repository: str, tag: str, operator: str = "admin"
) -> dict[str, Any]:
    """Delete a tag."""
    artifact = state.find(repository, tag)
    state.untag(artifact, tag, by=By(operator))
    return described(artifact)


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
    return described(artifact)


@router.post("/scans")
async def set_scan(state: State, order: ScanOrder) -> dict[str, Any]:
    """Record the outcome of a scan; of an index those of its children."""
    artifact = state.find(order.repository, order.reference)
    scan = make_scan(order.counts, state.now(), status=order.status, cves=order.cves)
    state.set_scan(artifact, scan, by=order.by)
    return described(artifact)


@router.post("/signatures")
async def set_signature(state: State, order: SignatureOrder) -> dict[str, Any]:
    """Sign an artifact."""
    artifact = state.find(order.repository, order.reference)
    by_tag = order.scheme == "tag" and order.kind == "signature.cosign"
    sign(state, artifact, order.kind, by=order.by, by_tag=by_tag)
    return described(artifact)


@router.post("/sboms")
async def make_sbom(state: State, order: Reference) -> dict[str, Any]:
    """Have the scanner make an SBOM of an artifact."""
    artifact = state.find(order.repository, order.reference)
    return described(generate_sbom(state, artifact, by=order.by))


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
