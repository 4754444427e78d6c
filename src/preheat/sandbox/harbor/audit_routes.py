"""Routes of the audit feed, there since Harbor 2.13."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Response

from preheat.sandbox.harbor.audit import COLUMNS, DEFAULT_SORT, EVENT_TYPES, AuditRow
from preheat.sandbox.harbor.call import Call, Opened, listing, reply
from preheat.sandbox.harbor.errors import not_found, unauthorized

__all__ = ["router"]

API: Final = "/api/v2.0"
FEED: Final = f"{API}/auditlog-exts"

router = APIRouter()


def _demand_version(call: Call) -> None:
    if not call.state.settings.at_least(2, 13):
        raise not_found(f"path {call.request.url.path} was not found")


def _page(call: Call, rows: list[AuditRow]) -> Response:
    query = call.query()
    found, total = query.select(rows, COLUMNS, DEFAULT_SORT)
    return listing(call, [row.to_json() for row in found], total, query)


@router.get(FEED)
async def list_rows(call: Opened) -> Response:
    """List the rows of all projects to who may see them, else none, with 200.

    Recorded: auditlog-ext-list; without the right: -project-robot and -user; -anonymous.
    """
    _demand_version(call)
    if not call.caller.known:
        raise unauthorized("")
    return _page(call, call.state.audit.rows() if call.caller.may_system("audit-log:list") else [])


@router.get(f"{FEED}/events")
async def list_event_types(call: Opened) -> Response:
    """Tell what can be switched off (recorded: auditlog-ext-events)."""
    _demand_version(call)
    call.system("audit-log:list")
    return reply([{"event_type": name} for name in EVENT_TYPES])


@router.get(f"{API}/projects/{{project}}/auditlog-exts")
async def list_project_rows(call: Opened, project: str) -> Response:
    """List the rows of one project (recorded: auditlog-ext-project-scope, -forbidden)."""
    _demand_version(call)
    found = call.project(project, "log:list")
    return _page(call, [row for row in call.state.audit.rows() if row.project_id == found.id])
