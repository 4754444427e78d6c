"""Coverage: which images are warm on which clusters, a page at a time.

Every query is bounded by a page and walks an index, or counts in one pass, so that 50,000
placements stay quick.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from sqlalchemy import Text, cast, exists, func, or_, select, tuple_

from preheat.demand import VerifyMode
from preheat.ledger import placements, wanted
from preheat.ledger.engine import in_parts
from preheat.ledger.naming import names
from preheat.ledger.overviewrecords import Cell, Count, ImageRow, Listed
from preheat.ledger.planlist import seen_by
from preheat.ledger.schema import attempt, image, placement, plan, plan_placement, want
from preheat.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import ColumnElement, Connection, RowMapping, Select

    from preheat.ledger.naming import Name
    from preheat.ledger.overviewrecords import Shown

__all__ = ["cells", "conditions", "counts", "images", "listed", "projects", "visible"]

_SHORT = 19  # of a digest, algorithm included
_KEY = (placement.c.repository, placement.c.digest, placement.c.platform)
_ESCAPE = "\\"


def conditions(
    shown: Shown, now: datetime, dag_ids: Collection[str] | None
) -> list[ColumnElement[bool]]:
    """Say which placements a person wants to see, of those that may be seen.

    :param dag_ids: DAGs whose plans may be seen; None for all.
    """
    if shown.text and not shown.everything:
        # In one look at the want: two for each of 50,000 placements take twice as long.
        named = _wanted(shown, now, dag_ids, _is_named(shown.text))
        return [named, placement.c.deleted_at.is_(None), *_chosen(shown)]
    text = [_named(shown.text, dag_ids)] if shown.text else []
    return [*visible(shown, now, dag_ids), *_chosen(shown), *text]


def visible(
    shown: Shown, now: datetime, dag_ids: Collection[str] | None
) -> list[ColumnElement[bool]]:
    """Say which placements may be seen, and are wanted unless everything is to be shown."""
    if not shown.everything:
        return [_wanted(shown, now, dag_ids), placement.c.deleted_at.is_(None)]
    planned = exists().where(
        plan_placement.c.placement_id == placement.c.id,
        plan.c.id == plan_placement.c.plan_id,
        plan.c.dry_run.is_(False),
        *seen_by(dag_ids),
    )
    return [planned.where(plan.c.policy == shown.policy) if shown.policy else planned]


def _wanted(
    shown: Shown,
    now: datetime,
    dag_ids: Collection[str] | None,
    *conditions: ColumnElement[bool],
) -> ColumnElement[bool]:
    its = want.c.placement_id == placement.c.id
    return exists().where(its, *wanted.holds(now, dag_ids, shown.policy), *conditions)


def _chosen(shown: Shown) -> list[ColumnElement[bool]]:
    chosen: list[ColumnElement[bool]] = []
    if shown.project:
        chosen.append(_starts(placement.c.repository, f"{shown.project}/"))
    if shown.cluster:
        chosen.append(placement.c.cluster == shown.cluster)
    if shown.verdicts:
        chosen.append(placement.c.verdict.in_([verdict.value for verdict in shown.verdicts]))
    return chosen


def _named(text: str, dag_ids: Collection[str] | None) -> ColumnElement[bool]:
    """Say that a text is in an image's name or tag, or begins its digest.

    Tags are those of what is wanted: nobody else remembers them without going through all plans.
    """
    its = want.c.placement_id == placement.c.id
    tagged = exists().where(its, _is_tagged(text), *wanted.seen_by(dag_ids))
    return or_(_is_called(text), tagged)


def _is_named(text: str) -> ColumnElement[bool]:
    return or_(_is_called(text), _is_tagged(text))


def _is_called(text: str) -> ColumnElement[bool]:
    digest = text if text.startswith("sha256:") else f"sha256:{text}"
    its_name = placement.c.repository.ilike(f"%{_escaped(text)}%", escape=_ESCAPE)
    return or_(its_name, _starts(placement.c.digest, digest))


def _is_tagged(text: str) -> ColumnElement[bool]:
    return or_(
        want.c.label.ilike(f"%{_escaped(text)}%", escape=_ESCAPE),
        cast(want.c.tags, Text).ilike(f'%"{_escaped(text)}%', escape=_ESCAPE),
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
    found = _rows(connection, keys[:limit], visible(shown, now, dag_ids), dag_ids)
    return Listed(tuple(found), keys[limit - 1] if len(keys) > limit else None)


def _rows(
    connection: Connection,
    keys: Sequence[tuple[Any, ...]],
    seen: list[ColumnElement[bool]],
    dag_ids: Collection[str] | None,
) -> list[ImageRow]:
    """Fill rows: all cells of each, whichever of them the person's choice met."""
    if not keys:
        return []
    digests = {digest for _, digest, _ in keys}
    query = select(placement).where(placement.c.digest.in_(digests), *seen)
    by_key: dict[tuple[Any, ...], list[RowMapping]] = defaultdict(list)
    for row in connection.execute(query).mappings():
        by_key[row["repository"], row["digest"], row["platform"]].append(row)
    ids = [row["id"] for key in keys for row in by_key[key]]
    made = cells(connection, [row for key in keys for row in by_key[key]])
    named = names(connection, ids, dag_ids)
    sizes = _sizes(connection, digests)
    return [
        _row(key, [made[row["id"]] for row in by_key[key]], named, sizes.get(key[1]))
        for key in keys
    ]


def _row(
    key: tuple[Any, ...],
    made: Iterable[Cell],
    named: Mapping[int, Name],
    size: int | None,
) -> ImageRow:
    repository, digest, platform = key
    ordered = sorted(made, key=lambda cell: (cell.placement.key.cluster, cell.placement.id))
    known = [named[cell.placement.id] for cell in ordered if cell.placement.id in named]
    last = max(known, default=None)
    return ImageRow(
        repository=repository,
        digest=digest,
        platform=platform,
        label=last.label if last else f"{repository}@{digest[:_SHORT]} {platform}".rstrip(),
        tags=last.tags if last else (),
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
        proof=VerifyMode(row["proof"]),
    )


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


def projects(connection: Connection, now: datetime, dag_ids: Collection[str] | None) -> list[str]:
    """Name the projects of all that is there, or of what is wanted by those who may be seen."""
    query = select(placement.c.repository).where(placement.c.deleted_at.is_(None)).distinct()
    if dag_ids is not None:
        query = query.where(placement.c.id.in_(wanted.placements_now(now, dag_ids)))
    return sorted({name.partition("/")[0] for name in connection.scalars(query)})
