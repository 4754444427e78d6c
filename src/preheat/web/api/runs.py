"""Runs of our DAGs, as Airflow tells of them, and what the ledger holds of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from preheat.ledger import StoredPlan
from preheat.provider.config import open_ledger
from preheat.web.access import ReaderDep
from preheat.web.airflowcalls import AirflowCallsDep
from preheat.web.api.asking import CheckedRoute, NameParameter
from preheat.web.api.plans import PlanRow
from preheat.web.contract import AIRFLOW_PROBLEMS, PROBLEMS
from preheat.web.paging import Cursor, Next
from preheat.web.runlist import page_of_runs

__all__ = ["router"]

router = APIRouter(tags=["runs"], responses=PROBLEMS | AIRFLOW_PROBLEMS, route_class=CheckedRoute)


class Run(BaseModel):
    """A run of one of our DAGs."""

    dag_id: str
    run_id: str
    state: str = Field(description="Airflow's word.", examples=["success", "failed"])
    run_type: str
    queued_at: datetime | None
    started_at: datetime | None
    ended_at: datetime | None
    note: str | None = Field(description="Why it was started, where somebody said so.")
    plans: list[PlanRow] = Field(description="One a policy; empty before it has planned.")


class RunPage(BaseModel):
    """A page of runs, the newest first."""

    runs: list[Run]
    next: Next


@router.get("/runs", operation_id="list_runs", summary="List runs")
async def list_runs(
    reader: ReaderDep,
    calls: AirflowCallsDep,
    dag_id: NameParameter = "",
    cursor: Cursor = "",
    limit: Annotated[int, Query(ge=1, le=100, description="Rows in a page.")] = 25,
) -> RunPage:
    """Read a page of runs, the newest first, each with its plans."""
    runs, more = await page_of_runs(calls, reader, dag_id=dag_id, cursor=cursor, limit=limit)
    ids = {(run["dag_id"], run["dag_run_id"]) for run in runs}
    plans = await run_in_threadpool(open_ledger().overview.plans_of_runs, ids, reader.seen)
    return RunPage(
        runs=[_run(run, plans.get((run["dag_id"], run["dag_run_id"]), [])) for run in runs],
        next=more,
    )


def _run(told: Mapping[str, Any], plans: Sequence[StoredPlan]) -> Run:
    return Run(
        dag_id=told["dag_id"],
        run_id=told["dag_run_id"],
        state=told["state"],
        run_type=told["run_type"],
        queued_at=told["queued_at"],
        started_at=told["start_date"],
        ended_at=told["end_date"],
        note=told["note"],
        plans=[PlanRow.model_validate(plan) for plan in plans],
    )
