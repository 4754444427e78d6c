"""Attempts: each time a placement was asked for. At most one is open per placement.

Leases, ages and takeovers go by the database's clock. Whoever holds the lease alone may POST; a
lease covers one POST and outlives a dead owner by no more.
"""

from __future__ import annotations

import uuid
from dataclasses import asdict, fields
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import RowMapping, select, update
from sqlalchemy.exc import IntegrityError

from preheat.errors import LedgerError
from preheat.ledger import findings, placements
from preheat.ledger.engine import clock, upsert
from preheat.ledger.findings import cut
from preheat.ledger.records import Attempt, Claim, RunRef
from preheat.ledger.schema import attempt as table
from preheat.ledger.schema import plan, plan_placement
from preheat.verdict import Verdict

if TYPE_CHECKING:
    from sqlalchemy import Connection, Update

    from preheat.verdict import Finding

__all__ = [
    "close",
    "close_unasked",
    "get",
    "look",
    "mark_asked",
    "note_twin",
    "of_placement",
    "open_or_find",
    "read",
    "record_job",
    "release",
    "renew",
    "take_over",
]

OWNER_LENGTH = 250
_RACES = 5
_RUN = tuple(field.name for field in fields(RunRef))


def open_or_find(
    connection: Connection, placement_id: int, *, owner: str, run: RunRef, lease_seconds: float
) -> Claim:
    """Open an attempt, or find the one that is open; the run's plan then points to it.

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
        query = select(table).where(
            table.c.placement_id == placement_id, table.c.closed_at.is_(None)
        )
        found = connection.execute(query).mappings().one_or_none()
        if found is not None:
            _join(connection, found["id"], placement_id, run)
            return _claim(read(found), now, mine=opened is not None)
    raise LedgerError(
        f"Placement {placement_id}: its attempts open and close faster than they can be read."
    )


def _driven_by(owner: str, run: RunRef) -> dict[str, object]:
    return {"owner": owner[:OWNER_LENGTH], **asdict(run)}


def _join(connection: Connection, attempt_id: int, placement_id: int, run: RunRef) -> None:
    """Let the plan of this run point to the attempt, so that its report finds it."""
    own_plan = select(plan.c.id).where(plan.c.dag_id == run.dag_id, plan.c.run_id == run.run_id)
    connection.execute(
        update(plan_placement)
        .where(
            plan_placement.c.plan_id == own_plan.scalar_subquery(),
            plan_placement.c.placement_id == placement_id,
        )
        .values(attempt_id=attempt_id)
    )


def _claim(found: Attempt, now: datetime, *, mine: bool) -> Claim:
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
    found = get(connection, attempt_id)
    mine = (
        found.is_open
        and found.job_id is None
        and found.owner == owner[:OWNER_LENGTH]
        and found.lease_until > now
    )
    return _claim(found, now, mine=mine)


def get(connection: Connection, attempt_id: int) -> Attempt:
    """Read one attempt.

    :raises LedgerError: if there is none.
    """
    query = select(table).where(table.c.id == attempt_id)
    row = connection.execute(query).mappings().one_or_none()
    if row is None:
        raise LedgerError(f"The ledger has no attempt {attempt_id}.")
    return read(row)


def of_placement(connection: Connection, placement_id: int) -> list[Attempt]:
    """Read all attempts of a placement, oldest first."""
    query = select(table).where(table.c.placement_id == placement_id).order_by(table.c.id)
    return [read(row) for row in connection.execute(query).mappings()]


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
    return _changed(connection, statement)


def _owned(attempt_id: int, owner: str, now: datetime) -> Update:
    """Address an attempt only while this owner may act on it."""
    return update(table).where(
        table.c.id == attempt_id,
        table.c.closed_at.is_(None),
        table.c.job_id.is_(None),
        table.c.owner == owner[:OWNER_LENGTH],
        table.c.lease_until > now,
    )


def _changed(connection: Connection, statement: Update) -> bool:
    return connection.execute(statement).rowcount == 1


def renew(connection: Connection, attempt_id: int, *, owner: str, lease_seconds: float) -> bool:
    """Prolong the lease; False when it is no longer ours."""
    now = clock(connection)
    until = now + timedelta(seconds=lease_seconds)
    return _changed(connection, _owned(attempt_id, owner, now).values(lease_until=until))


def mark_asked(
    connection: Connection, attempt_id: int, *, owner: str, lease_seconds: float
) -> bool:
    """Note that a POST begins now, under a lease that covers it; False when it is not ours."""
    now = clock(connection)
    until = now + timedelta(seconds=lease_seconds)
    statement = _owned(attempt_id, owner, now).values(asked_at=now, lease_until=until)
    return _changed(connection, statement)


def release(connection: Connection, attempt_id: int, *, owner: str, words: str) -> None:
    """Give up the lease of an attempt that stays open, and say why, so that nobody waits for us."""
    now = clock(connection)
    statement = _owned(attempt_id, owner, now).values(lease_until=now, words=cut(words))
    connection.execute(statement)


def record_job(connection: Connection, attempt_id: int, job_id: int) -> Attempt:
    """Commit the job that the attempt follows; the first one stands, another is noted beside it."""
    statement = (
        update(table)
        .where(table.c.id == attempt_id, table.c.closed_at.is_(None), table.c.job_id.is_(None))
        .values(job_id=job_id, words="")
    )
    if not _changed(connection, statement):
        standing = get(connection, attempt_id)
        if standing.job_id != job_id:
            note_twin(connection, attempt_id, job_id)
    return get(connection, attempt_id)


def note_twin(connection: Connection, attempt_id: int, job_id: int) -> None:
    """Note another job with the attempt's nonce, which nobody follows; the same one only once."""
    query = select(table.c.note).where(table.c.id == attempt_id).with_for_update()
    lines = connection.execute(query).scalar_one().splitlines()
    line = f"Job {job_id} carries the same nonce and is not followed."
    if line not in lines:
        text = cut("\n".join([*lines, line]))
        connection.execute(update(table).where(table.c.id == attempt_id).values(note=text))


def close(
    connection: Connection, attempt_id: int, finding: Finding | None, words: str = ""
) -> bool:
    """Close the attempt and set what the finding proves; False if it was closed before.

    Without a finding nothing was checked: the attempt ends UNKNOWN, the placement stays as it is.
    """
    now = clock(connection)
    verdict = finding.verdict if finding else Verdict.UNKNOWN
    said = words or (finding.words if finding else "")
    statement = (
        update(table)
        .where(table.c.id == attempt_id, table.c.closed_at.is_(None))
        .values(
            closed_at=now,
            verdict=verdict.value,
            finding=findings.as_data(finding) if finding else None,
            words=cut(said),
        )
        .returning(table.c.placement_id)
    )
    placement_id = connection.execute(statement).scalar_one_or_none()
    if placement_id is None:
        return False
    if finding:
        placements.check(connection, placement_id, finding.verdict, now)
    return True


def close_unasked(connection: Connection, attempt_id: int, *, owner: str, words: str) -> bool:
    """Close an attempt of which nothing reached the other side."""
    now = clock(connection)
    statement = _owned(attempt_id, owner, now).values(
        asked_at=None, closed_at=now, verdict=Verdict.UNKNOWN.value, words=cut(words)
    )
    return _changed(connection, statement)


def read(row: RowMapping) -> Attempt:
    """Turn a row into an attempt."""
    return Attempt(
        id=row["id"],
        placement_id=row["placement_id"],
        nonce=row["nonce"],
        owner=row["owner"],
        run=RunRef(**{name: row[name] for name in _RUN}),
        opened_at=row["opened_at"],
        lease_until=row["lease_until"],
        asked_at=row["asked_at"],
        job_id=row["job_id"],
        closed_at=row["closed_at"],
        verdict=None if row["verdict"] is None else Verdict(row["verdict"]),
        finding=None if row["finding"] is None else findings.from_data(row["finding"]),
        words=row["words"],
        note=row["note"],
    )
