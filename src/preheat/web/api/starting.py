"""Routes that start something: each starts a run of a DAG, as the person who calls."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import quote

from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from preheat.errors import Problem, ProblemsError
from preheat.harbor.reference import parse_references
from preheat.placement import Scope
from preheat.provider.config import open_ledger
from preheat.web.access import IMAGES_DAG, VERIFY_DAG, ReaderDep, require_run, runner_of
from preheat.web.airflowcalls import AirflowCalls, AirflowCallsDep
from preheat.web.api.asking import CheckedRoute, Line, Name, RowId
from preheat.web.api.policies import PolicyName, policy_dag
from preheat.web.contract import AIRFLOW_PROBLEMS, CHANGE_PROBLEMS, PROBLEMS
from preheat.web.crosssite import not_from_another_site
from preheat.web.refusing import Refusal

__all__ = ["router"]

_MOST_IMAGES = 200
_MOST_PLACEMENTS = 1000
_MOST_NAMES = 100
_LONGEST_REASON = 500

router = APIRouter(
    responses=PROBLEMS | AIRFLOW_PROBLEMS | CHANGE_PROBLEMS,
    route_class=CheckedRoute,
    dependencies=[Depends(not_from_another_site)],
)

Reason = Annotated[
    str,
    Field(
        min_length=1,
        max_length=_LONGEST_REASON,
        pattern=r"^[^\x00]*$",
        description="For those who read the run later; its note in Airflow.",
        examples=["release 1.0"],
    ),
]


class Order(BaseModel):
    """What is to be done; a field that we do not know is refused."""

    model_config = ConfigDict(extra="forbid")


class WarmOrder(Order):
    """Images to warm, and where."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"images": ["library/hello:1.0"], "clusters": ["eu-1"], "reason": "release 1.0"}
            ]
        },
    )

    images: list[Line] = Field(
        min_length=1,
        max_length=_MOST_IMAGES,
        description="By tag or digest, as after `docker pull`.",
    )
    clusters: list[Name] = Field(min_length=1, max_length=_MOST_NAMES)
    platforms: list[Name] = Field(
        [], max_length=_MOST_NAMES, description="None: those of each cluster."
    )
    scope: Scope = Scope.ALL_SEED_PEERS
    registry: Name | None = Field(
        None, description="Airflow connection of the Harbor; null for the first that there is."
    )
    reason: Reason


class VerifyOrder(Order):
    """Placements to look at again; nothing is heated."""

    placements: list[RowId] = Field(
        min_length=1, max_length=_MOST_PLACEMENTS, description="Their ids.", examples=[[1, 2]]
    )
    reason: Reason


class PlanOrder(Order):
    """A plan to make and to stop there."""

    reason: Reason


class Started(BaseModel):
    """The run that was started."""

    dag_id: str
    run_id: str
    dag_is_paused: bool = Field(description="Then it waits until somebody unpauses the DAG.")
    plans: str = Field(description="Where its plan can be read once it has planned.")


@router.post(
    "/warm",
    operation_id="warm_images",
    summary="Warm images",
    tags=["actions"],
    status_code=HTTPStatus.ACCEPTED,
    dependencies=[Depends(runner_of(IMAGES_DAG))],
)
async def warm_images(order: WarmOrder, calls: AirflowCallsDep) -> Started:
    """Start a run of `preheat_images`: it warms these images on these clusters and proves it."""
    _check(order.images)
    conf: dict[str, Any] = {
        "images": "\n".join(order.images),
        "clusters": order.clusters,
        "platforms": order.platforms,
        "scope": order.scope.value,
        "reason": order.reason,
    }
    if order.registry:
        conf["registry"] = order.registry
    return await _start(calls, IMAGES_DAG, conf, order.reason)


@router.post(
    "/verify",
    operation_id="verify_placements",
    summary="Look again",
    tags=["actions"],
    status_code=HTTPStatus.ACCEPTED,
    dependencies=[Depends(runner_of(VERIFY_DAG))],
)
async def verify_placements(
    order: VerifyOrder, reader: ReaderDep, calls: AirflowCallsDep
) -> Started:
    """Start a run of `preheat_verify`: it asks the peers what they hold, and heats nothing."""
    ids = list(dict.fromkeys(order.placements))
    visible = await run_in_threadpool(open_ledger().overview.visible, ids, reader.seen)
    if unknown := [str(one) for one in ids if one not in visible]:
        raise Refusal(HTTPStatus.NOT_FOUND, f"There is no placement {', '.join(unknown)}.")
    conf = {"placements": ids, "reason": order.reason}
    return await _start(calls, VERIFY_DAG, conf, order.reason)


@router.post(
    "/policies/{name}/plan",
    operation_id="preview_plan",
    summary="Preview a policy's plan",
    tags=["policies"],
    status_code=HTTPStatus.ACCEPTED,
)
async def preview_plan(
    name: PolicyName, order: PlanOrder, reader: ReaderDep, user: GetUserDep, calls: AirflowCallsDep
) -> Started:
    """Start a dry run of the policy: it plans and stops, and nothing is asked of any cluster."""
    dag_id = policy_dag(reader, name)
    await run_in_threadpool(require_run, user, dag_id)
    return await _start(calls, dag_id, {"dry_run": True}, order.reason)


async def _start(calls: AirflowCalls, dag_id: str, conf: dict[str, Any], reason: str) -> Started:
    dag = await calls.get(f"/dags/{quote(dag_id, safe='')}")
    run_id = await calls.start_run(dag_id, conf, reason)
    return Started(
        dag_id=dag_id,
        run_id=run_id,
        dag_is_paused=dag["is_paused"],
        plans=f"/preheat/api/v1/plans?dag_id={quote(dag_id)}&run_id={quote(run_id, safe='')}",
    )


def _check(images: list[str]) -> None:
    """Refuse what is no image.

    :raises ProblemsError: with all of them.
    """
    problems: list[Problem] = []
    for number, image in enumerate(images):
        try:
            parse_references(image)
        except ProblemsError as error:
            path = f"images[{number}]"
            problems += [Problem(one.message, path=path) for one in error.problems]
    if problems:
        raise ProblemsError(problems)
