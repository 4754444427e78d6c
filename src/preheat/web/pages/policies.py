"""Policies: what each did last, when it runs next, what is wrong with it; and plans made now."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, Response

from preheat.ledger import Shown, StoredPlan
from preheat.plan import IMAGES_PLAN, LOOKS
from preheat.provider.config import open_ledger
from preheat.web.access import POLICY_DAG, Reader, ReaderDep, may_run
from preheat.web.airflowcalls import AirflowCalls, AirflowCallsDep
from preheat.web.api.policies import PolicyName
from preheat.web.pages.coverage import summaries
from preheat.web.pages.markdown import html_of
from preheat.web.pages.showing import show
from preheat.web.pages.watching import ENDED, Watched
from preheat.web.pages.words import moment
from preheat.web.paging import Cursor, read_cursor, write_cursor
from preheat.web.refusing import Refusal
from preheat.web.runlist import run_path

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Policy", "dag_of", "router"]

router = APIRouter()

_PLANS = 25


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy as Airflow knows its DAG, and the ledger its plans.

    :param plan: the last one over all that it looks at.
    """

    name: str
    dag_id: str
    description: str
    schedule: str
    next_run: datetime | None
    tags: frozenset[str]
    is_paused: bool
    is_there: bool
    plan: StoredPlan | None

    @property
    def is_invalid(self) -> bool:
        """Whether its file cannot be used."""
        return "invalid" in self.tags

    @property
    def is_suspended(self) -> bool:
        """Whether its file says that it does not run."""
        return "suspended" in self.tags


def dag_of(name: str) -> str:
    """Name the DAG of a policy."""
    return f"{POLICY_DAG}{name}"


@router.get("/policies", include_in_schema=False)
async def show_policies(
    request: Request, reader: ReaderDep, calls: AirflowCallsDep
) -> HTMLResponse:
    """Show all policies."""
    dags = await calls.every(
        "/dags", "dags", tags=["preheat", "policy"], tags_match_mode="all", order_by="dag_id"
    )
    by_id = {dag["dag_id"]: dag for dag in dags if reader.may_read(dag["dag_id"])}
    return await asyncio.to_thread(_show_policies, request, reader, by_id)


def _show_policies(
    request: Request, reader: Reader, dags: Mapping[str, Mapping[str, Any]]
) -> HTMLResponse:
    overview = open_ledger().overview
    remembered = set(overview.policies(reader.seen)) - {IMAGES_PLAN, *LOOKS}
    names = sorted({*(dag_id.removeprefix(POLICY_DAG) for dag_id in dags), *remembered})
    plans = overview.latest_plans(names, reader.seen)
    found = [_policy(name, dags.get(dag_of(name)), plans.get(name)) for name in names]
    return show(request, "policies.html", policies=found, now=overview.now())


def _policy(name: str, dag: Mapping[str, Any] | None, plan: StoredPlan | None) -> Policy:
    dag = dag or {}
    return Policy(
        name=name,
        dag_id=dag_of(name),
        description=str(dag.get("description") or ""),
        schedule=str(dag.get("timetable_description") or dag.get("timetable_summary") or ""),
        next_run=moment(dag.get("next_dagrun_run_after")),
        tags=frozenset(tag["name"] for tag in dag.get("tags", ())),
        is_paused=bool(dag.get("is_paused")),
        is_there=bool(dag),
        plan=plan,
    )


@router.get("/policies/{name}", include_in_schema=False)
async def show_policy(
    request: Request,
    reader: ReaderDep,
    calls: AirflowCallsDep,
    name: PolicyName,
    cursor: Cursor = "",
) -> HTMLResponse:
    """Show one policy."""
    dag = await _details(calls, reader, name)
    return await asyncio.to_thread(_show_policy, request, reader, name, dag, cursor)


async def _details(calls: AirflowCalls, reader: Reader, name: str) -> Mapping[str, Any] | None:
    if not reader.may_read(dag_of(name)):
        return None
    try:
        found: Mapping[str, Any] = await calls.get(f"/dags/{dag_of(name)}/details")
    except Refusal as refusal:
        if refusal.status is HTTPStatus.NOT_FOUND:
            return None
        raise
    return None if found.get("is_stale") else found


def _show_policy(
    request: Request, reader: Reader, name: str, dag: Mapping[str, Any] | None, cursor: str
) -> HTMLResponse:
    overview = open_ledger().overview
    before = read_cursor(cursor, int)
    plans = overview.plans(
        seen=reader.seen, policy=name, before=before[0] if before else None, limit=_PLANS
    )
    if dag is None and not plans.rows:
        raise Refusal(HTTPStatus.NOT_FOUND, f"There is no policy {name} that you may see.")
    policy = _policy(name, dag, overview.latest_plan(name, reader.seen))
    return show(
        request,
        "policy.html",
        now=overview.now(),
        policy=policy,
        problems=html_of(str((dag or {}).get("doc_md") or "")) if policy.is_invalid else "",
        summaries=summaries(overview.counts(Shown(policy=name), seen=reader.seen)),
        plans=plans.rows,
        next=write_cursor(plans.after),
        is_first=not cursor,
        may_plan=policy.is_there and may_run(reader.user, policy.dag_id),
    )


@router.get("/policies/{name}/planning", include_in_schema=False)
async def show_planning(
    request: Request,
    reader: ReaderDep,
    calls: AirflowCallsDep,
    name: PolicyName,
    run_id: Annotated[str, Query(max_length=250)],
) -> Response:
    """Show whether the plan of a run is there yet, until it is or the run has ended."""
    reader.require(dag_of(name))
    run = await calls.get(run_path(dag_of(name), run_id))
    watched = Watched(dag_of(name), run_id, str(run["state"]))
    made = await asyncio.to_thread(
        open_ledger().overview.plans, seen=reader.seen, dag_id=dag_of(name), run_id=run_id, limit=1
    )
    plan = made.rows[0] if made.rows else None
    return show(
        request,
        "planning.html",
        name=name,
        run=watched,
        plan=plan,
        is_over=plan is not None or watched.state in ENDED,
    )
