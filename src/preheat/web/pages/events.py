"""Events: what happened in Harbor, as somebody told of it, and what came of each."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from preheat.provider.config import open_ledger
from preheat.web.access import EVENTS_DAG, ReaderDep
from preheat.web.pages.showing import show
from preheat.web.paging import Cursor, read_cursor, write_cursor

__all__ = ["router"]

router = APIRouter()

_ROWS = 50


@router.get("/events", include_in_schema=False)
def show_events(
    request: Request,
    reader: ReaderDep,
    repository: Annotated[str, Query(max_length=255)] = "",
    state: Annotated[str, Query(pattern="^(waiting|done|)$")] = "",
    cursor: Cursor = "",
) -> HTMLResponse:
    """Show the inbox, the newest first."""
    reader.require(EVENTS_DAG)
    ledger = open_ledger()
    before = read_cursor(cursor, int)
    found = ledger.inbox.recent(
        before_id=before[0] if before else 0,
        limit=_ROWS + 1,
        repository=repository.strip(),
        handled={"waiting": False, "done": True}.get(state),
    )
    newest = list(reversed(found))
    shown, more = newest[:_ROWS], len(newest) > _ROWS
    return show(
        request,
        "events.html",
        now=ledger.overview.now(),
        events=shown,
        ignored=ledger.inbox.ignored(),
        repository=repository,
        state=state,
        is_first=not cursor,
        next=write_cursor((shown[-1].id,)) if more else None,
    )
