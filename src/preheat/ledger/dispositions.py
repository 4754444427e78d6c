"""What becomes of placements after the plan: a budget that is lifted, a window that closed."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from sqlalchemy import select, tuple_, update

from preheat.ledger import kept, plans
from preheat.ledger.engine import clock, in_parts
from preheat.ledger.schema import placement, plan_placement
from preheat.plan import Disposition

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    # A plan and a position in it.
    _Item = tuple[int, int]

__all__ = ["close_window", "hold_to_budget", "lift_budget"]


def lift_budget(connection: Connection, dag_id: str, run_id: str, most: int) -> int:
    """Ask for what the budget of a run left out too, up to ``most`` of each cluster; tell how many.

    What is more than that waits for the next run. A lifted placement keeps the budget's words, so
    that :func:`hold_to_budget` can take it back.
    """
    own = list(connection.scalars(plans.of_run(dag_id, run_id)))
    query = (
        select(
            plan_placement.c.plan_id,
            plan_placement.c.position,
            plan_placement.c.disposition,
            placement.c.cluster,
        )
        .join(placement, placement.c.id == plan_placement.c.placement_id)
        .where(plan_placement.c.plan_id.in_(own))
        .order_by(plan_placement.c.plan_id, plan_placement.c.position)
    )
    rows = connection.execute(query).all()
    asked = Counter(row.cluster for row in rows if row.disposition == Disposition.ASK.value)
    lifted: list[_Item] = []
    late: list[_Item] = []
    for row in rows:
        if row.disposition == Disposition.OVER_BUDGET.value:
            (lifted if asked[row.cluster] < most else late).append((row.plan_id, row.position))
            asked[row.cluster] += 1
    _set(connection, lifted, disposition=Disposition.ASK.value)
    words = f"one run takes {most} placements of a cluster; {len(late)} wait for the next"
    _set(connection, late, disposition=Disposition.NEXT_RUN.value, detail=words)
    for plan_id in own:
        kept.follow(connection, plan_id, clock(connection))
    return len(lifted)


def hold_to_budget(connection: Connection, dag_id: str, run_id: str) -> None:
    """Take back what :func:`lift_budget` lifted: what is asked for, though words say why not."""
    statement = (
        update(plan_placement)
        .where(
            plan_placement.c.plan_id.in_(plans.of_run(dag_id, run_id)),
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
    query = (
        select(plan_placement.c.plan_id, plan_placement.c.position)
        .join(placement, placement.c.id == plan_placement.c.placement_id)
        .where(
            plan_placement.c.plan_id.in_(plans.of_run(dag_id, run_id)),
            plan_placement.c.disposition == Disposition.ASK.value,
            placement.c.cluster == cluster,
        )
    )
    items = [(row.plan_id, row.position) for row in connection.execute(query)]
    _set(connection, items, disposition=Disposition.WINDOW_CLOSED.value, detail=detail)
    return len(items)


def _set(connection: Connection, items: Sequence[_Item], **values: str) -> None:
    change = update(plan_placement).values(**values)
    key = tuple_(plan_placement.c.plan_id, plan_placement.c.position)
    for some in in_parts(items):
        connection.execute(change.where(key.in_(some)))
