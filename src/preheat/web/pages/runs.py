"""Runs: of all our DAGs, with what each planned; and one run, followed to its end."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, Response

from preheat.plan import Disposition
from preheat.provider.config import open_ledger
from preheat.verdict import Verdict
from preheat.web.access import Reader, ReaderDep
from preheat.web.airflowcalls import AirflowCallsDep
from preheat.web.pages import charts
from preheat.web.pages.showing import show
from preheat.web.pages.watching import ENDED
from preheat.web.pages.words import moment
from preheat.web.paging import Cursor
from preheat.web.runlist import page_of_runs, run_path

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from preheat.ledger import Outcome, StoredPlan

__all__ = ["Run", "router"]

router = APIRouter()

_ROWS = 25
_STATES = ("success", "failed", "running", "queued")

DagId = Annotated[str, Query(min_length=1, max_length=250, pattern=r"^[\w.-]+$")]
RunId = Annotated[str, Query(min_length=1, max_length=250)]


@dataclass(frozen=True, slots=True)
class Run:
    """A run as Airflow knows it.

    :param by: who started it, if a person did.
    """

    dag_id: str
    run_id: str
    state: str
    kind: str
    by: str
    note: str
    began: datetime | None
    ended: datetime | None
    after: datetime | None

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Run:
        """Read Airflow's answer."""
        return cls(
            dag_id=given["dag_id"],
            run_id=given["dag_run_id"],
            state=given["state"],
            kind=given["run_type"],
            by=given.get("triggering_user_name") or "",
            note=given.get("note") or "",
            began=moment(given["start_date"]),
            ended=moment(given["end_date"]),
            after=moment(given["run_after"]),
        )

    @property
    def is_open(self) -> bool:
        """Whether it goes on."""
        return self.state not in ENDED

    @property
    def seconds(self) -> float | None:
        """How long it took."""
        if self.began is None or self.ended is None:
            return None
        return (self.ended - self.began).total_seconds()


@router.get("/runs", include_in_schema=False)
async def show_runs(
    request: Request,
    reader: ReaderDep,
    calls: AirflowCallsDep,
    dag_id: Annotated[str, Query(max_length=250)] = "",
    state: Annotated[str, Query(pattern="^(success|failed|running|queued|)$")] = "",
    cursor: Cursor = "",
) -> HTMLResponse:
    """Show the runs of our DAGs, the newest first."""
    told, more = await page_of_runs(
        calls, reader, dag_id=dag_id, state=state, cursor=cursor, limit=_ROWS
    )
    runs = [Run.of(given) for given in told]
    plans = await asyncio.to_thread(
        open_ledger().overview.plans_of_runs,
        [(run.dag_id, run.run_id) for run in runs],
        reader.seen,
    )
    return show(
        request,
        "runs.html",
        runs=runs,
        plans=plans,
        dag_id=dag_id,
        dag_ids=sorted(reader.dag_ids),
        state=state,
        states=_STATES,
        is_first=not cursor,
        next=more,
    )


@router.get("/run", include_in_schema=False)
async def show_run(
    request: Request, reader: ReaderDep, calls: AirflowCallsDep, dag_id: DagId, run_id: RunId
) -> HTMLResponse:
    """Show one run."""
    return await _show(request, reader, calls, (dag_id, run_id), "run.html")  # type: ignore[return-value] # without a mark there is a page


@router.get("/run/now", include_in_schema=False)
async def show_run_now(
    request: Request,
    reader: ReaderDep,
    calls: AirflowCallsDep,
    dag_id: DagId,
    run_id: RunId,
    mark: Annotated[str, Query(max_length=64)] = "",
) -> Response:
    """Show what has changed of a run; nothing where nothing has."""
    return await _show(request, reader, calls, (dag_id, run_id), "run_state.html", mark)


async def _show(
    request: Request,
    reader: Reader,
    calls: AirflowCallsDep,
    ref: tuple[str, str],
    template: str,
    mark: str = "",
) -> Response:
    dag_id, run_id = ref
    reader.require(dag_id)
    run = Run.of(await calls.get(run_path(dag_id, run_id)))
    is_stuck = run.state == "queued" and (await calls.get(f"/dags/{dag_id}"))["is_paused"]
    overview = open_ledger().overview
    plans, outcomes = await asyncio.to_thread(
        lambda: (
            overview.plans(seen=reader.seen, dag_id=dag_id, run_id=run_id).rows,
            overview.outcomes(dag_id, run_id),
        )
    )
    now_mark = _mark(run, plans, outcomes)
    if mark == now_mark:
        return Response(status_code=HTTPStatus.NO_CONTENT.value)
    counts = Counter(outcome.verdict for outcome in outcomes)
    asked = [one for one in outcomes if one.disposition is Disposition.ASK]
    done = [one for one in asked if one.checked_at is not None]
    return show(
        request,
        template,
        run=run,
        plans=plans,
        outcomes=outcomes,
        counts=counts,
        bars=charts.bars(counts),
        asked=len(asked),
        done=len(done),
        is_stuck=is_stuck,
        mark=now_mark,
        warm=Verdict.WARM,
    )


def _mark(run: Run, plans: Sequence[StoredPlan], outcomes: Sequence[Outcome]) -> str:
    """Give another text for every other state of a run."""
    text = repr((
        run.state,
        [plan.id for plan in plans],
        [(one.placement_id, one.verdict, one.checked_at, one.job_id) for one in outcomes],
    ))
    return blake2b(text.encode(), digest_size=12).hexdigest()
