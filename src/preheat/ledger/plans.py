"""Plans: every decision of one run, and the placements that it leads to.

A run plans for one policy, or for each of those that its events touch.
"""

from __future__ import annotations

import zlib
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import and_, delete, exists, func, insert, or_, select

from preheat.difference import selected
from preheat.ledger import attempts, kept, placements
from preheat.ledger.engine import clock, upsert
from preheat.ledger.records import PlanItem, RecordedPlan
from preheat.ledger.schema import attempt, follower, image, placement, plan_placement
from preheat.ledger.schema import plan as table
from preheat.placement import grounds
from preheat.plan import Decision

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import ColumnElement, Connection, Select

    from preheat.difference import Difference, ImageName
    from preheat.ledger.records import RunRef
    from preheat.placement import PlacementKey, TrackSettings
    from preheat.plan import Plan, PlannedPlacement

__all__ = [
    "decisions",
    "decisions_of",
    "failures",
    "is_dry_plan",
    "is_dry_run",
    "of_run",
    "record",
    "selected_before",
    "spent",
]

LABEL_LENGTH = 500
DETAIL_LENGTH = 2000


def record(connection: Connection, made: Sequence[Plan], run: RunRef) -> list[RecordedPlan]:
    """Write the plans of a run, one a policy; a task that runs again replaces what it wrote.

    A dry run leaves what others asked for as it is.
    """
    _forget_others(connection, {plan.policy for plan in made}, run)
    shown = _settings(plan for plan in made if plan.dry_run)
    wanted = _settings(plan for plan in made if not plan.dry_run)
    attempts.drop_foreign(
        connection,
        {
            placements.fingerprint(key): grounds(key.scope, settings)
            for key, settings in wanted.items()
        },
    )
    ids = placements.add(connection, shown.items()) | placements.save(connection, wanted.items())
    # One order for all writers, so that two runs cannot wait for each other's rows.
    ordered = sorted(made, key=lambda plan: plan.policy)
    recorded = {plan.policy: _record(connection, plan, run, ids) for plan in ordered}
    return [recorded[plan.policy] for plan in made]


def _settings(made: Iterable[Plan]) -> dict[PlacementKey, TrackSettings]:
    return {item.key: item.settings for plan in made for item in plan.placements}


def of_run(dag_id: str, run_id: str) -> Select[Any]:
    """Address the plans of a run, by their ids."""
    return select(table.c.id).where(table.c.dag_id == dag_id, table.c.run_id == run_id)


def _forget_others(connection: Connection, policies: Collection[str], run: RunRef) -> None:
    """Remove what an earlier try planned for other policies: the run is not about them."""
    others = of_run(run.dag_id, run.run_id).where(table.c.policy.not_in(policies))
    ids = list(connection.scalars(others))
    if ids:
        connection.execute(delete(plan_placement).where(plan_placement.c.plan_id.in_(ids)))
        connection.execute(delete(table).where(table.c.id.in_(ids)))


def _record(
    connection: Connection, plan: Plan, run: RunRef, ids: Mapping[PlacementKey, int]
) -> RecordedPlan:
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
        "partial": plan.partial,
        "dry_run": plan.dry_run,
        "decisions": _pack(plan.decisions),
    }
    statement = (
        upsert(connection, table)
        .values(dag_id=run.dag_id, run_id=run.run_id, **values)
        .on_conflict_do_update(index_elements=["dag_id", "run_id", "policy"], set_=values)
        .returning(table.c.id)
    )
    plan_id: int = connection.execute(statement).scalar_one()
    return plan_id


def decisions(connection: Connection, dag_id: str, run_id: str) -> tuple[Decision, ...]:
    """Read every decision of a run's plans, in their order; empty when the run recorded none."""
    query = select(table.c.decisions).where(table.c.id.in_(of_run(dag_id, run_id)))
    rows = connection.scalars(query.order_by(table.c.id))
    return tuple(decision for packed in rows for decision in _unpack(packed))


def decisions_of(connection: Connection, plan_id: int) -> tuple[Decision, ...]:
    """Read every decision of a plan, in its order; none where there is no such plan."""
    packed = connection.scalar(select(table.c.decisions).where(table.c.id == plan_id))
    return () if packed is None else _unpack(packed)


def failures(connection: Connection, dag_id: str, run_id: str) -> tuple[str, ...]:
    """Read what makes a run a failure whatever becomes of its placements.

    Where the run has plans of several policies, each failure names its own.
    """
    query = select(table.c.policy, table.c.failures).where(table.c.id.in_(of_run(dag_id, run_id)))
    rows = connection.execute(query.order_by(table.c.id)).all()
    if len(rows) == 1:
        return tuple(rows[0].failures)
    return tuple(f"{row.policy}: {failure}" for row in rows for failure in row.failures)


def is_dry_run(connection: Connection, dag_id: str, run_id: str) -> bool:
    """Tell whether a run only showed what it would do."""
    dry = of_run(dag_id, run_id).where(table.c.dry_run)
    return bool(connection.scalar(select(dry.exists())))


def is_dry_plan(connection: Connection, plan_id: int) -> bool:
    """Tell whether a plan only shows what it would do."""
    return bool(connection.scalar(select(table.c.dry_run).where(table.c.id == plan_id)))


def selected_before(
    connection: Connection, policy: str, run: RunRef
) -> tuple[ImageName, ...] | None:
    """Read what the policy's last plan selected, this run's own not counted; None without any.

    A plan over some repositories only says nothing of the others, and so does not count. Nor does a
    dry run, which nobody acted on.
    """
    query = (
        select(table.c.decisions)
        .where(
            table.c.policy == policy,
            table.c.partial.is_(False),
            table.c.dry_run.is_(False),
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
    attempts, not on the plan: a cleared plan task forgets what its plan led to. But what only
    another policy's plan of the same run asks for is that one's.
    """
    asked = (
        select(attempt.c.placement_id, attempt.c.dag_id, attempt.c.run_id)
        .join(follower, follower.c.attempt_id == attempt.c.id)
        .join(table, and_(table.c.dag_id == follower.c.dag_id, table.c.run_id == follower.c.run_id))
        .where(table.c.policy == policy, attempt.c.asked_at.between(since, until), _is_its_own())
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


def _is_its_own() -> ColumnElement[bool]:
    """Say that an attempt is not only another plan's of the same run."""
    other = table.alias("other")
    beside = (
        exists()
        .where(other.c.dag_id == table.c.dag_id, other.c.run_id == table.c.run_id)
        .where(other.c.id != table.c.id)
        .correlate(table)
    )
    placed = plan_placement.c.placement_id == attempt.c.placement_id
    here = exists().where(plan_placement.c.plan_id == table.c.id, placed).correlate(table, attempt)
    there = beside.where(plan_placement.c.plan_id == other.c.id, placed).correlate(table, attempt)
    # Most runs have one plan: that is seen first, and costs least.
    return or_(~beside, here, ~there)


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
