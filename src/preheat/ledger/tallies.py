"""Tallies: how many of the wanted placements stood how, minute by minute, for a trend.

A minute has one tally, that of its last moment: where runs end together, the last one sees what
all of them did.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import delete, func, insert, select

from preheat.ledger import coverage
from preheat.ledger.engine import clock, in_parts
from preheat.ledger.overviewrecords import Shown
from preheat.ledger.schema import tally as table
from preheat.verdict import Verdict

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import ColumnElement, Connection

__all__ = ["Tally", "forget", "record", "since"]

_MOST_MOMENTS = 400  # more than a picture has room for
_MINUTES_FOR = timedelta(days=1)
ADVISORY_LOCK = 0x7072656874616C  # "prehtal"


@dataclass(frozen=True, slots=True)
class Tally:
    """How many wanted placements of a cluster stood in one way; what is not told was none.

    :param taken_at: the minute.
    :param bytes: of those whose image is known.
    """

    taken_at: datetime
    cluster: str
    verdict: Verdict
    placements: int
    bytes: int


def record(connection: Connection) -> None:
    """Count what is wanted now, in place of what was counted earlier in the same minute."""
    if connection.dialect.name == "postgresql":  # SQLite has one writer
        connection.execute(select(func.pg_advisory_xact_lock(ADVISORY_LOCK)))
    now = clock(connection)
    minute = now.replace(second=0, microsecond=0)
    rows = [
        {
            "taken_at": minute,
            "cluster": count.cluster,
            "verdict": count.verdict.value,
            "placements": count.placements,
            "bytes": count.bytes,
        }
        for count in coverage.counts(connection, Shown(), now)
    ]
    connection.execute(delete(table).where(table.c.taken_at == minute))
    if rows:
        connection.execute(insert(table), rows)


def since(connection: Connection, moment: datetime) -> list[Tally]:
    """Read the tallies from a moment on, in the order of time; of many, some at even distances.

    The last one is always among them.
    """
    moments = _moments(connection, table.c.taken_at >= moment)
    chosen = moments[::-1][:: -(-len(moments) // _MOST_MOMENTS) or 1]
    query = select(table).order_by(table.c.taken_at, table.c.cluster, table.c.verdict)
    return [
        Tally(row.taken_at, row.cluster, Verdict(row.verdict), row.placements, row.bytes)
        for some in in_parts(chosen[::-1])
        for row in connection.execute(query.where(table.c.taken_at.in_(some)))
    ]


def forget(connection: Connection, before: datetime, now: datetime) -> None:
    """Remove those that are older; after a day the last one of each hour is enough."""
    connection.execute(delete(table).where(table.c.taken_at < before))
    older = _moments(connection, table.c.taken_at < now - _MINUTES_FOR)
    last_of = {moment.replace(minute=0): moment for moment in older}
    for some in in_parts(sorted(set(older) - set(last_of.values()))):
        connection.execute(delete(table).where(table.c.taken_at.in_(some)))


def _moments(connection: Connection, condition: ColumnElement[bool]) -> list[datetime]:
    query = select(table.c.taken_at).where(condition).distinct().order_by(table.c.taken_at)
    return list(connection.scalars(query))
