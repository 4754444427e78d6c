"""One plan: what it selected, what it rejected and why, and how it differs from the last."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import HTMLResponse

from preheat.plan import ReasonCode
from preheat.provider.config import open_ledger
from preheat.web.access import ReaderDep
from preheat.web.pages.showing import show
from preheat.web.refusing import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from preheat.ledger import StoredPlan
    from preheat.plan import Decision, Reason

__all__ = ["router"]

router = APIRouter()

_ROWS = 100
_EXPLAINED = 20
_LINES_BELOW = 6  # lines of a key's value that are shown


@dataclass(frozen=True, slots=True)
class Sought:
    """Which decisions somebody wants to see.

    :param selected: "yes", "no", or "" for both.
    :param code: of the deciding reason.
    :param text: part of a repository's name, a tag, or the start of a digest.
    """

    selected: str
    code: str
    text: str

    def takes(self, decision: Decision) -> bool:
        """Tell whether it is one of them."""
        if self.selected and decision.selected != (self.selected == "yes"):
            return False
        if self.code and decision.reasons[0].code != self.code:
            return False
        return not self.text or _is_named(decision, self.text)


@dataclass(frozen=True, slots=True)
class Told:
    """A reason, and the lines of the policy that it rests on."""

    reason: Reason
    lines: tuple[tuple[int, str], ...]


@dataclass(frozen=True, slots=True)
class Explained:
    """A decision with all its reasons."""

    decision: Decision
    reasons: tuple[Told, ...]
    others: tuple[Told, ...]


PlanId = Annotated[int, Path(ge=1, lt=1 << 63)]


@router.get("/plans/{plan_id}", include_in_schema=False)
def show_plan(  # noqa: PLR0917 - a form of five fields
    request: Request,
    reader: ReaderDep,
    plan_id: PlanId,
    selected: Annotated[str, Query(pattern="^(yes|no|)$")] = "",
    code: Annotated[str, Query(max_length=40)] = "",
    q: Annotated[str, Query(max_length=255)] = "",
    start: Annotated[int, Query(ge=0, lt=1 << 31)] = 0,
) -> HTMLResponse:
    """Show a plan with a page of its decisions."""
    ledger = open_ledger()
    plan = _plan(reader.seen, plan_id)
    sought = Sought(selected, code, q.strip())
    found = [one for one in ledger.decisions_of(plan_id) if sought.takes(one)]
    rejected = {name: number for name, number in plan.counts.items() if name != ReasonCode.SELECTED}
    return show(
        request,
        "plan.html",
        now=ledger.overview.now(),
        plan=plan,
        rejected=sorted(rejected.items(), key=lambda one: (-one[1], one[0])),
        decisions=found[start : start + _ROWS],
        found=len(found),
        start=start,
        rows=_ROWS,
        sought=sought,
        codes=sorted(plan.counts),
    )


@router.get("/plans/{plan_id}/explain", include_in_schema=False)
def explain(
    request: Request,
    reader: ReaderDep,
    plan_id: PlanId,
    image: Annotated[str, Query(max_length=500)] = "",
) -> HTMLResponse:
    """Tell why an image is in a plan or not."""
    plan = _plan(reader.seen, plan_id)
    typed = image.strip()
    decisions = open_ledger().decisions_of(plan_id)
    exact = [one for one in decisions if typed and _is_exactly(one, typed)]
    near = sorted({one.repository for one in decisions if typed and _is_named(one, typed)})
    return show(
        request,
        "explained.html",
        plan=plan,
        image=typed,
        explained=[_explained(one, plan) for one in exact[:_EXPLAINED]],
        more=max(0, len(exact) - _EXPLAINED),
        tags=sorted({
            tag for one in decisions if one.repository == _name_of(typed) for tag in one.tags
        }),
        near=near[:_EXPLAINED],
    )


def _plan(seen: frozenset[str] | None, plan_id: int) -> StoredPlan:
    found = open_ledger().overview.plan(plan_id, seen)
    if found is None:
        raise Refusal(HTTPStatus.NOT_FOUND, f"There is no plan {plan_id} that you may see.")
    return found


def _name_of(typed: str) -> str:
    """Take tag and digest away; a colon before a slash belongs to a host's port."""
    name = typed.partition("@")[0]
    before, colon, tag = name.rpartition(":")
    return before if colon and "/" not in tag else name


def _is_exactly(decision: Decision, typed: str) -> bool:
    """Tell whether somebody means this one: by its repository, with a tag or a digest."""
    if decision.repository != _name_of(typed):
        return False
    mark = typed[len(decision.repository) :]
    if mark.startswith(":"):
        return mark[1:].partition("@")[0] in decision.tags
    return not mark or mark[1:] in {decision.digest, decision.image}


def _is_named(decision: Decision, text: str) -> bool:
    digests = (decision.digest, decision.image)
    return (
        text.lower() in decision.repository
        or text in decision.tags
        or any(digest.startswith(text) for digest in digests if digest)
    )


def _explained(decision: Decision, plan: StoredPlan) -> Explained:
    lines = plan.policy_text.splitlines()
    return Explained(
        decision,
        tuple(Told(reason, tuple(_block(lines, reason.line))) for reason in decision.reasons),
        tuple(Told(reason, tuple(_block(lines, reason.line))) for reason in decision.others),
    )


def _block(lines: Sequence[str], number: int | None) -> Iterator[tuple[int, str]]:
    """Give a line of the policy, and the first of those below it that belong to it."""
    if not number or number > len(lines):
        return
    first = lines[number - 1]
    depth = len(first) - len(first.lstrip())
    yield number, first[depth:]
    if not first.partition(" #")[0].rstrip().endswith(":"):
        return
    for below, line in enumerate(lines[number : number + _LINES_BELOW], start=number + 1):
        if not line.strip() or len(line) - len(line.lstrip()) <= depth:
            return
        yield below, line[depth:]
