"""The ledger's door for attempts: who asks, which job is followed, what it proved.

Every method is one transaction.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from preheat.ledger import adoption, attempts, engine, leases, placements
from preheat.ledger.records import Followed

if TYPE_CHECKING:
    from datetime import timedelta

    from sqlalchemy import Engine

    from preheat.ledger.records import Attempt, Claim, RunRef, StoredPlacement
    from preheat.verdict import Finding

__all__ = ["Attempting"]


class Attempting:
    """The part of the ledger that is about attempts."""

    def __init__(self, bound: Engine) -> None:
        self._engine = bound

    def followed(self, attempt_id: int) -> Followed:
        """Read one attempt and all that judging its job needs.

        :raises LedgerError: if there is no such attempt.
        """
        with engine.reading(self._engine) as connection:
            attempt = attempts.get(connection, attempt_id)
            stored = placements.get(connection, attempt.placement_id)
            image = placements.get_image(connection, stored.key.digest)
            asked = attempt.asked_at
            age = (engine.clock(connection) - asked).total_seconds() if asked else None
            return Followed(attempt, stored, image, age)

    def attempt(self, attempt_id: int) -> Attempt:
        """Read one attempt.

        :raises LedgerError: if there is none.
        """
        with engine.reading(self._engine) as connection:
            return attempts.get(connection, attempt_id)

    def attempts(self, placement_id: int) -> list[Attempt]:
        """Read all attempts of a placement, oldest first."""
        with engine.reading(self._engine) as connection:
            return attempts.of_placement(connection, placement_id)

    def tries_with_verdict(self, placement_id: int, run: RunRef) -> set[int]:
        """Collect the tries of a run that followed an attempt to its verdict, whoever opened it."""
        with engine.reading(self._engine) as connection:
            return attempts.tries_with_verdict(connection, placement_id, run)

    def has_asked(self, conn_id: str, *, within: timedelta) -> bool:
        """Tell whether a job was made over this Airflow connection, not longer ago than that."""
        with engine.reading(self._engine) as connection:
            return attempts.has_asked(connection, conn_id, within)

    def open_attempt(
        self, placement_id: int, *, owner: str, run: RunRef, lease_seconds: float
    ) -> Claim:
        """Open an attempt, or find the open one; see :mod:`preheat.asking`, the only caller."""
        with engine.writing(self._engine) as connection:
            return leases.open_or_find(
                connection, placement_id, owner=owner, run=run, lease_seconds=lease_seconds
            )

    def look(self, attempt_id: int, *, owner: str) -> Claim:
        """Read an attempt with its ages and whether this owner holds it."""
        with engine.reading(self._engine) as connection:
            return leases.look(connection, attempt_id, owner=owner)

    def take_over(self, seen: Attempt, *, owner: str, run: RunRef, lease_seconds: float) -> bool:
        """Become the owner of an attempt whose lease ran out, if it still stands as seen."""
        with engine.writing(self._engine) as connection:
            return leases.take_over(
                connection, seen, owner=owner, run=run, lease_seconds=lease_seconds
            )

    def renew(self, attempt_id: int, *, owner: str, lease_seconds: float) -> bool:
        """Prolong the lease; False when it is no longer this owner's."""
        with engine.writing(self._engine) as connection:
            return leases.renew(connection, attempt_id, owner=owner, lease_seconds=lease_seconds)

    def mark_asked(self, attempt_id: int, *, owner: str, lease_seconds: float) -> bool:
        """Note that a POST begins now; False when the lease is not this owner's: do not POST."""
        with engine.writing(self._engine) as connection:
            return leases.mark_asked(
                connection, attempt_id, owner=owner, lease_seconds=lease_seconds
            )

    def release(self, attempt_id: int, *, owner: str, words: str = "") -> None:
        """Give up the lease of an attempt that stays open, and say why."""
        with engine.writing(self._engine) as connection:
            leases.release(connection, attempt_id, owner=owner, words=words)

    def record_job(
        self, attempt_id: int, job_id: int, *, by: tuple[RunRef, StoredPlacement] | None = None
    ) -> Attempt:
        """Commit the job that is followed; see :func:`preheat.ledger.adoption.record_job`."""
        with engine.writing(self._engine) as connection:
            return adoption.record_job(connection, attempt_id, job_id, by)

    def note_twin(self, attempt_id: int, job_id: int) -> None:
        """Note another job with the attempt's nonce, which nobody follows."""
        with engine.writing(self._engine) as connection:
            attempts.note_twin(connection, attempt_id, job_id)

    def close_attempt(self, attempt_id: int, finding: Finding | None, words: str = "") -> bool:
        """Close the attempt and set its placement's verdict; False when it was closed before."""
        with engine.writing(self._engine) as connection:
            return attempts.close(connection, attempt_id, finding, words)

    def strengthen(self, attempt_id: int, finding: Finding) -> bool:
        """Put what the peers say in place of what a job said, in a closed attempt."""
        with engine.writing(self._engine) as connection:
            return attempts.strengthen(connection, attempt_id, finding)

    def close_unasked(self, attempt_id: int, *, owner: str, words: str) -> bool:
        """Close an attempt of which nothing reached the other side."""
        with engine.writing(self._engine) as connection:
            return leases.close_unasked(connection, attempt_id, owner=owner, words=words)

    def close_unfollowed(
        self, attempt_id: int, *, owner: str, finding: Finding | None = None, words: str = ""
    ) -> bool:
        """Close an attempt that this owner holds and that has no job; False when it is not so."""
        with engine.writing(self._engine) as connection:
            return leases.close_unfollowed(connection, attempt_id, owner, finding, words)
