"""Coverage: which images are warm on which clusters, a page at a time.

Every query is bounded by a page and walks an index, or counts in one pass, so that 50,000
placements stay quick.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from sqlalchemy import Text, cast, exists, func, or_, select, tuple_

from preheat.ledger import placements, wanted
from preheat.ledger.engine import in_parts
from preheat.ledger.overviewrecords import Cell, Count, ImageRow, Listed
from preheat.ledger.schema import attempt, image, placement, plan, plan_placement
from preheat.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from datetime import datetime

    from sqlalchemy import ColumnElement, Connection, RowMapping, Select

    from preheat.ledger.overviewrecords import Shown

__all__ = ["cells", "conditions", "counts", "images", "listed", "projects", "tags_of"]

_SHORT = 19  # of a digest, algorithm included
_KEY = (placement.c.repository, placement.c.digest, placement.c.platform)
_ESCAPE = "\\"


def conditions(
    shown: Shown, now: datetime, dag_ids: Collection[str] | None
) -> list[ColumnElement[bool]]:
    """Say which placements a person wants to see, of those that may be seen.

    :param dag_ids: DAGs whose plans may be seen; None for all.
    """
    return [*_visible(shown, now, dag_ids), *_chosen(shown, dag_ids)]


def _visible(
    shown: Shown, now: datetime, dag_ids: Collection[str] | None
) -> list[ColumnElement[bool]]:
    if not shown.everything:
        now_wanted = wanted.placements_now(now, dag_ids, shown.policy)
        return [placement.c.id.in_(now_wanted), placement.c.deleted_at.is_(None)]
    planned = exists().where(
        plan_placement.c.placement_id == placement.c.id,
        plan.c.id == plan_placement.c.plan_id,
        plan.c.dry_run.is_(False),
        *wanted.seen_by(dag_ids),
    )
    return [planned.where(plan.c.policy == shown.policy) if shown.policy else planned]


def _chosen(shown: Shown, dag_ids: Collection[str] | None) -> list[ColumnElement[bool]]:
    chosen: list[ColumnElement[bool]] = []
    if shown.project:
        chosen.append(_starts(placement.c.repository, f"{shown.project}/"))
    if shown.cluster:
        chosen.append(placement.c.cluster == shown.cluster)
    if shown.verdicts:
        chosen.append(placement.c.verdict.in_([verdict.value for verdict in shown.verdicts]))
    if shown.text:
        chosen.append(_named(shown.text, dag_ids))
    return chosen


def _named(text: str, dag_ids: Collection[str] | None) -> ColumnElement[bool]:
    """Say that a text is in an image's name or tag, or begins its digest."""
    labelled = select(plan_placement.c.placement_id).where(
        or_(
            plan_placement.c.label.ilike(f"%{_escaped(text)}%", escape=_ESCAPE),
            cast(plan_placement.c.tags, Text).ilike(f'%"{_escaped(text)}%', escape=_ESCAPE),
        )
    )
    if dag_ids is not None:
        labelled = labelled.join(plan, plan.c.id == plan_placement.c.plan_id)
        labelled = labelled.where(*wanted.seen_by(dag_ids))
    digest = text if text.startswith("sha256:") else f"sha256:{text}"
    return or_(
        placement.c.repository.ilike(f"%{_escaped(text)}%", escape=_ESCAPE),
        _starts(placement.c.digest, digest),
        placement.c.id.in_(labelled),
    )


def _starts(column: ColumnElement[str], text: str) -> ColumnElement[bool]:
    return column.like(f"{_escaped(text)}%", escape=_ESCAPE)


def _escaped(text: str) -> str:
    for mark in (_ESCAPE, "%", "_"):
        text = text.replace(mark, _ESCAPE + mark)
    return text


def images(
    connection: Connection,
    shown: Shown,
    now: datetime,
    *,
    dag_ids: Collection[str] | None = None,
    after: Sequence[Any] | None = None,
    limit: int = 50,
) -> Listed[ImageRow]:
    """Read a page of images, each with all its cells that may be seen, by name.

    :param after: repository, digest and platform of the last image of the page before.
    """
    query = select(*_KEY).where(*conditions(shown, now, dag_ids)).distinct().order_by(*_KEY)
    if after is not None:
        query = query.where(tuple_(*_KEY) > tuple_(*after))
    keys = [tuple(row) for row in connection.execute(query.limit(limit + 1))]
    found = _rows(connection, keys[:limit], _visible(shown, now, dag_ids), dag_ids)
    return Listed(tuple(found), keys[limit - 1] if len(keys) > limit else None)


def _rows(
    connection: Connection,
    keys: Sequence[tuple[Any, ...]],
    visible: list[ColumnElement[bool]],
    dag_ids: Collection[str] | None,
) -> list[ImageRow]:
    """Fill rows: all cells of each, whichever of them the person's choice met."""
    if not keys:
        return []
    digests = {digest for _, digest, _ in keys}
    query = select(placement).where(placement.c.digest.in_(digests), *visible)
    by_key: dict[tuple[Any, ...], list[RowMapping]] = defaultdict(list)
    for row in connection.execute(query).mappings():
        by_key[row["repository"], row["digest"], row["platform"]].append(row)
    ids = [row["id"] for key in keys for row in by_key[key]]
    made = cells(connection, [row for key in keys for row in by_key[key]])
    named = tags_of(connection, ids, dag_ids)
    sizes = _sizes(connection, digests)
    return [
        _row(key, [made[row["id"]] for row in by_key[key]], named, sizes.get(key[1]))
        for key in keys
    ]


def _row(
    key: tuple[Any, ...],
    made: Iterable[Cell],
    named: dict[int, tuple[int, str, tuple[str, ...]]],
    size: int | None,
) -> ImageRow:
    repository, digest, platform = key
    ordered = sorted(made, key=lambda cell: (cell.placement.key.cluster, cell.placement.id))
    known = [named[cell.placement.id] for cell in ordered if cell.placement.id in named]
    _, label, tags = max(known, default=(0, "", ()))
    return ImageRow(
        repository=repository,
        digest=digest,
        platform=platform,
        label=label or f"{repository}@{digest[:_SHORT]} {platform}".rstrip(),
        tags=tags,
        size=size,
        cells=tuple(ordered),
    )


def cells(connection: Connection, rows: Sequence[RowMapping]) -> dict[int, Cell]:
    """Make the cells of these rows of ``placement``, by placement id."""
    query = select(attempt.c.placement_id, attempt.c.id, attempt.c.asked_at).where(
        attempt.c.closed_at.is_(None)
    )
    open_ones = {}
    for some in in_parts([row["id"] for row in rows]):
        for one in connection.execute(query.where(attempt.c.placement_id.in_(some))):
            open_ones[one.placement_id] = one
    return {row["id"]: _cell(row, open_ones.get(row["id"])) for row in rows}


def _cell(row: RowMapping, asking: Any) -> Cell:
    return Cell(
        placement=placements.read(row),
        hosts_warm=row["hosts_warm"],
        hosts_expected=row["hosts_expected"],
        attempt_id=asking.id if asking else None,
        asked_at=asking.asked_at if asking else None,
    )


def tags_of(
    connection: Connection,
    placement_ids: Sequence[int],
    dag_ids: Collection[str] | None = None,
) -> dict[int, tuple[int, str, tuple[str, ...]]]:
    """Tell what the latest plan of each placement called it: plan id, label and tags."""
    found = {}
    for some in in_parts(placement_ids):
        last = (
            select(plan_placement.c.placement_id, func.max(plan_placement.c.plan_id).label("id"))
            .join(plan, plan.c.id == plan_placement.c.plan_id)
            .where(plan_placement.c.placement_id.in_(some), *wanted.seen_by(dag_ids))
            .group_by(plan_placement.c.placement_id)
            .subquery()
        )
        query = select(plan_placement).join(
            last,
            (last.c.placement_id == plan_placement.c.placement_id)
            & (last.c.id == plan_placement.c.plan_id),
        )
        for row in connection.execute(query):
            found[row.placement_id] = (row.plan_id, row.label, tuple(row.tags))
    return found


def _sizes(connection: Connection, digests: Iterable[str]) -> dict[str, int]:
    query = select(image.c.digest, image.c.size).where(image.c.digest.in_(set(digests)))
    return {row.digest: row.size for row in connection.execute(query)}


def listed(
    connection: Connection,
    shown: Shown,
    now: datetime,
    *,
    dag_ids: Collection[str] | None = None,
    after: int | None = None,
    limit: int = 100,
) -> Listed[Cell]:
    """Read a page of placements, by id.

    :param after: id of the last placement of the page before.
    """
    query: Select[Any] = select(placement).where(*conditions(shown, now, dag_ids))
    query = query.order_by(placement.c.id).limit(limit + 1)
    if after is not None:
        query = query.where(placement.c.id > after)
    rows = connection.execute(query).mappings().all()
    made = cells(connection, rows[:limit])
    more = (rows[limit - 1]["id"],) if len(rows) > limit else None
    return Listed(tuple(made[row["id"]] for row in rows[:limit]), more)


def counts(
    connection: Connection,
    shown: Shown,
    now: datetime,
    *,
    dag_ids: Collection[str] | None = None,
) -> list[Count]:
    """Count placements by cluster and verdict, in one pass."""
    query = (
        select(
            placement.c.cluster,
            placement.c.verdict,
            func.count().label("placements"),
            func.coalesce(func.sum(image.c.size), 0).label("bytes"),
        )
        .select_from(placement.outerjoin(image, image.c.digest == placement.c.digest))
        .where(*conditions(shown, now, dag_ids))
        .group_by(placement.c.cluster, placement.c.verdict)
        .order_by(placement.c.cluster, placement.c.verdict)
    )
    return [
        Count(row.cluster, Verdict(row.verdict), row.placements, int(row.bytes))
        for row in connection.execute(query)
    ]


def projects(
    connection: Connection, now: datetime, dag_ids: Collection[str] | None = None
) -> list[str]:
    """Name the projects of what is wanted now."""
    now_wanted = wanted.placements_now(now, dag_ids)
    query = select(placement.c.repository).where(placement.c.id.in_(now_wanted)).distinct()
    return sorted({name.partition("/")[0] for name in connection.scalars(query)})
