"""What placements were called by the plans that wanted them last: labels and tags."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import func, select

from preheat.ledger import wanted
from preheat.ledger.engine import in_parts
from preheat.ledger.planlist import seen_by
from preheat.ledger.schema import plan, plan_placement, want

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from sqlalchemy import Connection

__all__ = ["Name", "names"]


class Name(NamedTuple):
    """What a plan called a placement.

    :param is_tagged: first, so that a name with tags goes before one by digest.
    :param at: when the plan was made.
    :param label: for a person, ``library/app:1.2 linux/amd64``.
    """

    is_tagged: bool
    at: datetime
    label: str
    tags: tuple[str, ...]


def names(
    connection: Connection, placement_ids: Sequence[int], dag_ids: Collection[str] | None = None
) -> dict[int, Name]:
    """Name placements; who wants them now tells it at once, of the others the plans are asked.

    :param dag_ids: only by what plans of these DAGs called them; None for all.
    """
    found: dict[int, Name] = {}
    for some in in_parts(placement_ids):
        query = select(want).where(want.c.placement_id.in_(some), *wanted.seen_by(dag_ids))
        for row in connection.execute(query.order_by(want.c.wanted_at)):
            name = Name(bool(row.tags), row.wanted_at, row.label, tuple(row.tags))
            found[row.placement_id] = max(name, found.get(row.placement_id, name))
    others = [one for one in placement_ids if one not in found]
    for some in in_parts(others):
        last = (
            select(plan_placement.c.placement_id, func.max(plan_placement.c.plan_id).label("id"))
            .join(plan, plan.c.id == plan_placement.c.plan_id)
            .where(plan_placement.c.placement_id.in_(some), *seen_by(dag_ids))
            .group_by(plan_placement.c.placement_id)
            .subquery()
        )
        query = (
            select(plan_placement, plan.c.recorded_at)
            .join(plan, plan.c.id == plan_placement.c.plan_id)
            .join(
                last,
                (last.c.placement_id == plan_placement.c.placement_id)
                & (last.c.id == plan_placement.c.plan_id),
            )
        )
        for row in connection.execute(query):
            found[row.placement_id] = Name(
                bool(row.tags), row.recorded_at, row.label, tuple(row.tags)
            )
    return found
