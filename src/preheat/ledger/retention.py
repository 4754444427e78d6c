"""Retention: what the ledger may forget, and what it never does.

Never an open attempt, nor the last plan of a policy over all that it looks
at, nor the last attempt and the last proof of a placement, nor what a plan that stays refers to.
Placements and images stay: they are small, and the verdict of a placement is its last proof.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import and_, delete, exists, or_, select

from preheat.ledger.schema import (
    attempt,
    event,
    follower,
    ignored_event,
    plan,
    plan_placement,
)

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection

__all__ = ["Pruned", "forget_attempts", "forget_events", "forget_ignored", "forget_plans"]


@dataclass(frozen=True, slots=True)
class Pruned:
    """How much was forgotten.

    :param kept: rows of what was to be kept warm until a moment that has passed.
    :param events: those that a run took up, and those that waited in vain for so long.
    """

    plans: int = 0
    attempts: int = 0
    kept: int = 0
    events: int = 0


def forget_plans(connection: Connection, before: datetime, most: int) -> int:
    """Remove up to ``most`` plans that are older and not their policy's last; tells how many.

    One over some repositories only takes no other's place, and nothing is compared with it; nor
    with a dry run.
    """
    later = plan.alias("later")
    used = (
        exists()
        .where(plan_placement.c.plan_id == plan.c.id)
        .where(attempt.c.id == plan_placement.c.attempt_id, attempt.c.closed_at.is_(None))
    )
    query = (
        select(plan.c.id)
        .where(
            plan.c.recorded_at < before,
            or_(
                plan.c.partial,
                plan.c.dry_run,
                exists()
                .where(later.c.policy == plan.c.policy, later.c.recorded_at > plan.c.recorded_at)
                .where(~later.c.partial, ~later.c.dry_run)
                .correlate(plan),
            ),
            ~used.correlate(plan),
        )
        .order_by(plan.c.id)
        .limit(most)
    )
    ids = list(connection.scalars(query))
    if ids:
        connection.execute(delete(plan_placement).where(plan_placement.c.plan_id.in_(ids)))
        connection.execute(delete(plan).where(plan.c.id.in_(ids)))
    return len(ids)


def forget_attempts(connection: Connection, before: datetime, most: int) -> int:
    """Remove up to ``most`` attempts that closed before, nothing rests on any more; tells how many.

    A later attempt takes a place only if it proved something, or the older one did not either.
    """
    later = attempt.alias("later")
    query = (
        select(attempt.c.id)
        .where(
            attempt.c.closed_at < before,
            exists()
            .where(
                later.c.placement_id == attempt.c.placement_id,
                later.c.id > attempt.c.id,
                or_(
                    attempt.c.finding.is_(None),
                    and_(later.c.closed_at.is_not(None), later.c.finding.is_not(None)),
                ),
            )
            .correlate(attempt),
            ~exists().where(plan_placement.c.attempt_id == attempt.c.id).correlate(attempt),
        )
        .order_by(attempt.c.id)
        .limit(most)
    )
    ids = list(connection.scalars(query))
    if ids:
        connection.execute(delete(follower).where(follower.c.attempt_id.in_(ids)))
        connection.execute(delete(attempt).where(attempt.c.id.in_(ids)))
    return len(ids)


def forget_events(connection: Connection, before: datetime, most: int) -> int:
    """Remove up to ``most`` events that a run took up before; tells how many.

    Also those that wait since before for a run that never came: else what a webhook tells would
    fill the ledger where no policy listens any more.
    """
    in_vain = and_(event.c.handled_at.is_(None), event.c.due_at < before)
    query = select(event.c.id).where(or_(event.c.handled_at < before, in_vain)).limit(most)
    ids = list(connection.scalars(query))
    if ids:
        connection.execute(delete(event).where(event.c.id.in_(ids)))
    return len(ids)


def forget_ignored(connection: Connection, before: datetime) -> None:
    """Remove the counts of what did not come any more since then."""
    connection.execute(delete(ignored_event).where(ignored_event.c.last_at < before))
