"""Plans and runs, as a person looks them up: newest first, a page at a time."""

from __future__ import annotations

from collections import defaultdict
from itertools import islice
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select, tuple_

from preheat.ledger import attempts, plans, wanted
from preheat.ledger.overviewrecords import Listed, PlannedItem, StoredPlan
from preheat.ledger.schema import attempt, plan, plan_placement

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from sqlalchemy import Connection, RowMapping, Select

    from preheat.ledger.overviewrecords import Chosen
    from preheat.ledger.records import Attempt
    from preheat.plan import Decision

__all__ = [
    "attempts_of",
    "clusters",
    "dag_ids",
    "decisions",
    "get",
    "items_of",
    "latest",
    "latest_of_each",
    "of_runs",
    "page",
    "policies",
]

_RECENT = 200

_COLUMNS = [column for column in plan.c if column.name != "decisions"]


def dag_ids(connection: Connection) -> set[str]:
    """Name the DAGs that ever planned something."""
    return set(connection.scalars(select(plan.c.dag_id).distinct()))


def policies(connection: Connection, seen: Collection[str] | None = None) -> list[str]:
    """Name the policies that ever planned something, typed images and looks among them."""
    query = select(plan.c.policy).where(*wanted.seen_by(seen)).distinct()
    return sorted(connection.scalars(query))


def page(
    connection: Connection,
    *,
    seen: Collection[str] | None = None,
    policy: str = "",
    dag_id: str = "",
    run_id: str = "",
    before: int | None = None,
    limit: int = 25,
) -> Listed[StoredPlan]:
    """Read a page of plans, the newest first.

    :param seen: DAGs whose plans may be seen; None for all.
    :param before: id of the last plan of the page before.
    """
    query = select(*_COLUMNS).where(*wanted.seen_by(seen)).order_by(plan.c.id.desc())
    for column, value in ((plan.c.policy, policy), (plan.c.dag_id, dag_id)):
        if value:
            query = query.where(column == value)
    if run_id:
        query = query.where(plan.c.run_id == run_id)
    if before is not None:
        query = query.where(plan.c.id < before)
    found = _read(connection, query.limit(limit + 1))
    more = (found[limit - 1].id,) if len(found) > limit else None
    return Listed(tuple(found[:limit]), more)


def get(
    connection: Connection, plan_id: int, seen: Collection[str] | None = None
) -> StoredPlan | None:
    """Read one plan; None where there is none, or it may not be seen."""
    query = select(*_COLUMNS).where(plan.c.id == plan_id, *wanted.seen_by(seen))
    return next(iter(_read(connection, query)), None)


def latest(
    connection: Connection, policy: str, seen: Collection[str] | None = None
) -> StoredPlan | None:
    """Read the last plan over all that a policy looks at, dry runs not counted."""
    query = (
        select(*_COLUMNS)
        .where(plan.c.policy == policy, plan.c.partial.is_(False), plan.c.dry_run.is_(False))
        .where(*wanted.seen_by(seen))
        .order_by(plan.c.id.desc())
        .limit(1)
    )
    return next(iter(_read(connection, query)), None)


def latest_of_each(
    connection: Connection, names: Collection[str], seen: Collection[str] | None = None
) -> dict[str, StoredPlan]:
    """Read the last plan of each of these policies, as :func:`latest` does of one."""
    last = (
        select(func.max(plan.c.id))
        .where(plan.c.policy.in_(sorted(names)))
        .where(plan.c.partial.is_(False), plan.c.dry_run.is_(False), *wanted.seen_by(seen))
        .group_by(plan.c.policy)
    )
    found = _read(connection, select(*_COLUMNS).where(plan.c.id.in_(last)))
    return {one.policy: one for one in found}


def of_runs(
    connection: Connection,
    runs: Collection[tuple[str, str]],
    seen: Collection[str] | None = None,
) -> dict[tuple[str, str], list[StoredPlan]]:
    """Read the plans of these runs, by DAG id and run id."""
    found: dict[tuple[str, str], list[StoredPlan]] = defaultdict(list)
    query = (
        select(*_COLUMNS)
        .where(tuple_(plan.c.dag_id, plan.c.run_id).in_(sorted(runs)), *wanted.seen_by(seen))
        .order_by(plan.c.id)
    )
    for one in _read(connection, query):
        found[one.dag_id, one.run_id].append(one)
    return dict(found)


def clusters(
    connection: Connection, seen: Collection[str] | None = None
) -> list[Mapping[str, Any]]:
    """Read the entry of each cluster as a plan used it last, by name; of the last 200 plans."""
    query = select(plan.c.clusters).where(*wanted.seen_by(seen)).order_by(plan.c.id.desc())
    found: dict[str, Mapping[str, Any]] = {}
    for entries in connection.scalars(query.limit(_RECENT)):
        for entry in entries:
            found.setdefault(entry["name"], entry)
    return [found[name] for name in sorted(found)]


def decisions(
    connection: Connection,
    plan_id: int,
    chosen: Chosen,
    *,
    after: int | None = None,
    limit: int = 100,
) -> Listed[tuple[int, Decision]]:
    """Read a page of a plan's decisions, each with its position, in the plan's order.

    :param after: position of the last decision of the page before.
    """
    first = 0 if after is None else after + 1
    rest = enumerate(plans.decisions_of(connection, plan_id)[first:], start=first)
    taken = ((position, decision) for position, decision in rest if chosen.takes(decision))
    found = list(islice(taken, limit + 1))
    more = (found[limit - 1][0],) if len(found) > limit else None
    return Listed(tuple(found[:limit]), more)


def _read(connection: Connection, query: Select[Any]) -> list[StoredPlan]:
    rows = connection.execute(query).mappings().all()
    counted = _dispositions(connection, [row["id"] for row in rows])
    return [_plan(row, counted[row["id"]]) for row in rows]


def _dispositions(connection: Connection, ids: Sequence[int]) -> dict[int, dict[str, int]]:
    found: dict[int, dict[str, int]] = defaultdict(dict)
    if not ids:
        return found
    query = (
        select(plan_placement.c.plan_id, plan_placement.c.disposition, func.count().label("count"))
        .where(plan_placement.c.plan_id.in_(ids))
        .group_by(plan_placement.c.plan_id, plan_placement.c.disposition)
    )
    for row in connection.execute(query):
        found[row.plan_id][row.disposition] = row._mapping["count"]  # noqa: SLF001 - a public name
    return found


def _plan(row: RowMapping, counted: dict[str, int]) -> StoredPlan:
    return StoredPlan(
        id=row["id"],
        dag_id=row["dag_id"],
        run_id=row["run_id"],
        policy=row["policy"],
        policy_hash=row["policy_hash"],
        policy_text=row["policy_text"],
        clusters=tuple(row["clusters"]),
        warnings=tuple(row["warnings"]),
        failures=tuple(row["failures"]),
        evaluated_at=row["evaluated_at"],
        recorded_at=row["recorded_at"],
        counts=row["counts"],
        bytes=row["bytes"],
        difference=row["difference"],
        partial=row["partial"],
        dry_run=row["dry_run"],
        accept_partial=row["accept_partial"],
        placements=counted,
    )


def items_of(
    connection: Connection,
    placement_ids: Collection[int],
    seen: Collection[str] | None = None,
    limit: int = 100,
) -> list[tuple[int, PlannedItem]]:
    """Tell which plans named these placements, the newest first, with each placement's id."""
    query = (
        select(plan_placement, plan.c.dag_id, plan.c.run_id, plan.c.policy)
        .add_columns(plan.c.recorded_at, plan.c.dry_run)
        .join(plan, plan.c.id == plan_placement.c.plan_id)
        .where(plan_placement.c.placement_id.in_(sorted(placement_ids)), *wanted.seen_by(seen))
        .order_by(plan.c.id.desc(), plan_placement.c.position)
        .limit(limit)
    )
    return [
        (
            row.placement_id,
            PlannedItem(
                plan_id=row.plan_id,
                dag_id=row.dag_id,
                run_id=row.run_id,
                policy=row.policy,
                recorded_at=row.recorded_at,
                label=row.label,
                disposition=row.disposition,
                detail=row.detail,
                demand=row.demand,
                attempt_id=row.attempt_id,
                dry_run=row.dry_run,
            ),
        )
        for row in connection.execute(query)
    ]


def attempts_of(
    connection: Connection,
    placement_ids: Collection[int],
    seen: Collection[str] | None = None,
    *,
    before: int | None = None,
    limit: int = 50,
) -> Listed[Attempt]:
    """Read a page of the attempts of these placements, the newest first."""
    query = (
        select(attempt)
        .where(attempt.c.placement_id.in_(sorted(placement_ids)))
        .order_by(attempt.c.id.desc())
        .limit(limit + 1)
    )
    if seen is not None:
        query = query.where(attempt.c.dag_id.in_(sorted(seen)))
    if before is not None:
        query = query.where(attempt.c.id < before)
    found = [attempts.read(row) for row in connection.execute(query).mappings()]
    more = (found[limit - 1].id,) if len(found) > limit else None
    return Listed(tuple(found[:limit]), more)
