"""Attempts: each time a placement was asked for, its job and what became of it.

Who may open one and POST for it is the business of :mod:`preheat.ledger.leases`.
"""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

from sqlalchemy import exists, select, update

from preheat.errors import LedgerError
from preheat.ledger import findings, placements
from preheat.ledger.engine import clock
from preheat.ledger.findings import cut
from preheat.ledger.records import Attempt, RunRef
from preheat.ledger.schema import attempt as table
from preheat.ledger.schema import follower, placement
from preheat.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

    from sqlalchemy import Connection, RowMapping

    from preheat.verdict import Finding

__all__ = [
    "close",
    "drop_foreign",
    "get",
    "has_asked",
    "note_twin",
    "of_placement",
    "read",
    "strengthen",
    "tries_with_verdict",
]

_RUN = tuple(field.name for field in fields(RunRef))
_SET_UP_ANEW = "The cluster's entry in clusters.yaml changed, so this job is not followed any more."


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


def tries_with_verdict(connection: Connection, placement_id: int, run: RunRef) -> set[int]:
    """Collect the tries of a run that followed an attempt to its verdict, whoever opened it.

    UNKNOWN is none: the proof could not be made, which says nothing about the job.
    """
    query = (
        select(follower.c.try_number)
        .join(table, table.c.id == follower.c.attempt_id)
        .where(
            table.c.placement_id == placement_id,
            table.c.finding.is_not(None),
            table.c.verdict != Verdict.UNKNOWN.value,
            follower.c.dag_id == run.dag_id,
            follower.c.run_id == run.run_id,
        )
    )
    return set(connection.scalars(query))


def has_asked(connection: Connection, conn_id: str, within: timedelta) -> bool:
    """Tell whether a job was made over this Airflow connection, not longer ago than that."""
    query = select(
        exists()
        .where(table.c.job_id.is_not(None), table.c.asked_at >= clock(connection) - within)
        .where(table.c.placement_id == placement.c.id)
        .where(placement.c.settings["connection"].as_string() == conn_id)
    )
    return bool(connection.scalar(query))


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

    Without a finding, or with one that is UNKNOWN, nothing was proved: the attempt ends UNKNOWN,
    and the placement stays as it is.
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
        placements.check(connection, placement_id, finding, now)
    return True


def strengthen(connection: Connection, attempt_id: int, finding: Finding) -> bool:
    """Put what the peers say in place of what a job said; False where the peers' word stands.

    Only for an attempt that is closed with a finding, and that is its placement's last word.
    """
    query = select(table).where(table.c.id == attempt_id).with_for_update()
    found = read(connection.execute(query).mappings().one())
    weaker = found.finding is not None and not found.finding.proof.suffices_for(finding.proof)
    if not weaker or finding.verdict is Verdict.UNKNOWN:
        return False
    now = clock(connection)
    connection.execute(
        update(table)
        .where(table.c.id == attempt_id)
        .values(
            verdict=finding.verdict.value,
            finding=findings.as_data(finding),
            words=cut(finding.words),
        )
    )
    later = select(table.c.id).where(
        table.c.placement_id == found.placement_id,
        table.c.closed_at > found.closed_at,
        table.c.finding.is_not(None),
        table.c.verdict != Verdict.UNKNOWN.value,
    )
    if connection.scalar(later.limit(1)) is None:
        placements.check(connection, found.placement_id, finding, now)
    return True


def drop_foreign(connection: Connection, grounds: Mapping[str, str]) -> None:
    """Close open attempts whose cluster was set up anew: their jobs prove nothing there.

    :param grounds: what a proof rests on now, by the placement's fingerprint.
    """
    query = (
        select(table.c.id, placement.c.fingerprint, placement.c.grounds)
        .join(placement, placement.c.id == table.c.placement_id)
        .where(table.c.closed_at.is_(None))
    )
    for attempt_id, mark, before in connection.execute(query).all():
        if grounds.get(mark, before) != before:
            close(connection, attempt_id, None, _SET_UP_ANEW)


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
