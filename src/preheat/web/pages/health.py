"""Health: what the doctor found when it looked last, and what to do."""

from __future__ import annotations

from itertools import groupby

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from preheat.doctor.observations import State
from preheat.provider.config import open_ledger
from preheat.web.access import UPKEEP_DAG, ReaderDep
from preheat.web.pages.showing import show

__all__ = ["router"]

router = APIRouter()

_SIGNS = {
    State.OK: ("✓", "ok"),
    State.LOOK: ("!", "worth a look"),
    State.WRONG: ("✗", "wrong"),
    State.SKIPPED: ("-", "skipped"),
    State.UNKNOWN: ("?", "could not be looked at"),
}
_WORST_FIRST = (State.WRONG, State.UNKNOWN, State.LOOK, State.SKIPPED, State.OK)


@router.get("/health", include_in_schema=False)
def show_health(request: Request, reader: ReaderDep) -> HTMLResponse:
    """Show the last examination."""
    reader.require(UPKEEP_DAG)
    ledger = open_ledger()
    last = ledger.upkeep.last_examination()
    seen = list(last.observations) if last else []
    counts = {state: sum(one["state"] == state for one in seen) for state in _WORST_FIRST}
    groups = [(about, list(some)) for about, some in groupby(seen, lambda one: one["about"])]
    return show(
        request,
        "health.html",
        now=ledger.overview.now(),
        last=last,
        counts={state: number for state, number in counts.items() if number},
        groups=groups,
        pressing=[one for state in _WORST_FIRST[:3] for one in seen if one["state"] == state],
        health_signs=_SIGNS,
    )
