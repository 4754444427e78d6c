"""Routes of CVEs: an artifact's full report, and the allowlists of the system and of projects."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter, Response

from preheat.sandbox.harbor.call import Opened, empty, reply
from preheat.sandbox.harbor.errors import not_found, unauthorized
from preheat.sandbox.harbor.rows import CveAllowlist
from preheat.sandbox.harbor.scans import report
from preheat.sandbox.harbor.views import allowlist_json

__all__ = ["router"]

SYSTEM_LIST: Final = "/api/v2.0/system/CVEAllowlist"
PROJECT: Final = "/api/v2.0/projects/{project}"
ADDITION: Final = (
    f"{PROJECT}/repositories/{{repository}}/artifacts/{{reference}}/additions/vulnerabilities"
)

router = APIRouter()


@router.get(ADDITION)
async def read_vulnerabilities(
    call: Opened, project: str, repository: str, reference: str
) -> Response:
    """Tell the full report; ``{}`` when there is none (recorded: artifact-vulnerabilities-…).

    Source: harbor: src/server/v2.0/handler/artifact.go (GetVulnerabilitiesAddition).
    """
    found = call.project(project, "artifact-addition:read")
    artifact = call.artifact(found, repository, reference)
    if not call.state.settings.scanner:
        raise not_found(f"report not found for {artifact.repository.name}@{artifact.digest}")
    return reply(report(artifact, call.request.headers.get("x-accept-vulnerabilities", "")))


@router.get(SYSTEM_LIST)
async def read_system_list(call: Opened) -> Response:
    """Tell the system's allowlist to every known caller (harbor: handler/sys_cve_allowlist.go)."""
    if not call.caller.known:
        raise unauthorized()
    return reply(allowlist_json(call.state.allowlist, 0))


@router.put(SYSTEM_LIST)
async def write_system_list(call: Opened) -> Response:
    """Replace the system's allowlist, as the administrator."""
    call.system("configuration:update")
    call.state.allowlist = _allowlist_of(await call.body())
    return empty()


@router.put(PROJECT)
async def update_project(call: Opened, project: str) -> Response:
    """Change a project's settings and its allowlist; what is not told stays as it is."""
    found = call.project(project, "project:update")
    body = await call.body()
    metadata = body.get("metadata") or {}
    found.metadata.update({key: str(value) for key, value in metadata.items()})
    if body.get("cve_allowlist") is not None:
        found.allowlist = _allowlist_of(body["cve_allowlist"])
    return empty()


def _allowlist_of(told: dict[str, Any]) -> CveAllowlist:
    ids = tuple(str(item["cve_id"]) for item in told.get("items") or ())
    return CveAllowlist(ids, told.get("expires_at"))
