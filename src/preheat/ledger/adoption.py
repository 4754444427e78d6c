"""Adoption: every job that was made is followed by an attempt, or noted beside one."""

from __future__ import annotations

import uuid
from dataclasses import asdict
from typing import TYPE_CHECKING

from sqlalchemy import select, update

from preheat.ledger import attempts, leases, placements
from preheat.ledger.engine import changed, clock, upsert
from preheat.ledger.schema import attempt as table
from preheat.placement import grounds

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from preheat.ledger.records import Attempt, RunRef, StoredPlacement

__all__ = ["record_job"]


def record_job(
    connection: Connection,
    attempt_id: int,
    job_id: int,
    by: tuple[RunRef, StoredPlacement] | None = None,
) -> Attempt:
    """Commit the job that the attempt follows; the first one stands, another is noted beside it.

    An attempt that was closed without a job, while the POST of this one was under way, stays as it
    is: the placement's open attempt takes the job, or a new one does.

    :param by: who asked and follows the job, and for what: a job that was made under other grounds
        than those of now proves nothing.
    """
    statement = (
        update(table)
        .where(table.c.id == attempt_id, table.c.closed_at.is_(None), table.c.job_id.is_(None))
        .values(job_id=job_id, words="")
    )
    if changed(connection, statement):
        return attempts.get(connection, attempt_id)
    standing = attempts.get(connection, attempt_id)
    if standing.job_id == job_id:
        return standing
    is_lost = not standing.is_open and standing.job_id is None
    if is_lost and by is not None and _still_holds(connection, by[1]):
        return _adopt(connection, standing, job_id, by[0])
    attempts.note_twin(connection, attempt_id, job_id)
    return attempts.get(connection, attempt_id)


def _still_holds(connection: Connection, asked: StoredPlacement) -> bool:
    now = placements.get(connection, asked.id)
    return grounds(now.key.scope, now.settings) == grounds(asked.key.scope, asked.settings)


def _adopt(connection: Connection, closed: Attempt, job_id: int, run: RunRef) -> Attempt:
    """Give the job to the attempt that is open, or open one for it, which the run then follows."""
    now = clock(connection)
    row = {
        "placement_id": closed.placement_id,
        "nonce": uuid.uuid4().hex,
        "owner": closed.owner,
        "lease_until": now,
        "opened_at": now,
        "asked_at": closed.asked_at or now,
        "words": "",
        "note": f"Its job was asked for by attempt {closed.id}, nonce {closed.nonce}.",
        **asdict(run),
    }
    insert = upsert(connection, table).values(row)
    connection.execute(
        insert.on_conflict_do_nothing(
            index_elements=["placement_id"], index_where=table.c.closed_at.is_(None)
        )
    )
    query = select(table.c.id).where(
        table.c.placement_id == closed.placement_id, table.c.closed_at.is_(None)
    )
    open_id = connection.scalars(query.with_for_update()).one()
    leases.join(connection, open_id, closed.placement_id, run)
    return record_job(connection, open_id, job_id)
