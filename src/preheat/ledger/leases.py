"""Leases: who may POST for a placement. At most one attempt is open per placement.

Leases, ages and takeovers go by the database's clock. Whoever holds the lease alone may POST; a
lease covers one POST and outlives a dead owner by no more.
"""

from __future__ import annotations

import uuid
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError

from preheat.errors import LedgerError
from preheat.ledger import attempts, plans, standing
from preheat.ledger.engine import changed, clock, upsert
from preheat.ledger.findings import cut
from preheat.ledger.records import Claim
from preheat.ledger.schema import attempt as table
from preheat.ledger.schema import follower, plan_placement
from preheat.verdict import Verdict

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection, Update

    from preheat.ledger.records import Attempt, RunRef
    from preheat.verdict import Finding

__all__ = [
    "claim",
    "close_unasked",
    "close_unfollowed",
    "join",
    "look",
    "mark_asked",
    "open_or_find",
    "release",
    "renew",
    "take_over",
]

OWNER_LENGTH = 250
_RACES = 5


def open_or_find(
    connection: Connection, placement_id: int, *, owner: str, run: RunRef, lease_seconds: float
) -> Claim:
    """Open an attempt, or find the one that is open; the run's plan then points to it.

    Or find one that is closed: when another run's proof of this run's plan came after the plan, or
    when a later try of the same task was here already.

    :raises LedgerError: if there is no such placement.
    """
    for _ in range(_RACES):
        now = clock(connection)
        row = {
            "placement_id": placement_id,
            "nonce": uuid.uuid4().hex,
            "lease_until": now + timedelta(seconds=lease_seconds),
            "opened_at": now,
            "words": "",
            "note": "",
            **_driven_by(owner, run),
        }
        insert = (
            upsert(connection, table)
            .values(row)
            .on_conflict_do_nothing(
                index_elements=["placement_id"], index_where=table.c.closed_at.is_(None)
            )
            .returning(table.c.id)
        )
        try:
            opened = connection.scalar(insert)
        except IntegrityError:
            raise LedgerError(f"The ledger has no placement {placement_id}: plan again.") from None
        if opened is not None and (known := standing.for_run(connection, placement_id, run)):
            connection.execute(delete(table).where(table.c.id == opened))
            join(connection, known.id, placement_id, run)
            return claim(known, now, mine=False)
        query = select(table).where(
            table.c.placement_id == placement_id, table.c.closed_at.is_(None)
        )
        found = connection.execute(query).mappings().one_or_none()
        if found is not None:
            join(connection, found["id"], placement_id, run)
            return claim(attempts.read(found), now, mine=opened is not None)
    raise LedgerError(
        f"Placement {placement_id}: its attempts open and close faster than they can be read."
    )


def _driven_by(owner: str, run: RunRef) -> dict[str, object]:
    return {"owner": owner[:OWNER_LENGTH], **asdict(run)}


def join(connection: Connection, attempt_id: int, placement_id: int, run: RunRef) -> None:
    """Note that this run follows the attempt: its report finds it, and its verdict counts there."""
    connection.execute(
        update(plan_placement)
        .where(
            plan_placement.c.plan_id.in_(plans.of_run(run.dag_id, run.run_id)),
            plan_placement.c.placement_id == placement_id,
        )
        .values(attempt_id=attempt_id)
    )
    row = {
        "attempt_id": attempt_id,
        "dag_id": run.dag_id,
        "run_id": run.run_id,
        "try_number": run.try_number,
    }
    statement = upsert(connection, follower).values(row)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["attempt_id", "dag_id", "run_id"],
            set_={"try_number": statement.excluded.try_number},
            where=follower.c.try_number < statement.excluded.try_number,
        )
    )


def claim(found: Attempt, now: datetime, *, mine: bool) -> Claim:
    """Measure an attempt by the database's clock."""
    asked = None if found.asked_at is None else (now - found.asked_at).total_seconds()
    left = (found.lease_until - now).total_seconds()
    return Claim(
        attempt=found,
        mine=mine,
        lease_seconds_left=max(0.0, left),
        age_seconds=(now - found.opened_at).total_seconds(),
        seconds_since_asked=asked,
    )


def look(connection: Connection, attempt_id: int, *, owner: str) -> Claim:
    """Read an attempt with its ages.

    :raises LedgerError: if there is none.
    """
    now = clock(connection)
    found = attempts.get(connection, attempt_id)
    mine = (
        found.is_open
        and found.job_id is None
        and found.owner == owner[:OWNER_LENGTH]
        and found.lease_until > now
    )
    return claim(found, now, mine=mine)


def take_over(
    connection: Connection, seen: Attempt, *, owner: str, run: RunRef, lease_seconds: float
) -> bool:
    """Become the owner of an attempt whose lease ran out, if it still stands exactly as seen."""
    now = clock(connection)
    values = {"lease_until": now + timedelta(seconds=lease_seconds), **_driven_by(owner, run)}
    statement = (
        update(table)
        .where(
            table.c.id == seen.id,
            table.c.closed_at.is_(None),
            table.c.job_id.is_(None),
            table.c.owner == seen.owner,
            table.c.lease_until == seen.lease_until,
            table.c.lease_until <= now,
        )
        .values(**values)
    )
    return changed(connection, statement)


def _unfollowed(attempt_id: int, owner: str) -> Update:
    """Address an open attempt without a job that nobody took from this owner."""
    return update(table).where(
        table.c.id == attempt_id,
        table.c.closed_at.is_(None),
        table.c.job_id.is_(None),
        table.c.owner == owner[:OWNER_LENGTH],
    )


def _owned(attempt_id: int, owner: str, now: datetime) -> Update:
    """Address an attempt only while this owner may act on it."""
    return _unfollowed(attempt_id, owner).where(table.c.lease_until > now)


def renew(connection: Connection, attempt_id: int, *, owner: str, lease_seconds: float) -> bool:
    """Prolong the lease; False when it is no longer ours.

    One that ran out is ours until somebody takes it over: a look-up may take longer than a lease.
    """
    until = clock(connection) + timedelta(seconds=lease_seconds)
    return changed(connection, _unfollowed(attempt_id, owner).values(lease_until=until))


def mark_asked(
    connection: Connection, attempt_id: int, *, owner: str, lease_seconds: float
) -> bool:
    """Note that a POST begins now, under a lease that covers it; False when it is not ours."""
    now = clock(connection)
    until = now + timedelta(seconds=lease_seconds)
    statement = _owned(attempt_id, owner, now).values(asked_at=now, lease_until=until)
    return changed(connection, statement)


def release(connection: Connection, attempt_id: int, *, owner: str, words: str) -> None:
    """Give up the lease of an attempt that stays open, and say why, so that nobody waits for us."""
    now = clock(connection)
    statement = _owned(attempt_id, owner, now).values(lease_until=now, words=cut(words))
    connection.execute(statement)


def close_unasked(connection: Connection, attempt_id: int, *, owner: str, words: str) -> bool:
    """Close an attempt of which nothing reached the other side."""
    now = clock(connection)
    statement = _owned(attempt_id, owner, now).values(
        asked_at=None, closed_at=now, verdict=Verdict.UNKNOWN.value, words=cut(words)
    )
    return changed(connection, statement)


def close_unfollowed(
    connection: Connection, attempt_id: int, owner: str, finding: Finding | None, words: str
) -> bool:
    """Close an attempt that we hold and that has no job; False when it is not ours.

    Somebody else's POST may be under way, and its job must find the attempt open.
    """
    now = clock(connection)
    is_held = changed(connection, _owned(attempt_id, owner, now).values(lease_until=now))
    return is_held and attempts.close(connection, attempt_id, finding, words)
