"""Tallies: how many of the wanted placements stood how, minute by minute, for a trend.

A minute has one tally, that of its last moment: where runs end together, the last one sees what
all of them did.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import delete, func, insert, select

from preheat.ledger import coverage
from preheat.ledger.engine import clock
from preheat.ledger.overviewrecords import Shown
from preheat.ledger.schema import tally as table
from preheat.verdict import Verdict

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection

__all__ = ["Tally", "forget", "record", "since"]

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
    """Read the tallies from a moment on, in the order of time."""
    query = select(table).where(table.c.taken_at >= moment)
    ordered = query.order_by(table.c.taken_at, table.c.cluster, table.c.verdict)
    return [
        Tally(row.taken_at, row.cluster, Verdict(row.verdict), row.placements, row.bytes)
        for row in connection.execute(ordered)
    ]


def forget(connection: Connection, before: datetime) -> None:
    """Remove those that are older."""
    connection.execute(delete(table).where(table.c.taken_at < before))
