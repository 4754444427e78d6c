"""Events as the inbox has them: which wait, which are due, what came of each."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from preheat.event import EventKind, EventSource, HarborEvent
from preheat.ledger.engine import in_parts
from preheat.ledger.eventrecords import DueEvents, EventOutcome, IgnoredEvents, StoredEvent
from preheat.ledger.eventschema import event as table
from preheat.ledger.eventschema import ignored_event

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from datetime import datetime

    from sqlalchemy import Connection, RowMapping, Select

__all__ = [
    "MOST",
    "all_of",
    "due",
    "get",
    "ignored",
    "of_run",
    "outcomes_data",
    "read",
    "registries_due",
    "waiting",
]

MOST = 10_000
"""Events of a Harbor that are taken up at once."""

# As the partial index says it, so that it is used.
WAITS = table.c.handled_at.is_(None)


def due(connection: Connection, registry: str, now: datetime) -> DueEvents:
    """Count what is due, as far as it would be taken up at once; of one Harbor, or "" for all."""
    query = (
        select(table.c.id, table.c.received_at)
        .where(table.c.handled_at.is_(None), table.c.due_at <= now)
        .order_by(table.c.due_at)
        .limit(MOST)
    )
    if registry:
        query = query.where(table.c.registry == registry)
    one = query.subquery().c
    sums = select(func.count(), func.min(one.id), func.max(one.id), func.min(one.received_at))
    count, oldest, latest, since = connection.execute(sums).one()
    return DueEvents(count, oldest or 0, latest or 0, since)


def waiting(connection: Connection, now: datetime) -> list[StoredEvent]:
    """Read what is to be taken up now, oldest first, at most ``MOST`` of each Harbor.

    That is what is due, and with it what happened in the same repositories and would be due soon.
    What was put off waits for its own time: else a repository in which much happens would put it
    off again and again. The limit is each Harbor's own, so that a flood from one does not keep
    another's events waiting.
    """
    ids: list[int] = []
    for registry in registries_due(connection, now):
        ids += _waiting_of(connection, registry, now)
    # Somebody may have taken some of them up since.
    return [one for one in get(connection, ids) if one.handled_at is None]


def registries_due(connection: Connection, now: datetime) -> list[str]:
    """Tell of which Harbors something is due, from the index of what waits."""
    query = select(table.c.registry).where(WAITS, table.c.due_at <= now).distinct()
    return sorted(connection.scalars(query))


def _waiting_of(connection: Connection, registry: str, now: datetime) -> list[int]:
    """Give the ids of what is to be taken up of one Harbor.

    Two queries, each of which the index of what waits answers. With one that says *or*, SQLite goes
    through the whole table by its ids.
    """
    waits = select(table.c.id, table.c.repository).where(WAITS, table.c.registry == registry)
    due_first = waits.where(table.c.due_at <= now).order_by(table.c.due_at, table.c.id).limit(MOST)
    rows = connection.execute(due_first).all()
    places = {row.repository for row in rows}
    soon = waits.where(table.c.due_at > now, table.c.source != EventSource.DEFERRED.value)
    soon = soon.order_by(table.c.due_at, table.c.id).limit(MOST)
    beside = [row.id for row in connection.execute(soon) if row.repository in places]
    return [*(row.id for row in rows), *beside][:MOST]


def get(connection: Connection, ids: Collection[int]) -> list[StoredEvent]:
    """Read these events, as far as they are there, in the order of their ids."""
    found: list[StoredEvent] = []
    for some in in_parts(sorted(ids)):
        found += all_of(connection, select(table).where(table.c.id.in_(some)).order_by(table.c.id))
    return found


def of_run(connection: Connection, dag_id: str, run_id: str) -> list[StoredEvent]:
    """Read the events that a run took up, oldest first."""
    query = (
        select(table)
        .where(table.c.handled_at.is_not(None))
        .where(table.c.dag_id == dag_id, table.c.run_id == run_id)
        .order_by(table.c.id)
    )
    return all_of(connection, query)


def ignored(connection: Connection, registry: str) -> list[IgnoredEvents]:
    """Read the counts of what nothing listens to; of one Harbor, or "" for all."""
    query = select(ignored_event).order_by(ignored_event.c.registry, ignored_event.c.type)
    if registry:
        query = query.where(ignored_event.c.registry == registry)
    return [IgnoredEvents(**row) for row in connection.execute(query).mappings()]


def all_of(connection: Connection, query: Select[Any]) -> list[StoredEvent]:
    """Read the events that a query finds, in its order."""
    return [read(row) for row in connection.execute(query).mappings()]


def read(row: RowMapping) -> StoredEvent:
    """Turn a row into an event."""
    return StoredEvent(
        id=row["id"],
        event=HarborEvent(
            registry=row["registry"],
            delivery=row["delivery"],
            source=EventSource(row["source"]),
            kind=EventKind(row["kind"]),
            repository=row["repository"],
            digest=row["digest"],
            tag=row["tag"],
            operator=row["operator"],
            occurred_at=row["occurred_at"],
            type=row["type"],
        ),
        received_at=row["received_at"],
        due_at=row["due_at"],
        repeats=row["repeats"],
        also=tuple(EventSource(each["source"]) for each in row["also"]),
        policy=row["policy"],
        handled_at=row["handled_at"],
        dag_id=row["dag_id"],
        run_id=row["run_id"],
        outcomes=tuple(EventOutcome(**each) for each in row["outcomes"]),
        words=row["words"],
    )


def outcomes_data(outcomes: Iterable[EventOutcome]) -> list[dict[str, Any]]:
    """Write down what came of an event, as :func:`read` reads it."""
    return [asdict(outcome) for outcome in outcomes]
