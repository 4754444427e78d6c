"""What is wanted now: the placements that policies want warm, and people who typed an image.

A row for each policy and placement, written with the plan that says so: asking all plans anew who
wants what would take the longer the more runs are remembered.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, exists, or_, select, update

from preheat.ledger.engine import in_parts, upsert
from preheat.ledger.schema import kept, plan, plan_placement
from preheat.ledger.schema import want as table
from preheat.plan import IMAGES_PLAN, LOOKS

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from sqlalchemy import ColumnElement, Connection, RowMapping, Select

__all__ = [
    "TYPED_FOR",
    "follow",
    "forget_expired",
    "forget_others",
    "holds",
    "placements_now",
    "seen_by",
]

TYPED_FOR = timedelta(days=7)
"""For how long a typed image is wanted: nobody ever takes such a wish back."""

_KEY = ["placement_id", "policy"]
_LATEST = ("dag_id", "label", "tags", "wanted_at", "until")
_LATEST_UNTAGGED = ("dag_id", "wanted_at", "until")
_OF_POLICIES = "preheat\\_\\_%"


def holds(
    now: datetime, dag_ids: Collection[str] | None = None, policy: str = ""
) -> list[ColumnElement[bool]]:
    """Say of a want that it holds now, and that it may be seen.

    :param dag_ids: only wants of these DAGs; None for all.
    :param policy: only its wants; "" for all.
    """
    conditions: list[ColumnElement[bool]] = [or_(table.c.until.is_(None), table.c.until > now)]
    conditions += seen_by(dag_ids)
    if policy:
        conditions.append(table.c.policy == policy)
    return conditions


def seen_by(dag_ids: Collection[str] | None) -> list[ColumnElement[bool]]:
    """Say of a want that it is of one of these DAGs; nothing where all may be seen."""
    return [] if dag_ids is None else [table.c.dag_id.in_(sorted(dag_ids))]


def placements_now(
    now: datetime, dag_ids: Collection[str] | None = None, policy: str = ""
) -> Select[Any]:
    """Address the placements that somebody wants now, by their ids; parameters as of ``holds``."""
    return select(table.c.placement_id).where(*holds(now, dag_ids, policy))


def follow(connection: Connection, plan_id: int, now: datetime) -> None:
    """Note what a plan wants; one over all that its policy looks at ends what it does not want.

    What the policy wants kept warm a while longer stays wanted so long.
    """
    columns = (plan.c.id, plan.c.policy, plan.c.dag_id, plan.c.partial, plan.c.dry_run)
    made = connection.execute(select(*columns).where(plan.c.id == plan_id)).mappings().one()
    if made["dry_run"] or made["policy"] in LOOKS:
        return
    typed = made["policy"] == IMAGES_PLAN
    if not typed and not made["partial"]:
        _end_others(connection, made["policy"], plan_id, now)
    items = (
        select(plan_placement.c.placement_id, plan_placement.c.label, plan_placement.c.tags)
        .where(plan_placement.c.plan_id == plan_id)
        # One order for all writers, so that two plans cannot wait for each other's rows.
        .order_by(plan_placement.c.placement_id)
    )
    same = {
        "policy": made["policy"],
        "dag_id": _owner(connection, made),
        "wanted_at": now,
        "until": now + TYPED_FOR if typed else None,
    }
    rows = {row["placement_id"]: {**row, **same} for row in connection.execute(items).mappings()}
    if not rows:
        return
    insert = upsert(connection, table)
    # Who asks for it again by its digest takes no tag away.
    for is_tagged, names in ((True, _LATEST), (False, _LATEST_UNTAGGED)):
        some = [row for row in rows.values() if bool(row["tags"]) is is_tagged]
        latest = {name: insert.excluded[name] for name in names}
        if some:
            statement = insert.on_conflict_do_update(index_elements=_KEY, set_=latest)
            connection.execute(statement, some)


def _owner(connection: Connection, made: RowMapping) -> str:
    """Name the DAG whose readers may see it: the policy's own, also where events led to a plan."""
    if not made["partial"]:
        return str(made["dag_id"])
    query = (
        select(plan.c.dag_id)
        .where(plan.c.policy == made["policy"], plan.c.partial.is_(False), ~plan.c.dry_run)
        .order_by(plan.c.id.desc())
        .limit(1)
    )
    return str(connection.scalar(query) or made["dag_id"])


def _end_others(connection: Connection, policy: str, plan_id: int, now: datetime) -> None:
    planned = exists().where(
        plan_placement.c.plan_id == plan_id, plan_placement.c.placement_id == table.c.placement_id
    )
    others = (table.c.policy == policy, ~planned)
    until = (
        select(kept.c.keep_until)
        .where(kept.c.policy == policy, kept.c.placement_id == table.c.placement_id)
        .where(kept.c.keep_until > now)
        .scalar_subquery()
    )
    connection.execute(update(table).where(*others, until.is_not(None)).values(until=until))
    connection.execute(delete(table).where(*others, until.is_(None)))


def forget_others(connection: Connection, policies: Collection[str]) -> int:
    """Remove what policies wanted whose files are gone; tells how many rows.

    :param policies: names of those that are there, well or broken.
    """
    query = select(table.c.policy).where(table.c.dag_id.like(_OF_POLICIES, escape="\\")).distinct()
    gone = sorted(set(connection.scalars(query)) - set(policies))
    return sum(
        connection.execute(delete(table).where(table.c.policy.in_(some))).rowcount
        for some in in_parts(gone)
    )


def forget_expired(connection: Connection, now: datetime) -> int:
    """Remove what nobody wants any more; tells how many rows."""
    return connection.execute(delete(table).where(table.c.until <= now)).rowcount
