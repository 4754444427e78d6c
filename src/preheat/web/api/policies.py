"""Policies: the DAG of each, what is wrong with it, and what it planned last."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from preheat.ledger import StoredPlan
from preheat.provider.config import open_ledger
from preheat.web.access import POLICY_DAG, Reader, ReaderDep
from preheat.web.airflowcalls import AirflowCallsDep
from preheat.web.api.asking import CheckedRoute
from preheat.web.api.plans import Decision, PlanRow
from preheat.web.contract import AIRFLOW_PROBLEMS, PROBLEMS
from preheat.web.hindsight import explained, wanted_image
from preheat.web.paging import Cursor, Limit, Next, read_cursor, write_cursor
from preheat.web.refusing import Refusal

__all__ = ["PolicyName", "policy_dag", "router"]

router = APIRouter(
    prefix="/policies", tags=["policies"], responses=PROBLEMS, route_class=CheckedRoute
)

PolicyName = Annotated[str, Path(pattern=r"^[A-Za-z0-9_.-]{1,240}$", examples=["library-base"])]


class PolicyRow(BaseModel):
    """A policy in short."""

    name: str
    dag_id: str
    description: str | None
    owners: list[str]
    labels: list[str] = Field(description="The tags of its DAG that the policy gave it.")
    paused: bool = Field(description="Whether somebody paused its DAG in Airflow.")
    suspended: bool = Field(description="Whether the policy itself says so.")
    invalid: bool = Field(description="Whether its file has problems; then nothing runs.")
    schedule: str | None
    next_run: datetime | None
    last_plan: PlanRow | None = Field(description="Over all that it looks at; no dry run.")


class Policy(PolicyRow):
    """A policy, as it was evaluated last."""

    problems: str | None = Field(description="Of an invalid one: all of them, in Markdown.")
    text: str | None = Field(description="As evaluated; null before the first plan.")
    hash: str | None = Field(description="SHA-256 of that text.")


class PolicyPage(BaseModel):
    """A page of policies, by name."""

    policies: list[PolicyRow]
    next: Next


class SourceLine(BaseModel):
    """A line of a policy's text that decided something."""

    line: int
    text: str


class Explained(BaseModel):
    """What became of one artifact on one platform."""

    sentence: str
    decision: Decision
    lines: list[SourceLine] = Field(description="That the reasons name.")


class Explanation(BaseModel):
    """Why an image was in a policy's last plan or not."""

    image: str
    policy: str
    plan: PlanRow
    sentence: str = Field(description="In one sentence.")
    explained: list[Explained] = Field(description="Empty if the plan looked at no such image.")
    tags: list[str] = Field(description="Of the repository, as far as the plan looked at them.")


@router.get("", operation_id="list_policies", summary="List policies", responses=AIRFLOW_PROBLEMS)
async def list_policies(
    reader: ReaderDep, calls: AirflowCallsDep, cursor: Cursor = "", limit: Limit = 50
) -> PolicyPage:
    """Read a page of policies, by name, each with its last plan."""
    key = read_cursor(cursor, str)
    dags = await calls.every(
        "/dags", "dags", tags=["preheat", "policy"], tags_match_mode="all", order_by="dag_id"
    )
    named = {_name(dag): dag for dag in dags if reader.may_read(dag["dag_id"])}
    names = sorted(name for name in named if not key or name > key[0])
    page = names[:limit]
    plans = await run_in_threadpool(open_ledger().overview.latest_plans, page, reader.seen)
    return PolicyPage(
        policies=[PolicyRow(**_row(named[name], plans.get(name))) for name in page],
        next=write_cursor(page[-1:] if len(names) > limit else None),
    )


@router.get(
    "/{name}", operation_id="read_policy", summary="Read one policy", responses=AIRFLOW_PROBLEMS
)
async def read_policy(reader: ReaderDep, calls: AirflowCallsDep, name: PolicyName) -> Policy:
    """Tell what is wrong with a policy, its text as evaluated last, and its last plan."""
    dag_id = policy_dag(reader, name)
    dag = await calls.get(f"/dags/{quote(dag_id, safe='')}/details")
    last = await run_in_threadpool(open_ledger().overview.latest_plan, name, reader.seen)
    row = _row(dag, last)
    return Policy(
        **row,
        problems=dag["doc_md"] if row["invalid"] else None,
        text=last.policy_text if last else None,
        hash=last.policy_hash if last else None,
    )


@router.get("/{name}/explain", operation_id="explain_image", summary="Explain an image")
def explain_image(
    reader: ReaderDep,
    name: PolicyName,
    image: Annotated[str, Query(min_length=1, max_length=500, examples=["library/hello:1.0"])],
) -> Explanation:
    """Tell why an image was in the policy's last plan or not, by tag or digest."""
    wanted = wanted_image(image)
    policy_dag(reader, name)
    overview = open_ledger().overview
    plan = overview.latest_plan(name, reader.seen)
    if plan is None:
        raise Refusal(HTTPStatus.NOT_FOUND, f"The policy {name} has planned nothing so far.")
    found = explained(open_ledger().decisions_of(plan.id), plan, wanted)
    return Explanation(
        image=str(wanted),
        policy=name,
        plan=PlanRow.model_validate(plan),
        sentence=found.sentence,
        explained=[
            Explained(
                sentence=one.sentence,
                decision=Decision.model_validate(one.decision),
                lines=[SourceLine(line=line, text=text) for line, text in one.lines],
            )
            for one in found.each
        ],
        tags=list(found.tags),
    )


def policy_dag(reader: Reader, name: str) -> str:
    """Give the id of a policy's DAG.

    :raises Refusal: 404 where there is none, or the reader may not read it.
    """
    dag_id = f"{POLICY_DAG}{name}"
    if not reader.may_read(dag_id):
        raise Refusal(HTTPStatus.NOT_FOUND, f"There is no policy {name}.")
    return dag_id


def _name(dag: Mapping[str, Any]) -> str:
    return str(dag["dag_id"]).removeprefix(POLICY_DAG)


def _row(dag: Mapping[str, Any], last: StoredPlan | None) -> dict[str, Any]:
    tags = [tag["name"] for tag in dag["tags"]]
    return {
        "name": _name(dag),
        "dag_id": dag["dag_id"],
        "description": dag["description"],
        "owners": dag["owners"],
        "labels": [tag for tag in tags if ":" in tag],
        "paused": dag["is_paused"],
        "suspended": "suspended" in tags,
        "invalid": "invalid" in tags,
        "schedule": dag["timetable_summary"],
        "next_run": dag["next_dagrun_run_after"],
        "last_plan": PlanRow.model_validate(last) if last else None,
    }
