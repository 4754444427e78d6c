"""The ledger's door for events: what happened in a Harbor, and what came of it."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import bindparam, delete, select, update

from preheat.ledger import engine, events, kept, placements, receiving
from preheat.ledger.eventrecords import Glimpse
from preheat.ledger.schema import cursor as cursors
from preheat.ledger.schema import event, placement
from preheat.ledger.schema import glimpse as glimpses

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from sqlalchemy import Connection, Engine

    from preheat.event import HarborEvent
    from preheat.ledger.eventrecords import DueEvents, IgnoredEvents, Received, StoredEvent
    from preheat.ledger.records import StoredPlacement

__all__ = ["Inbox"]


class Inbox:
    """Keeps events until a run has taken them up, and after; every method is one transaction."""

    def __init__(self, bound: Engine) -> None:
        self._engine = bound

    def receive(
        self, told: Sequence[HarborEvent], *, cursor: tuple[str, Any] | None = None
    ) -> Received:
        """Keep events, each once, however often and by how many ways it is told.

        :param cursor: name and value to be saved with them: how far their teller was read.
        """
        with engine.writing(self._engine) as connection:
            if cursor is not None:
                _save_cursor(connection, *cursor)
            return receiving.receive(connection, told)

    def receive_each(self, deliveries: Sequence[Sequence[HarborEvent]]) -> list[Received]:
        """Keep the events of several deliveries, all or none; tells of each what became of it."""
        with engine.writing(self._engine) as connection:
            return receiving.receive_each(connection, deliveries)

    def due(self, registry: str = "") -> DueEvents:
        """Count the events that somebody should take up now; of one Harbor, or of all.

        Cheap enough to be asked several times a second: counts at most 10,000, the longest due.
        """
        with engine.reading(self._engine) as connection:
            return events.due(connection, registry, engine.clock(connection))

    def waiting(self) -> list[StoredEvent]:
        """Read what is to be taken up now, oldest first, at most 10,000 of each Harbor.

        That is what is due, and what happened in the same repositories and would be due soon.
        """
        with engine.reading(self._engine) as connection:
            return events.waiting(connection, engine.clock(connection))

    def of_run(self, dag_id: str, run_id: str) -> list[StoredEvent]:
        """Read the events that a run took up, oldest first."""
        with engine.reading(self._engine) as connection:
            return events.of_run(connection, dag_id, run_id)

    def recent(
        self,
        *,
        after_id: int = 0,
        before_id: int = 0,
        limit: int = 100,
        registry: str = "",
        repository: str = "",
        handled: bool | None = None,
    ) -> list[StoredEvent]:
        """Read the newest events, the oldest of them first.

        :param after_id: and ``before_id``: only those between, both excluded; 0 for no bound.
        :param handled: only those that a run took up, or only those that wait; None for both.
        """
        # Few wait among many that do not: SQLite must not go through all of them by their ids.
        its_id = event.c.id + 0 if handled is False else event.c.id
        query = select(event).order_by(its_id.desc()).limit(limit)
        if after_id:
            query = query.where(its_id > after_id)
        if before_id:
            query = query.where(its_id < before_id)
        if registry:
            query = query.where(event.c.registry == registry)
        if repository:
            query = query.where(event.c.repository == repository)
        if handled is not None:
            done = event.c.handled_at
            query = query.where(done.is_not(None) if handled else done.is_(None))
        with engine.reading(self._engine) as connection:
            return events.all_of(connection, query)[::-1]

    def get(self, ids: Collection[int]) -> list[StoredEvent]:
        """Read these events, as far as they are there, in the order of their ids."""
        with engine.reading(self._engine) as connection:
            return events.get(connection, ids)

    def ignored(self, registry: str = "") -> list[IgnoredEvents]:
        """Tell how often came what nothing listens to; of one Harbor, or of all."""
        with engine.reading(self._engine) as connection:
            return events.ignored(connection, registry)

    def cursor(self, name: str) -> Any:
        """Read how far something was read, as its reader wrote it; None before the first time."""
        with engine.reading(self._engine) as connection:
            return connection.scalar(select(cursors.c.value).where(cursors.c.name == name))

    def save_cursor(self, name: str, value: Any) -> None:
        """Note how far something was read.

        :param value: plain data.
        """
        with engine.writing(self._engine) as connection:
            _save_cursor(connection, name, value)

    def glimpses(self, registry: str) -> dict[str, str]:
        """Read the fingerprints of what sweeps saw last, by repository."""
        query = select(glimpses.c.repository, glimpses.c.fingerprint)
        with engine.reading(self._engine) as connection:
            rows = connection.execute(query.where(glimpses.c.registry == registry))
            return {row.repository: row.fingerprint for row in rows}

    def glimpse(self, registry: str, repository: str) -> Glimpse | None:
        """Read what a sweep saw last of a repository; None where none ever looked."""
        query = select(glimpses).where(
            glimpses.c.registry == registry, glimpses.c.repository == repository
        )
        with engine.reading(self._engine) as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            return None
        return Glimpse(
            repository, row.fingerprint, msgspec.json.decode(zlib.decompress(row.content))
        )

    def record_sweep(
        self,
        registry: str,
        seen: Iterable[Glimpse],
        told: Sequence[HarborEvent] = (),
        *,
        gone: Collection[str] = (),
    ) -> Received:
        """Keep what a sweep saw together with the events that it led to.

        :param gone: repositories of which there is nothing more to see.
        """
        with engine.writing(self._engine) as connection:
            received = receiving.receive(connection, told)
            _save_glimpses(connection, registry, seen)
            for some in engine.in_parts(sorted(gone)):
                connection.execute(
                    delete(glimpses).where(
                        glimpses.c.registry == registry, glimpses.c.repository.in_(some)
                    )
                )
            return received

    def placements_in(self, registry: str, repository: str) -> list[StoredPlacement]:
        """Read the placements of a repository whose artifacts are not known to be gone.

        :param repository: project and repository.
        """
        query = (
            select(placement)
            .where(placement.c.repository == repository, placement.c.deleted_at.is_(None))
            .order_by(placement.c.id)
        )
        with engine.reading(self._engine) as connection:
            found = [placements.read(row) for row in connection.execute(query).mappings()]
        return [one for one in found if one.settings.registry == registry]

    def mark_deleted(self, placement_ids: Collection[int]) -> None:
        """Note that the artifacts of these are gone from Harbor; they are kept warm no more."""
        with engine.writing(self._engine) as connection:
            now = engine.clock(connection)
            found: dict[str, int] = {}
            for some in engine.in_parts(sorted(placement_ids)):
                query = select(placement.c.fingerprint, placement.c.id).where(
                    placement.c.id.in_(some), placement.c.deleted_at.is_(None)
                )
                found |= {row.fingerprint: row.id for row in connection.execute(query)}
            change = update(placement).where(placement.c.id == bindparam("its_id"))
            # In the order in which plans write them, so that neither waits for the other's rows.
            rows = [{"its_id": found[mark]} for mark in sorted(found)]
            if rows:
                connection.execute(change.values(deleted_at=now), rows)
            kept.forget(connection, placement_ids)


def _save_cursor(connection: Connection, name: str, value: Any) -> None:
    values = {"value": value, "updated_at": engine.clock(connection)}
    statement = (
        engine
        .upsert(connection, cursors)
        .values(name=name, **values)
        .on_conflict_do_update(index_elements=["name"], set_=values)
    )
    connection.execute(statement)


def _save_glimpses(connection: Connection, registry: str, seen: Iterable[Glimpse]) -> None:
    now = engine.clock(connection)
    rows = [
        {
            "registry": registry,
            "repository": one.repository,
            "fingerprint": one.fingerprint,
            "content": zlib.compress(msgspec.json.encode(one.content), level=1),
            "seen_at": now,
        }
        # One order for all writers, so that two sweeps cannot wait for each other's rows.
        for one in sorted(seen, key=lambda one: one.repository)
    ]
    if not rows:
        return
    insert = engine.upsert(connection, glimpses)
    latest = {name: insert.excluded[name] for name in ("fingerprint", "content", "seen_at")}
    statement = insert.on_conflict_do_update(index_elements=["registry", "repository"], set_=latest)
    connection.execute(statement, rows)
