"""Receiving: events go into the inbox once, however often and by how many ways they are told.

One transaction at a time writes here, so that what it looks up stays as it is until it has written,
and so that ids become visible in their order: whoever remembers the last id misses none.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from itertools import groupby
from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, bindparam, func, or_, select, update

from preheat.event import EventKind, EventSource
from preheat.ledger.engine import clock, in_parts, upsert
from preheat.ledger.eventrecords import Received
from preheat.ledger.eventschema import event as table
from preheat.ledger.eventschema import ignored_event
from preheat.ledger.fitting import TEXTS, fitting
from preheat.ledger.twins import AT_MOST, Telling, Told, find

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping, Sequence

    from sqlalchemy import ColumnElement, Connection, RowMapping

    from preheat.event import HarborEvent

__all__ = ["insert_rows", "lock", "receive", "receive_each", "row_of"]

ADVISORY_LOCK = 0x696E626F78  # "inbox"
_KNOWN_FOR = timedelta(days=1)
_NO_DELAY = timedelta()
_DELAYS = {EventKind.DELETED: timedelta(seconds=30)}
# Children of an index come before it, and the plan for its tag has them too.
_UNTAGGED_DELAY = timedelta(seconds=2)


def lock(connection: Connection) -> None:
    """Let nobody else write into the inbox until the transaction ends; SQLite has one writer."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(ADVISORY_LOCK)))


def receive(connection: Connection, events: Sequence[HarborEvent]) -> Received:
    """Keep what is new, count what is known or of no interest."""
    (received,) = receive_each(connection, [events])
    return received


def receive_each(
    connection: Connection, deliveries: Sequence[Sequence[HarborEvent]]
) -> list[Received]:
    """Keep what is new in several deliveries, and tell of each what became of it."""
    lock(connection)
    now = clock(connection)
    told = [[fitting(event) for event in events] for events in deliveries]
    ignored = [event for events in told for event in events if event.kind is EventKind.OTHER]
    _count(connection, ignored, now)
    kept = [event for events in told for event in events if event.kind is not EventKind.OTHER]
    came = Counter((event.registry, event.delivery) for event in kept)
    first: dict[tuple[str, str], HarborEvent] = {}
    for event in kept:
        first.setdefault((event.registry, event.delivery), event)
    known = _known(connection, first)
    fresh = [event for name, event in first.items() if name not in known]
    twins = _join_twins(connection, fresh, came, now)
    rows = [
        row_of(event, now, now + _delay(event), repeats=came[name] - 1)
        for name, event in first.items()
        # Who catches up reads the same again on purpose: that is no second telling.
        if name not in twins and (name not in known or event.source is EventSource.WEBHOOK)
    ]
    insert_rows(connection, rows)
    new = {id(event) for name, event in first.items() if name not in known | twins}
    return [_received(events, new) for events in told]


def _received(events: Sequence[HarborEvent], new: Container[int]) -> Received:
    ignored = sum(event.kind is EventKind.OTHER for event in events)
    made = sum(id(event) in new for event in events)
    return Received(new=made, repeated=len(events) - made - ignored, ignored=ignored)


def _delay(event: HarborEvent) -> timedelta:
    if event.kind is EventKind.PUSHED and not event.tag:
        return _UNTAGGED_DELAY
    return _DELAYS.get(event.kind, _NO_DELAY)


def row_of(
    event: HarborEvent, now: datetime, due_at: datetime, *, repeats: int = 0, policy: str = ""
) -> dict[str, Any]:
    """Make the row of an event that waits."""
    return {
        **{name: getattr(event, name) for name in TEXTS},
        "delivery": event.delivery,
        "source": event.source.value,
        "kind": event.kind.value,
        "occurred_at": event.occurred_at,
        "received_at": now,
        "due_at": due_at,
        "repeats": repeats,
        "also": [],
        "policy": policy,
        "dag_id": "",
        "run_id": "",
        "outcomes": [],
        "words": "",
    }


def insert_rows(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows; one whose delivery is there already only counts there."""
    insert = upsert(connection, table)
    statement = insert.on_conflict_do_update(
        index_elements=["registry", "delivery"],
        set_={"repeats": table.c.repeats + 1 + insert.excluded.repeats},
    )
    for some in in_parts(rows):
        connection.execute(statement, list(some))


def _count(connection: Connection, events: Iterable[HarborEvent], now: datetime) -> None:
    """Count what nothing listens to, by Harbor's own word for it."""
    counts = Counter((event.registry, event.type) for event in events)
    rows = [
        {"registry": registry, "type": kind, "count": count, "last_at": now}
        for (registry, kind), count in counts.items()
    ]
    if not rows:
        return
    insert = upsert(connection, ignored_event)
    statement = insert.on_conflict_do_update(
        index_elements=["registry", "type"],
        set_={"count": ignored_event.c.count + insert.excluded.count, "last_at": now},
    )
    connection.execute(statement, rows)


def _known(connection: Connection, names: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
    """Find the registries and deliveries that have a row of their own."""
    found: set[tuple[str, str]] = set()
    for registry, group in groupby(sorted(names), itemgetter(0)):
        for some in in_parts([delivery for _, delivery in group]):
            query = select(table.c.delivery).where(
                table.c.registry == registry, table.c.delivery.in_(some)
            )
            found.update((registry, delivery) for delivery in connection.scalars(query))
    return found


def _join_twins(
    connection: Connection,
    events: Sequence[HarborEvent],
    came: Mapping[tuple[str, str], int],
    now: datetime,
) -> set[tuple[str, str]]:
    """Note with a row that it was told by another way too; gives what needs no row of its own."""
    placed = [event for event in events if event.repository]
    near = _near(connection, placed, now)
    joined: set[tuple[str, str]] = set()
    changed: dict[int, tuple[Told, int]] = {}
    for event in placed:
        place = (event.registry, event.repository)
        twin = find(event, near.get(place, ()), since=now - _KNOWN_FOR)
        if twin is None:
            continue
        name = (event.registry, event.delivery)
        again = came[name]
        if not any(telling.delivery == event.delivery for telling in twin.tellings):
            twin.tellings.append(Telling(event.source, event.delivery, event.occurred_at))
            again -= 1
        joined.add(name)
        if event.source is not EventSource.WEBHOOK:
            again = 0
        changed[twin.id] = (twin, changed.get(twin.id, (twin, 0))[1] + again)
    _save_twins(connection, changed.values())
    return joined


def _save_twins(connection: Connection, changed: Iterable[tuple[Told, int]]) -> None:
    rows = [
        {"its_id": twin.id, "its_also": _as_data(twin.tellings[1:]), "again": again}
        for twin, again in changed
    ]
    if rows:
        statement = (
            update(table)
            .where(table.c.id == bindparam("its_id"))
            .values(also=bindparam("its_also"), repeats=table.c.repeats + bindparam("again"))
        )
        connection.execute(statement, rows)


def _near(
    connection: Connection, events: Sequence[HarborEvent], now: datetime
) -> dict[tuple[str, str], list[Told]]:
    """Read what could tell the same as one of these events, by registry and repository."""
    found: dict[int, RowMapping] = {}
    ordered = sorted(events, key=attrgetter("registry"))
    for registry, group in groupby(ordered, attrgetter("registry")):
        for some in in_parts(list(group)):
            for condition in _conditions(some, now):
                query = select(table).where(
                    table.c.registry == registry,
                    table.c.source != EventSource.DEFERRED.value,
                    condition,
                )
                found |= {row["id"]: row for row in connection.execute(query).mappings()}
    near: dict[tuple[str, str], list[Told]] = {}
    for row in found.values():
        near.setdefault((row["registry"], row["repository"]), []).append(_told(row))
    return near


def _conditions(events: Sequence[HarborEvent], now: datetime) -> Iterator[ColumnElement[bool]]:
    yield _by_digest(events)
    # Where the digest says too little, or what was told of the tag since counts too.
    asking = [
        event
        for event in events
        if event.tag and (event.source is EventSource.SWEEP or not event.digest)
    ]
    if asking:
        yield _by_tag(asking, now)


def _by_digest(events: Sequence[HarborEvent]) -> ColumnElement[bool]:
    """Address what has an event's digest, or none but its tag."""
    digests = {event.digest for event in events} | {""}
    return and_(
        _in(table.c.repository, {event.repository for event in events}),
        _in(table.c.digest, digests),
        or_(table.c.digest != "", _in(table.c.tag, {event.tag for event in events})),
    )


def _by_tag(events: Sequence[HarborEvent], now: datetime) -> ColumnElement[bool]:
    """Address what has an event's tag, and was told lately or happened when one of them did."""
    times = [event.occurred_at for event in events if event.occurred_at is not None]
    known = table.c.received_at >= now - _KNOWN_FOR
    if times:
        then = table.c.occurred_at.between(min(times) - AT_MOST, max(times) + AT_MOST)
        known = or_(known, then)
    return and_(
        _in(table.c.repository, {event.repository for event in events}),
        _in(table.c.tag, {event.tag for event in events}),
        known,
    )


def _in(column: ColumnElement[str], values: Iterable[str]) -> ColumnElement[bool]:
    return column.in_(sorted(values))


def _told(row: RowMapping) -> Told:
    own = Telling(EventSource(row["source"]), row["delivery"], row["occurred_at"])
    also = [
        Telling(
            EventSource(each["source"]),
            each["delivery"],
            datetime.fromisoformat(each["at"]) if each["at"] else None,
        )
        for each in row["also"]
    ]
    return Told(
        id=row["id"],
        kind=EventKind(row["kind"]),
        digest=row["digest"],
        tag=row["tag"],
        received_at=row["received_at"],
        tellings=[own, *also],
    )


def _as_data(tellings: Iterable[Telling]) -> list[dict[str, str | None]]:
    return [
        {
            "source": telling.source.value,
            "delivery": telling.delivery,
            "at": telling.occurred_at.isoformat() if telling.occurred_at else None,
        }
        for telling in tellings
    ]
