"""Handling: events leave the inbox in the transaction that records what came of them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, delete, or_, select, update

from preheat.event import EventSource
from preheat.ledger import events, receiving
from preheat.ledger.engine import clock, in_parts, upsert
from preheat.ledger.eventschema import event as table
from preheat.ledger.findings import cut
from preheat.ledger.fitting import fitting

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import Connection

    from preheat.ledger.eventrecords import Handled, StoredEvent
    from preheat.ledger.records import RunRef

__all__ = ["mark"]


def mark(
    connection: Connection, run: RunRef, handled: Sequence[Handled], plan_ids: Mapping[str, int]
) -> None:
    """Note which events a run took up, in place of what was noted of it before.

    What another run took up meanwhile stays that one's.

    :param plan_ids: the run's plans by the names of their policies.
    """
    receiving.lock(connection)
    now = clock(connection)
    before = _released(connection, run)
    found = {one.id: one for one in events.get(connection, [done.event_id for done in handled])}
    own = [
        done for done in handled if done.event_id in found and not found[done.event_id].handled_at
    ]
    rows = [_values(done, plan_ids) for done in own]
    if rows:
        statement = (
            update(table)
            .where(table.c.id == bindparam("its_id"))
            .values(
                handled_at=now,
                dag_id=run.dag_id,
                run_id=run.run_id,
                outcomes=bindparam("its_outcomes"),
                words=bindparam("its_words"),
            )
        )
        connection.execute(statement, rows)
    _drop_postponed(connection, before)
    _postpone(connection, [(found[done.event_id], done.postponed) for done in own], now)


def _released(connection: Connection, run: RunRef) -> list[int]:
    """Let what the run took up before wait again; tells what that was."""
    taken = table.c.handled_at.is_not(None), table.c.dag_id == run.dag_id
    of_run = select(table.c.id).where(*taken, table.c.run_id == run.run_id)
    ids = list(connection.scalars(of_run))
    waiting: dict[str, Any] = {
        "handled_at": None,
        "dag_id": "",
        "run_id": "",
        "outcomes": [],
        "words": "",
    }
    for some in in_parts(ids):
        connection.execute(update(table).where(table.c.id.in_(some)).values(**waiting))
    return ids


def _values(done: Handled, plan_ids: Mapping[str, int]) -> dict[str, Any]:
    outcomes = [
        replace(
            outcome,
            words=cut(outcome.words),
            plan_id=plan_ids.get(outcome.policy, outcome.plan_id),
        )
        for outcome in done.outcomes
    ]
    return {
        "its_id": done.event_id,
        "its_outcomes": events.outcomes_data(outcomes),
        "its_words": cut(done.words),
    }


def _drop_postponed(connection: Connection, event_ids: Sequence[int]) -> None:
    """Forget what an earlier try of the run put off: it is decided anew."""
    for some in in_parts(event_ids):
        waits = table.c.source == EventSource.DEFERRED.value, table.c.handled_at.is_(None)
        query = select(table.c.id).where(
            *waits, or_(*(table.c.delivery.startswith(f"deferred:{each}:") for each in some))
        )
        ids = list(connection.scalars(query))
        for few in in_parts(ids):
            connection.execute(delete(table).where(table.c.id.in_(few)))


def _postpone(
    connection: Connection,
    postponed: Sequence[tuple[StoredEvent, Mapping[str, datetime]]],
    now: datetime,
) -> None:
    """Let a policy look at the event again later: a row of its own, which waits until then.

    Where an earlier try of the run put it off and a later run has taken that up, it waits anew.
    """
    rows = []
    for one, moments in postponed:
        for policy, moment in moments.items():
            again = fitting(
                replace(
                    one.event,
                    source=EventSource.DEFERRED,
                    delivery=f"deferred:{one.id}:{policy}",
                )
            )
            rows.append(receiving.row_of(again, now, moment, policy=policy))
    if rows:
        insert = upsert(connection, table)
        anew = {
            name: insert.excluded[name]
            for name in ("due_at", "dag_id", "run_id", "outcomes", "words", "received_at")
        }
        statement = insert.on_conflict_do_update(
            index_elements=["registry", "delivery"], set_={**anew, "handled_at": None}
        )
        connection.execute(statement, rows)
