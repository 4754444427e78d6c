"""What is wanted warm now: the placements that the latest plans ask for.

A plan of a policy speaks until its next one; what came by events since then is added to it. Images
that a person typed are wanted for a week: nobody ever takes such a wish back. What a policy keeps
warm is wanted as long as it says so. A dry run wants nothing.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, func, or_, select, union_all

from preheat.ledger.schema import kept, plan, plan_placement
from preheat.plan import IMAGES_PLAN, LOOKS

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from sqlalchemy import ColumnElement, CompoundSelect, Select

__all__ = ["TYPED_FOR", "placements_now", "plans_now", "seen_by"]

TYPED_FOR = timedelta(days=7)
"""For how long a typed image is wanted after its run was planned."""


def plans_now(
    now: datetime, dag_ids: Collection[str] | None = None, policy: str = ""
) -> Select[Any]:
    """Address the plans that say what is wanted now, by their ids.

    :param now: by the database's clock.
    :param dag_ids: only plans of these DAGs; None for all.
    :param policy: only its plans; "" for all.
    """
    last = (
        select(plan.c.policy, func.max(plan.c.id).label("id"))
        .where(plan.c.partial.is_(False), plan.c.dry_run.is_(False))
        .where(plan.c.policy.not_in([IMAGES_PLAN, *LOOKS]))
        .group_by(plan.c.policy)
        .subquery("last")
    )
    typed = and_(plan.c.policy == IMAGES_PLAN, plan.c.recorded_at >= now - TYPED_FOR)
    speaks = and_(
        plan.c.policy.not_in([IMAGES_PLAN, *LOOKS]),
        or_(last.c.id.is_(None), plan.c.id >= last.c.id),
    )
    query = (
        select(plan.c.id)
        .select_from(plan.outerjoin(last, last.c.policy == plan.c.policy))
        .where(plan.c.dry_run.is_(False), or_(typed, speaks), *seen_by(dag_ids))
    )
    return query.where(plan.c.policy == policy) if policy else query


def placements_now(
    now: datetime, dag_ids: Collection[str] | None = None, policy: str = ""
) -> CompoundSelect[Any]:
    """Address the placements that are wanted now, by their ids; parameters as of ``plans_now``.

    What is kept warm counts for whoever may see a plan of the policy that keeps it.
    """
    planned = select(plan_placement.c.placement_id).where(
        plan_placement.c.plan_id.in_(plans_now(now, dag_ids, policy))
    )
    wishes = select(kept.c.placement_id).where(kept.c.keep_until >= now)
    if policy:
        wishes = wishes.where(kept.c.policy == policy)
    if dag_ids is not None:
        seen = select(plan.c.policy).where(*seen_by(dag_ids))
        wishes = wishes.where(kept.c.policy.in_(seen))
    return union_all(planned, wishes)


def seen_by(dag_ids: Collection[str] | None) -> list[ColumnElement[bool]]:
    """Say that a plan is of one of these DAGs; nothing where all may be seen."""
    return [] if dag_ids is None else [plan.c.dag_id.in_(sorted(dag_ids))]
