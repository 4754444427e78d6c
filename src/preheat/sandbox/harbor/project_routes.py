"""Routes of projects, repositories and labels."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import unquote

from fastapi import APIRouter, Response

from preheat.sandbox.harbor.call import Call, Opened, empty, listing, reply
from preheat.sandbox.harbor.errors import bad_request, not_found, unauthorized
from preheat.sandbox.harbor.query import Column
from preheat.sandbox.harbor.views import label_json, project_json, repository_json

__all__ = ["router"]

API: Final = "/api/v2.0"
PROJECTS: Final = {
    "project_id": Column("int", lambda p: p.id),
    "name": Column("str", lambda p: p.name),
    "creation_time": Column("time", lambda p: p.created_at),
    "update_time": Column("time", lambda p: p.created_at),
    "public": Column("str", lambda p: str(p.public).lower()),
}
REPOSITORIES: Final = {
    "repository_id": Column("int", lambda r: r.id),
    "name": Column("str", lambda r: r.name),
    "project_id": Column("int", lambda r: r.project.id),
    "pull_count": Column("int", lambda r: r.pull_count),
    "creation_time": Column("time", lambda r: r.created_at),
    "update_time": Column("time", lambda r: r.updated_at),
}
LABELS: Final = {
    "id": Column("int", lambda x: x.id),
    "name": Column("str", lambda x: x.name),
    "creation_time": Column("time", lambda x: x.created_at),
}
NEWEST_REPOSITORY: Final = ("-creation_time", "-repository_id")

router = APIRouter()


@router.get(f"{API}/projects")
async def list_projects(call: Opened) -> Response:
    """List the projects the caller may see; nobody sees the public ones."""
    query = call.query()
    params = call.request.query_params
    name, public = params.get("name", "").lower(), params.get("public")
    shown = [
        project
        for project in tuple(call.state.projects.values())
        if call.caller.sees(project)
        and name in project.name.lower()
        and public in {None, str(project.public).lower()}
    ]
    rows, total = query.select(shown, PROJECTS, ("name",))
    detail = call.flag("with_detail", default=True)
    return listing(call, [project_json(row, detail=detail) for row in rows], total, query)


@router.head(f"{API}/projects")
async def project_exists(call: Opened) -> Response:
    """Tell whether a project exists."""
    if call.request.query_params.get("project_name", "") not in call.state.projects:
        raise not_found("project not found")
    return empty()


@router.post(f"{API}/projects")
async def create_project(call: Opened) -> Response:
    """Create a project, as the administrator."""
    call.system("project:create")
    body = await call.body()
    metadata = {key: str(value) for key, value in (body.get("metadata") or {}).items()}
    project = call.state.add_project(str(body.get("project_name")), by=call.by())
    project.metadata.update(metadata)
    return empty(201, {"location": f"{API}/projects/{project.id}"})


@router.get(f"{API}/projects/{{project}}")
async def read_project(call: Opened, project: str) -> Response:
    """Read one project by name or id."""
    return reply(project_json(call.project(project, "project:read")))


@router.get(f"{API}/projects/{{project}}/summary")
async def read_summary(call: Opened, project: str) -> Response:
    """Tell a project's quota and number of repositories."""
    found = call.project(project, "project:read")
    quota = {"hard": {"storage": -1}, "used": {"storage": _stored(call, found.artifacts.visible)}}
    return reply({"quota": quota, "repo_count": len(found.repositories)})


def _stored(call: Call, ids: list[int]) -> int:
    return sum(call.state.artifacts[key].size for key in tuple(ids))


@router.get(f"{API}/repositories")
async def list_all_repositories(call: Opened) -> Response:
    """List the repositories of all projects where the caller may list them."""
    query = call.query()
    shown: list[Any] = [
        repository
        for repository in call.state.repositories()
        if call.caller.may(repository.project, "repository:list")
    ]
    rows, total = query.select(shown, REPOSITORIES, NEWEST_REPOSITORY)
    return listing(call, [repository_json(row) for row in rows], total, query)


@router.get(f"{API}/projects/{{project}}/repositories")
async def list_repositories(call: Opened, project: str) -> Response:
    """List a project's repositories."""
    found = call.project(project, "repository:list")
    query = call.query()
    shown = tuple(found.repositories.values())
    rows, total = query.select(shown, REPOSITORIES, NEWEST_REPOSITORY)
    return listing(call, [repository_json(row) for row in rows], total, query)


@router.get(f"{API}/projects/{{project}}/repositories/{{repository}}")
async def read_repository(call: Opened, project: str, repository: str) -> Response:
    """Read one repository."""
    found = call.project(project, "repository:read")
    name = f"{found.name}/{unquote(unquote(repository))}"
    return reply(repository_json(call.state.repository(name)))


@router.delete(f"{API}/projects/{{project}}/repositories/{{repository}}")
async def delete_repository(call: Opened, project: str, repository: str) -> Response:
    """Delete a repository with all its artifacts."""
    found = call.project(project, "repository:delete")
    call.state.delete_repository(f"{found.name}/{unquote(unquote(repository))}", by=call.by())
    return empty()


@router.get(f"{API}/search")
async def search(call: Opened) -> Response:
    """Search public projects; robots are members of nothing (recorded: search-robot)."""
    text = call.request.query_params.get("q", "").lower()
    shown = [p for p in tuple(call.state.projects.values()) if p.public or call.caller.admin]
    repositories = [r for project in shown for r in tuple(project.repositories.values())]
    return reply({
        "project": [project_json(p) for p in shown if text in p.name.lower()],
        "repository": [
            {
                "artifact_count": len(repository.artifacts.visible),
                "project_id": repository.project.id,
                "project_name": repository.project.name,
                "project_public": repository.project.public,
                "pull_count": repository.pull_count,
                "repository_name": repository.name,
            }
            for repository in repositories
            if text in repository.name.lower()
        ],
    })


@router.get(f"{API}/labels")
async def list_labels(call: Opened) -> Response:
    """List labels, of the registry or of one project; the scope is mandatory."""
    params = call.request.query_params
    scope, name = params.get("scope", ""), params.get("name", "").lower()
    if scope not in {"g", "p"}:
        raise bad_request(f"invalid scope: {scope}")
    if not call.caller.known:
        raise unauthorized()
    project_id = 0
    if scope == "p":
        project_id = call.number("project_id", 0)
        call.project(str(project_id), "label:list")
    query = call.query()
    shown = [
        label
        for label in tuple(call.state.labels.values())
        if label.project_id == project_id and name in label.name.lower()
    ]
    rows, total = query.select(shown, LABELS, ("creation_time", "id"))
    return listing(call, [label_json(row) for row in rows], total, query)


@router.post(f"{API}/labels")
async def create_label(call: Opened) -> Response:
    """Create a label."""
    body = await call.body()
    project = None
    if body.get("scope") == "p":
        project = call.project(str(body.get("project_id")), "label:create")
    else:
        call.system("label:create")
    label = call.state.add_label(str(body.get("name")), project)
    return empty(201, {"location": f"{API}/labels/{label.id}"})
