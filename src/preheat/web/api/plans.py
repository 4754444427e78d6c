"""Plans: every decision of one policy at one moment, and what it led to."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from preheat.ledger import Chosen
from preheat.plan import ReasonCode
from preheat.provider.config import open_ledger
from preheat.web.access import ReaderDep
from preheat.web.api.asking import CheckedRoute, Id, NameParameter, TextParameter
from preheat.web.contract import PROBLEMS, Told
from preheat.web.paging import Cursor, Limit, Next, read_cursor, write_cursor
from preheat.web.refusing import Refusal

__all__ = ["Decision", "PlanRow", "router"]

router = APIRouter(tags=["plans"], responses=PROBLEMS, route_class=CheckedRoute)


class PlanRow(Told):
    """A plan in short."""

    id: int
    dag_id: str
    run_id: str
    policy: str
    policy_hash: str = Field(description="SHA-256 of the policy's text; empty without one.")
    evaluated_at: datetime
    recorded_at: datetime
    counts: dict[str, int] = Field(description="Decisions by reason code.")
    placements: dict[str, int] = Field(description="Placements by what became of them.")
    partial: bool = Field(description="Whether it looked at some repositories only.")
    dry_run: bool


class Plan(PlanRow):
    """A plan, without its decisions."""

    policy_text: str = Field(description="As it was evaluated.")
    clusters: list[dict[str, Any]] = Field(description="The cluster entries that it used.")
    warnings: list[str]
    failures: list[str]
    accept_partial: bool
    bytes: dict[str, dict[str, int]] = Field(description="What each cluster is asked to hold.")
    difference: dict[str, Any] | None = Field(
        description="What came and went since the policy's last plan; null without one."
    )


class PlanPage(BaseModel):
    """A page of plans, the newest first."""

    plans: list[PlanRow]
    next: Next


class Reason(Told):
    """Why a candidate was selected or not."""

    code: ReasonCode
    detail: str
    rule: str
    line: int | None = Field(description="Of the policy's text.")


class Decision(Told):
    """A candidate, selected or not."""

    registry: str
    repository: str
    digest: str = Field(description="Of the artifact that Harbor lists.")
    tags: list[str]
    platform: str
    selected: bool
    image: str = Field(description="Digest of the platform's own manifest, where selected.")
    reasons: list[Reason]
    others: list[Reason] = Field(description="Why the other rules do not take it.")


class PlacedDecision(Decision):
    """A decision, with its place in the plan."""

    position: int


class DecisionPage(BaseModel):
    """A page of decisions, in the plan's order."""

    decisions: list[PlacedDecision]
    next: Next


@router.get("/plans", operation_id="list_plans", summary="List plans")
def list_plans(
    reader: ReaderDep,
    policy: NameParameter = "",
    dag_id: NameParameter = "",
    run_id: NameParameter = "",
    cursor: Cursor = "",
    limit: Limit = 25,
) -> PlanPage:
    """Read a page of plans, the newest first."""
    key = read_cursor(cursor, int)
    found = open_ledger().overview.plans(
        seen=reader.seen,
        policy=policy,
        dag_id=dag_id,
        run_id=run_id,
        before=key[0] if key else None,
        limit=limit,
    )
    rows = [PlanRow.model_validate(one) for one in found.rows]
    return PlanPage(plans=rows, next=write_cursor(found.after))


@router.get("/plans/{plan_id}", operation_id="read_plan", summary="Read one plan")
def read_plan(reader: ReaderDep, plan_id: Id) -> Plan:
    """Tell what was planned from which policy, and what changed."""
    found = open_ledger().overview.plan(plan_id, reader.seen)
    if found is None:
        raise _no_plan(plan_id)
    return Plan.model_validate(found)


@router.get(
    "/plans/{plan_id}/decisions",
    operation_id="list_decisions",
    summary="List the decisions of a plan",
)
def list_decisions(
    reader: ReaderDep,
    plan_id: Id,
    *,
    selected: bool | None = None,
    code: Annotated[ReasonCode | None, Query(description="One of the reasons.")] = None,
    repository: Annotated[TextParameter, Query(description="Part of its name.")] = "",
    cursor: Cursor = "",
    limit: Limit = 100,
) -> DecisionPage:
    """Read a page of a plan's decisions, in its order, each with its reasons."""
    key = read_cursor(cursor, int)
    found = open_ledger().overview.decisions(
        plan_id,
        Chosen(selected, code or "", repository),
        seen=reader.seen,
        after=key[0] if key else None,
        limit=limit,
    )
    if found is None:
        raise _no_plan(plan_id)
    rows = [
        PlacedDecision(**Decision.model_validate(one).model_dump(), position=position)
        for position, one in found.rows
    ]
    return DecisionPage(decisions=rows, next=write_cursor(found.after))


def _no_plan(plan_id: int) -> Refusal:
    return Refusal(HTTPStatus.NOT_FOUND, f"There is no plan {plan_id}.")
