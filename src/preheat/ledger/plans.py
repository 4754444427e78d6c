"""Plans: every decision of one run, and the placements that it leads to."""

from __future__ import annotations

import zlib
from dataclasses import asdict
from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import and_, delete, func, insert, or_, select

from preheat.difference import selected
from preheat.ledger import attempts, kept, placements
from preheat.ledger.engine import clock, upsert
from preheat.ledger.records import PlanItem, RecordedPlan
from preheat.ledger.schema import attempt, follower, image, placement, plan_placement
from preheat.ledger.schema import plan as table
from preheat.placement import grounds
from preheat.plan import Decision

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import Connection

    from preheat.difference import Difference, ImageName
    from preheat.ledger.records import RunRef
    from preheat.plan import Plan, PlannedPlacement

__all__ = ["decisions", "failures", "record", "selected_before", "spent"]

LABEL_LENGTH = 500
DETAIL_LENGTH = 2000


def record(connection: Connection, plan: Plan, run: RunRef) -> RecordedPlan:
    """Write the plan of a run; a plan task that runs again replaces what it wrote before."""
    wanted = {item.key: item.settings for item in plan.placements}
    attempts.drop_foreign(
        connection,
        {
            placements.fingerprint(key): grounds(key.scope, settings)
            for key, settings in wanted.items()
        },
    )
    ids = placements.save(connection, wanted.items())
    plan_id = _save(connection, plan, run)
    connection.execute(delete(plan_placement).where(plan_placement.c.plan_id == plan_id))
    items = tuple(_item(planned, ids[planned.key]) for planned in plan.placements)
    rows = [
        {
            "plan_id": plan_id,
            "position": position,
            "placement_id": item.placement_id,
            "label": item.label,
            "tags": list(planned.tags),
            "wave": item.wave,
            "disposition": item.disposition.value,
            "detail": item.detail,
            "demand": str(planned.settings.demand),
        }
        for position, (item, planned) in enumerate(zip(items, plan.placements, strict=True))
    ]
    if rows:
        connection.execute(insert(plan_placement), rows)
    kept.follow(connection, plan_id, clock(connection))
    return RecordedPlan(plan_id=plan_id, items=items)


def _item(planned: PlannedPlacement, placement_id: int) -> PlanItem:
    return PlanItem(
        placement_id=placement_id,
        cluster=planned.key.cluster,
        wave=planned.wave,
        label=planned.label[:LABEL_LENGTH],
        disposition=planned.disposition,
        detail=planned.detail[:DETAIL_LENGTH],
    )


def _save(connection: Connection, plan: Plan, run: RunRef) -> int:
    """Write the plan's own row and tell its id."""
    values = {
        "policy": plan.policy,
        "policy_hash": plan.policy_hash,
        "policy_text": plan.policy_text,
        "clusters": [dict(cluster) for cluster in plan.clusters],
        "warnings": list(plan.warnings),
        "failures": list(plan.failures),
        "accept_partial": plan.accept_partial,
        "evaluated_at": plan.evaluated_at,
        "recorded_at": clock(connection),
        "counts": plan.counts(),
        "bytes": {cluster: asdict(counted) for cluster, counted in plan.bytes.items()},
        "difference": _as_data(plan.difference),
        "keep_warm": kept.as_data(plan.keep_warm),
        "decisions": _pack(plan.decisions),
    }
    statement = (
        upsert(connection, table)
        .values(dag_id=run.dag_id, run_id=run.run_id, **values)
        .on_conflict_do_update(index_elements=["dag_id", "run_id"], set_=values)
        .returning(table.c.id)
    )
    plan_id: int = connection.execute(statement).scalar_one()
    return plan_id


def decisions(connection: Connection, dag_id: str, run_id: str) -> tuple[Decision, ...]:
    """Read every decision of a run's plan, in its order; empty when the run recorded none."""
    query = select(table.c.decisions).where(table.c.dag_id == dag_id, table.c.run_id == run_id)
    packed = connection.scalar(query)
    return () if packed is None else _unpack(packed)


def failures(connection: Connection, dag_id: str, run_id: str) -> tuple[str, ...]:
    """Read what makes a run's plan a failure whatever becomes of its placements."""
    query = select(table.c.failures).where(table.c.dag_id == dag_id, table.c.run_id == run_id)
    return tuple(connection.scalar(query) or ())


def selected_before(
    connection: Connection, policy: str, run: RunRef
) -> tuple[ImageName, ...] | None:
    """Read what the policy's last plan selected, this run's own not counted; None without any."""
    query = (
        select(table.c.decisions)
        .where(
            table.c.policy == policy,
            or_(table.c.dag_id != run.dag_id, table.c.run_id != run.run_id),
        )
        .order_by(table.c.evaluated_at.desc(), table.c.id.desc())
        .limit(1)
    )
    packed = connection.scalar(query)
    return None if packed is None else selected(_unpack(packed))


def spent(connection: Connection, policy: str, since: datetime, until: datetime) -> dict[str, int]:
    """Sum up what the policy asked of each cluster in that time, in bytes; a retry costs nothing.

    At most too high: blobs that images share count for each of them. Rests on who followed the
    attempts, not on the plan: a cleared plan task forgets what its plan led to.
    """
    asked = (
        select(attempt.c.placement_id, attempt.c.dag_id, attempt.c.run_id)
        .join(follower, follower.c.attempt_id == attempt.c.id)
        .join(table, and_(table.c.dag_id == follower.c.dag_id, table.c.run_id == follower.c.run_id))
        .where(table.c.policy == policy, attempt.c.asked_at.between(since, until))
        .distinct()
        .subquery()
    )
    query = (
        select(placement.c.cluster, func.sum(image.c.size))
        .join(asked, asked.c.placement_id == placement.c.id)
        .join(image, image.c.digest == placement.c.digest)
        .group_by(placement.c.cluster)
    )
    return {cluster: int(total) for cluster, total in connection.execute(query)}


def _as_data(found: Difference | None) -> dict[str, object] | None:
    """Keep what came and went; of what stayed only the number, for the decisions have the names."""
    if found is None:
        return None
    named = {key: [asdict(name) for name in getattr(found, key)] for key in ("added", "removed")}
    return {**named, "kept": len(found.kept)}


def _pack(made: Sequence[Decision]) -> bytes:
    return zlib.compress(msgspec.json.encode(tuple(made)), level=1)


def _unpack(packed: bytes) -> tuple[Decision, ...]:
    return msgspec.json.decode(zlib.decompress(packed), type=tuple[Decision, ...])
