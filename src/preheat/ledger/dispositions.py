"""What becomes of placements after the plan: a budget that is lifted, a window that closed."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from sqlalchemy import select, update

from preheat.ledger import kept
from preheat.ledger.engine import clock, in_parts
from preheat.ledger.schema import placement, plan, plan_placement
from preheat.plan import Disposition

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection, ScalarSelect

__all__ = ["close_window", "hold_to_budget", "lift_budget"]


def lift_budget(connection: Connection, dag_id: str, run_id: str, most: int) -> int:
    """Ask for what the budget of a run left out too, up to ``most`` of each cluster; tell how many.

    What is more than that waits for the next run. A lifted placement keeps the budget's words, so
    that :func:`hold_to_budget` can take it back.
    """
    own = _plan_id(dag_id, run_id)
    plan_id = connection.scalar(select(own))
    query = (
        select(plan_placement.c.position, plan_placement.c.disposition, placement.c.cluster)
        .join(placement, placement.c.id == plan_placement.c.placement_id)
        .where(plan_placement.c.plan_id == own)
        .order_by(plan_placement.c.position)
    )
    rows = connection.execute(query).all()
    asked = Counter(row.cluster for row in rows if row.disposition == Disposition.ASK.value)
    lifted: list[int] = []
    late: list[int] = []
    for row in rows:
        if row.disposition == Disposition.OVER_BUDGET.value:
            (lifted if asked[row.cluster] < most else late).append(row.position)
            asked[row.cluster] += 1
    _set(connection, own, lifted, disposition=Disposition.ASK.value)
    words = f"one run takes {most} placements of a cluster; {len(late)} wait for the next"
    _set(connection, own, late, disposition=Disposition.NEXT_RUN.value, detail=words)
    if plan_id is not None:
        kept.follow(connection, plan_id, clock(connection))
    return len(lifted)


def hold_to_budget(connection: Connection, dag_id: str, run_id: str) -> None:
    """Take back what :func:`lift_budget` lifted: what is asked for, though words say why not."""
    statement = (
        update(plan_placement)
        .where(
            plan_placement.c.plan_id == _plan_id(dag_id, run_id),
            plan_placement.c.disposition == Disposition.ASK.value,
            plan_placement.c.detail != "",
        )
        .values(disposition=Disposition.OVER_BUDGET.value)
    )
    connection.execute(statement)


def close_window(
    connection: Connection, dag_id: str, run_id: str, cluster: str, detail: str
) -> int:
    """Leave out what a run has still to ask of a cluster; tell how many placements that are."""
    own = _plan_id(dag_id, run_id)
    query = (
        select(plan_placement.c.position)
        .join(placement, placement.c.id == plan_placement.c.placement_id)
        .where(
            plan_placement.c.plan_id == own,
            plan_placement.c.disposition == Disposition.ASK.value,
            placement.c.cluster == cluster,
        )
    )
    positions = list(connection.scalars(query))
    closed = Disposition.WINDOW_CLOSED.value
    _set(connection, own, positions, disposition=closed, detail=detail)
    return len(positions)


def _plan_id(dag_id: str, run_id: str) -> ScalarSelect[int]:
    own = select(plan.c.id).where(plan.c.dag_id == dag_id, plan.c.run_id == run_id)
    return own.scalar_subquery()


def _set(
    connection: Connection, own: ScalarSelect[int], positions: Sequence[int], **values: str
) -> None:
    change = update(plan_placement).where(plan_placement.c.plan_id == own).values(**values)
    for some in in_parts(positions):
        connection.execute(change.where(plan_placement.c.position.in_(some)))
