"""What stands already when a run comes to ask: the closed attempts that answer for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import exists, select

from preheat.demand import Demand
from preheat.ledger import attempts
from preheat.ledger.placements import read_seen
from preheat.ledger.schema import attempt as table
from preheat.ledger.schema import follower, placement, plan, plan_placement
from preheat.verdict import Verdict

if TYPE_CHECKING:
    from sqlalchemy import Connection, RowMapping

    from preheat.ledger.records import Attempt, RunRef

__all__ = ["for_run"]


def for_run(connection: Connection, placement_id: int, run: RunRef) -> Attempt | None:
    """Find the closed attempt that a try of a run follows instead of asking; None if it must ask.

    It is what a later try of the same task followed, or else what another run proved warm since
    this run was planned.
    """
    later = _followed_later(connection, placement_id, run)
    return later or _proved_since(connection, placement_id, run)


def _followed_later(connection: Connection, placement_id: int, run: RunRef) -> Attempt | None:
    """Find what a later try of this task has followed: this one was given up for dead long ago.

    Airflow counts tries upwards, also when a task is cleared. A worker that could not reach the API
    server for a while wakes up when the next try may have ended, and would ask once more.
    """
    query = (
        select(table.c.id)
        .join(follower, follower.c.attempt_id == table.c.id)
        .where(table.c.placement_id == placement_id, table.c.job_id.is_not(None))
        .where(follower.c.dag_id == run.dag_id, follower.c.run_id == run.run_id)
        .where(follower.c.try_number > run.try_number)
        .order_by(table.c.id.desc())
    )
    found = connection.scalars(query).first()
    return attempts.get(connection, found) if found is not None else None


def _proved_since(connection: Connection, placement_id: int, run: RunRef) -> Attempt | None:
    """Find what another run proved warm while this one waited for its turn.

    Two plans made together both say *ask*, and only one has to. Where plans of this run want it for
    several policies, it must do for all of them. Not what this run followed before:
    a task that is cleared asks anew. Nor an attempt that is older than the plan, whatever was seen
    without any since: what it found is not what was seen.
    """
    last = (
        select(table.c.id)
        .where(table.c.placement_id == placement_id, table.c.finding.is_not(None))
        .where(table.c.verdict != Verdict.UNKNOWN.value)
        .order_by(table.c.closed_at.desc(), table.c.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    followed = exists().where(
        follower.c.attempt_id == last,
        follower.c.dag_id == run.dag_id,
        follower.c.run_id == run.run_id,
    )
    query = (
        select(placement, plan_placement.c.demand, plan.c.recorded_at, last.label("last"))
        .join(plan_placement, plan_placement.c.placement_id == placement.c.id)
        .join(plan, plan.c.id == plan_placement.c.plan_id)
        .where(plan.c.dag_id == run.dag_id, plan.c.run_id == run.run_id)
        .where(placement.c.id == placement_id)
        .where(~followed)
    )
    rows = connection.execute(query).mappings().all()
    if not rows or rows[0]["last"] is None:
        return None
    found = attempts.get(connection, rows[0]["last"])
    return found if all(_does_for(found, row) for row in rows) else None


def _does_for(found: Attempt, row: RowMapping) -> bool:
    """Whether what an attempt proved is younger than the plan that asks, and meets its demand."""
    planned, checked = row["recorded_at"], row["checked_at"]
    if found.job_id is None or found.finding is None or checked is None or checked < planned:
        return False
    if found.closed_at is None or found.closed_at < planned:
        return False
    # Whether a job's word is enough is for whoever proves: it asks the peers, not Dragonfly again.
    demand = Demand(min_hosts=Demand.parse(row["demand"]).min_hosts)
    is_warm = found.finding.under(demand).verdict is Verdict.WARM
    return is_warm and read_seen(row).is_warm_under(demand)
