"""Outcomes: what became of everything that one run planned."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from preheat.demand import Demand
from preheat.ledger import attempts
from preheat.ledger.placements import read_key, read_seen
from preheat.ledger.records import Outcome
from preheat.ledger.schema import attempt, placement, plan, plan_placement
from preheat.plan import Disposition
from preheat.verdict import Verdict

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection, RowMapping

    from preheat.ledger.records import Attempt

__all__ = ["of_run"]


def of_run(connection: Connection, dag_id: str, run_id: str) -> list[Outcome]:
    """Tell the outcome of each placement in the run's plans, in their order; empty without one."""
    query = (
        select(plan_placement, placement, plan.c.recorded_at, plan.c.policy, plan.c.accept_partial)
        .join(plan, plan.c.id == plan_placement.c.plan_id)
        .join(placement, placement.c.id == plan_placement.c.placement_id)
        .where(plan.c.dag_id == dag_id, plan.c.run_id == run_id)
        .order_by(plan_placement.c.plan_id, plan_placement.c.position)
    )
    rows = connection.execute(query).mappings().all()
    joined = (
        select(attempt)
        .join(plan_placement, plan_placement.c.attempt_id == attempt.c.id)
        .join(plan, plan.c.id == plan_placement.c.plan_id)
        .where(plan.c.dag_id == dag_id, plan.c.run_id == run_id)
    )
    made = {row["id"]: attempts.read(row) for row in connection.execute(joined).mappings()}
    return [_outcome(row, made.get(row["attempt_id"])) for row in rows]


def _outcome(row: RowMapping, made: Attempt | None) -> Outcome:
    disposition = Disposition(row["disposition"])
    demand = Demand.parse(row["demand"])
    verdict, checked_at, words = _judgement(row, disposition, made, demand)
    return Outcome(
        placement_id=row["placement_id"],
        key=read_key(row),
        label=row["label"],
        wave=row["wave"],
        disposition=disposition,
        detail=row["detail"],
        verdict=verdict,
        checked_at=checked_at,
        words=words,
        attempt=made,
        demand=demand,
        policy=row["policy"],
        accept_partial=row["accept_partial"],
    )


def _judgement(
    row: RowMapping, disposition: Disposition, made: Attempt | None, demand: Demand
) -> tuple[Verdict, datetime | None, str]:
    """Find verdict, its time and its words; what was not checked in this run is UNKNOWN."""
    if made is not None:
        if made.verdict is None:
            return Verdict.UNKNOWN, None, made.words or "not proved yet: the attempt is still open"
        if made.finding is None:
            return made.verdict, None, made.words
        judged = made.finding.under(demand)
        words = made.words if judged.verdict is made.verdict else judged.words
        return judged.verdict, made.closed_at, words
    verdict = read_seen(row).under(demand)
    if disposition is Disposition.ALREADY_WARM:
        return verdict, row["checked_at"], row["detail"]
    is_look = disposition is Disposition.LOOK
    if row["checked_at"] is not None and row["checked_at"] >= row["recorded_at"]:
        return verdict, row["checked_at"], "" if is_look else "checked by another run"
    return Verdict.UNKNOWN, None, "nothing was seen" if is_look else "not asked"
