"""Routes of artifacts, their tags, labels and accessories."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Final
from urllib.parse import unquote

from fastapi import APIRouter, Response

from preheat.sandbox.harbor.call import Call, Opened, empty, listing, reply
from preheat.sandbox.harbor.copying import copy_artifact
from preheat.sandbox.harbor.errors import bad_request, conflict, not_found, unauthorized
from preheat.sandbox.harbor.listing import list_artifacts
from preheat.sandbox.harbor.query import Column, Query
from preheat.sandbox.harbor.rows import Artifact, ArtifactIndex, Project
from preheat.sandbox.harbor.views import Detail, accessory_json, artifact_json, tag_json

__all__ = ["router"]

PROJECT: Final = "/api/v2.0/projects/{project}"
ARTIFACTS: Final = f"{PROJECT}/repositories/{{repository}}/artifacts"
ARTIFACT: Final = f"{ARTIFACTS}/{{reference}}"
TAGS: Final = {
    "id": Column("int", lambda t: t.id),
    "name": Column("str", lambda t: t.name),
    "repository_id": Column("int", lambda t: t.artifact.repository.id),
    "artifact_id": Column("int", lambda t: t.artifact.id),
    "push_time": Column("time", lambda t: t.push_time),
}
ACCESSORIES: Final = {
    "id": Column("int", lambda a: a.id),
    "type": Column("str", lambda a: a.type),
    "size": Column("int", lambda a: a.artifact.size),
    "digest": Column("str", lambda a: a.artifact.digest),
}
_TAG: Final = re.compile(r"[\w][\w.-]{0,127}", re.ASCII)
_FROM: Final = re.compile(r"([^@:]+)(?::([\w][\w.-]{0,127}))?(?:@(sha256:[0-9a-f]{64}))?")

router = APIRouter()


def _detail(call: Call) -> Detail:
    return Detail(
        tag=call.flag("with_tag", default=True),
        label=call.flag("with_label"),
        scan=call.flag("with_scan_overview"),
        accessory=call.flag("with_accessory"),
        accept=call.request.headers.get("x-accept-vulnerabilities", ""),
    )


def _page(call: Call, index: ArtifactIndex, query: Query) -> Response:
    rows, total = list_artifacts(call.state, index, query)
    detail, settings = _detail(call), call.state.settings
    return listing(call, [artifact_json(row, detail, settings) for row in rows], total, query)


@router.get(f"{PROJECT}/artifacts")
async def list_project_artifacts(call: Opened, project: str) -> Response:
    """List a whole project, since 2.12; never to nobody (recorded: …-anonymous-public)."""
    if not call.state.settings.at_least(2, 12):
        raise not_found(f"path {call.request.url.path} was not found")
    if not call.caller.known:
        raise unauthorized()
    found = call.project(project, "artifact:list")
    query = call.query()
    if call.flag("latest_in_repository"):
        return _latest(call, found, query)
    return _page(call, found.artifacts, query)


def _latest(call: Call, project: Project, query: Query) -> Response:
    """List the newest artifact of each repository, as unsafely as Harbor does.

    Recorded: project-artifacts-latest-in-repository: accessories and untagged ones count, other
    filters do not.
    """
    keys = [key for key in ("media_type", "artifact_type") if key in query.criteria]
    if len(keys) != 1:
        raise bad_request(
            "bad request: either 'media_type' or 'artifact_type' must be specified, but not both, "
            "when querying with latest_in_repository"
        )
    wanted = query.criteria[keys[0]]
    rows: list[Artifact] = []
    for repository in tuple(project.repositories.values()):
        found = [a for a in repository.by_digest.values() if getattr(a, keys[0]) == wanted]
        rows.extend(sorted(found, key=lambda a: (a.push_time, a.id))[-1:])
    start, end = query.slice(len(rows))
    shown = [artifact_json(a, _detail(call), call.state.settings) for a in rows[start:end]]
    return listing(call, shown, len(rows), query)


@router.get(ARTIFACTS)
async def list_repository_artifacts(call: Opened, project: str, repository: str) -> Response:
    """List one repository; a missing one is empty (recorded: artifacts-missing-repository)."""
    found = call.project(project, "artifact:list")
    name = f"{found.name}/{unquote(unquote(repository))}"
    here = found.repositories.get(name)
    return _page(call, here.artifacts if here else ArtifactIndex(), call.query())


@router.post(ARTIFACTS)
async def copy(call: Opened, project: str, repository: str) -> Response:
    """Copy an artifact here, told as a push (harbor: handler/artifact.go, CopyArtifact)."""
    found = call.project(project, "artifact:create")
    match = _FROM.fullmatch(source := call.request.query_params.get("from", ""))
    if match is None:
        raise bad_request(f"invalid input: {source}")
    name, tag, digest = match.groups()
    call.project(name.partition("/")[0], "artifact:read")
    reference = digest or tag or ""
    artifact = call.state.find(name, reference)
    target = f"{found.name}/{unquote(unquote(repository))}"
    copy_artifact(call.state, artifact, target, by=call.by())
    where = f"{call.request.url.path.rstrip('/')}/{reference}"
    return empty(HTTPStatus.CREATED, {"location": where})


@router.get(ARTIFACT)
async def read_artifact(call: Opened, project: str, repository: str, reference: str) -> Response:
    """Read one artifact by tag or digest; accessories and children too."""
    found = call.project(project, "artifact:read")
    artifact = call.artifact(found, repository, reference)
    return reply(artifact_json(artifact, _detail(call), call.state.settings))


@router.delete(ARTIFACT)
async def delete_artifact(call: Opened, project: str, repository: str, reference: str) -> Response:
    """Delete an artifact with its tags (recorded: artifact-delete-untagged)."""
    found = call.project(project, "artifact:delete")
    call.state.delete(call.artifact(found, repository, reference), by=call.by())
    return empty()


@router.get(f"{ARTIFACT}/tags")
async def list_tags(call: Opened, project: str, repository: str, reference: str) -> Response:
    """List an artifact's tags."""
    artifact = call.artifact(call.project(project, "tag:list"), repository, reference)
    query = call.query()
    rows, total = query.select(artifact.tags, TAGS, ("-push_time", "-id"))
    return listing(call, [tag_json(row) for row in rows], total, query)


@router.post(f"{ARTIFACT}/tags")
async def create_tag(call: Opened, project: str, repository: str, reference: str) -> Response:
    """Create a tag by API (recorded: tag-create-api)."""
    artifact = call.artifact(call.project(project, "tag:create"), repository, reference)
    name = str((await call.body()).get("name", ""))
    if name in artifact.repository.tags:
        here = artifact.repository.id
        raise conflict(f"tag {name} already exists under the repository {here}")
    if not _TAG.fullmatch(name):
        raise bad_request(f"invalid tag name: {name}")
    call.state.tag(artifact, name, by=call.by())
    return empty(HTTPStatus.CREATED)


@router.delete(f"{ARTIFACT}/tags/{{tag}}")
async def delete_tag(
    call: Opened, project: str, repository: str, reference: str, tag: str
) -> Response:
    """Delete a tag (recorded: tag-delete-api)."""
    artifact = call.artifact(call.project(project, "tag:delete"), repository, reference)
    call.state.untag(artifact, unquote(tag), by=call.by())
    return empty()


@router.get(f"{ARTIFACT}/accessories")
async def list_accessories(call: Opened, project: str, repository: str, reference: str) -> Response:
    """List an artifact's signatures, SBOMs and the like."""
    artifact = call.artifact(call.project(project, "accessory:list"), repository, reference)
    query = call.query()
    rows, total = query.select(artifact.accessories, ACCESSORIES, ("id",))
    return listing(call, [accessory_json(row) for row in rows], total, query)


@router.post(f"{ARTIFACT}/labels")
async def add_label(call: Opened, project: str, repository: str, reference: str) -> Response:
    """Put a label on (recorded: artifact-label-add)."""
    artifact = call.artifact(call.project(project, "artifact-label:create"), repository, reference)
    label_id = (await call.body()).get("id")
    label = call.state.labels.get(label_id) if isinstance(label_id, int) else None
    if label is None:
        raise not_found(f"label {label_id} not found")
    call.state.label(artifact, label)
    return empty()


@router.delete(f"{ARTIFACT}/labels/{{label_id}}")
async def remove_label(
    call: Opened, project: str, repository: str, reference: str, label_id: str
) -> Response:
    """Take a label off."""
    artifact = call.artifact(call.project(project, "artifact-label:delete"), repository, reference)
    call.state.unlabel(artifact, int(label_id) if label_id.isdecimal() else 0)
    return empty()
