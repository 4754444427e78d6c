"""One plan: what it selected, what it rejected and why, and how it differs from the last."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from preheat.ledger import Chosen
from preheat.plan import ReasonCode
from preheat.provider.config import open_ledger
from preheat.web.access import ReaderDep
from preheat.web.api.asking import Id, TextParameter
from preheat.web.hindsight import explained, wanted_image
from preheat.web.pages.showing import is_part, show
from preheat.web.paging import Cursor, read_cursor, write_cursor
from preheat.web.refusing import Refusal

if TYPE_CHECKING:
    from preheat.ledger import StoredPlan

__all__ = ["router"]

router = APIRouter()

_ROWS = 100
_IS_SELECTED = {"yes": True, "no": False}


@router.get("/plans/{plan_id}", include_in_schema=False)
def show_plan(  # noqa: PLR0917 - the fields of a form
    request: Request,
    reader: ReaderDep,
    plan_id: Id,
    selected: Annotated[str, Query(pattern="^(yes|no|)$")] = "",
    code: Annotated[str, Query(max_length=40)] = "",
    q: TextParameter = "",
    cursor: Cursor = "",
) -> HTMLResponse:
    """Show a plan with a page of its decisions."""
    overview = open_ledger().overview
    plan = _plan(reader.seen, plan_id)
    key = read_cursor(cursor, int)
    found = overview.decisions(
        plan_id,
        Chosen(_IS_SELECTED.get(selected), code, q.strip()),
        seen=reader.seen,
        after=key[0] if key else None,
        limit=_ROWS,
    )
    rejected = [one for one in plan.counts.items() if one[0] != ReasonCode.SELECTED]
    return show(
        request,
        "plan.html",
        now=overview.now(),
        plan=plan,
        rejected=sorted(rejected, key=lambda one: (-one[1], one[0])),
        decisions=[decision for _, decision in found.rows] if found else [],
        query={"q": q, "selected": selected, "code": code},
        is_narrowed=bool(q or selected or code),
        is_first=not cursor,
        next=write_cursor(found.after) if found else None,
        codes=sorted(plan.counts),
    )


@router.get("/plans/{plan_id}/explain", include_in_schema=False)
def explain(
    request: Request,
    reader: ReaderDep,
    plan_id: Id,
    image: Annotated[str, Query(min_length=1, max_length=500)],
) -> HTMLResponse:
    """Tell why an image is in a plan or not."""
    wanted = wanted_image(image)
    plan = _plan(reader.seen, plan_id)
    found = explained(open_ledger().decisions_of(plan_id), plan, wanted)
    template = "explained.html" if is_part(request) else "explain.html"
    return show(request, template, plan=plan, image=image, found=found)


def _plan(seen: frozenset[str] | None, plan_id: int) -> StoredPlan:
    found = open_ledger().overview.plan(plan_id, seen)
    if found is None:
        raise Refusal(HTTPStatus.NOT_FOUND, f"There is no plan {plan_id}.")
    return found
