"""What the doctor saw, each time that it looked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import delete, insert, select

from preheat.ledger.engine import clock
from preheat.ledger.findings import cut
from preheat.ledger.records import RunRef
from preheat.ledger.schema import examination as table

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from sqlalchemy import Connection

__all__ = ["RecordedExamination", "forget", "last", "record"]


@dataclass(frozen=True, slots=True)
class RecordedExamination:
    """An examination as the ledger holds it.

    :param run: the run whose doctor looked.
    :param observations: each with ``about``, ``check``, ``state``, ``detail`` and ``advice``; see
        :func:`preheat.doctor.as_data`.
    """

    seen_at: datetime
    run: RunRef
    observations: tuple[Mapping[str, str], ...]


def record(connection: Connection, run: RunRef, observations: Iterable[Mapping[str, str]]) -> None:
    """Keep what was seen; the words of others are cut."""
    row = {
        "seen_at": clock(connection),
        "dag_id": run.dag_id,
        "run_id": run.run_id,
        "observations": [{name: cut(text) for name, text in seen.items()} for seen in observations],
    }
    connection.execute(insert(table).values(row))


def last(connection: Connection) -> RecordedExamination | None:
    """Read the latest; None before the first."""
    query = select(table).order_by(table.c.seen_at.desc(), table.c.id.desc()).limit(1)
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    run = RunRef(row.dag_id, row.run_id)
    return RecordedExamination(row.seen_at, run, tuple(row.observations))


def forget(connection: Connection, before: datetime) -> None:
    """Remove those that are older, but never the last: it says how things stand."""
    latest = select(table.c.id).order_by(table.c.seen_at.desc(), table.c.id.desc()).limit(1)
    older = delete(table).where(table.c.seen_at < before)
    connection.execute(older.where(table.c.id != latest.scalar_subquery()))
