"""The ledger: our lasting record of plans, placements and attempts.

One door to the rooms beside this module. Every method is one transaction.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from preheat.ledger import (
    adoption,
    attempts,
    dispositions,
    engine,
    leases,
    migrate,
    outcomes,
    placements,
    plans,
)
from preheat.ledger.records import Followed
from preheat.ledger.upkeep import Upkeep

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime, timedelta

    from sqlalchemy.engine import URL

    from preheat.artifact import Image
    from preheat.difference import ImageName
    from preheat.ledger.records import (
        Attempt,
        Claim,
        LedgerStatus,
        Outcome,
        Proof,
        RecordedPlan,
        RunRef,
        StoredPlacement,
    )
    from preheat.placement import PlacementKey
    from preheat.plan import Decision, Plan
    from preheat.verdict import Finding

__all__ = ["Ledger"]


class Ledger:
    """Reads and writes one ledger; blocking, so call it off the event loop.

    Safe in many threads and processes, also across a fork. Times are the database's. Every method
    raises :class:`preheat.errors.LedgerError` when the database fails, never showing its password.

    :param url: a parsed URL of SQLite or PostgreSQL; :meth:`open` reads and checks a text.
    :ivar upkeep: what is due, what was left open, what may be forgotten.
    """

    def __init__(self, url: URL) -> None:
        self._engine = engine.make_engine(url)
        self.upkeep = Upkeep(self._engine)

    def __repr__(self) -> str:
        return f"<Ledger {engine.shown(self._engine.url)}>"

    @classmethod
    def open(cls, url: str) -> Ledger:
        """Open a ledger that is ready for use: SQLite is brought up to date by itself.

        :raises LedgerError: if the URL is wrong, the database unreachable, or its tables are not
            those of this Preheat; the message names the command to run.
        """
        ledger = cls.at(url)
        try:
            migrate.prepare(ledger._engine)  # noqa: SLF001 (a constructor's own object)
        except BaseException:
            ledger.close()
            raise
        return ledger

    @classmethod
    def at(cls, url: str) -> Ledger:
        """Address a ledger as it is, to upgrade it or to see its status.

        :raises LedgerError: if the URL is wrong.
        """
        return cls(engine.parse_url(url))

    def close(self) -> None:
        """Give back all connections."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def upgrade(self) -> None:
        """Bring the tables up to date; waits for another process that does the same."""
        migrate.upgrade(self._engine)

    def status(self) -> LedgerStatus:
        """Tell the revision and what the ledger holds."""
        return migrate.status(self._engine)

    def record_plan(self, plan: Plan, run: RunRef) -> RecordedPlan:
        """Write a run's plan and its placements; a second call for the run replaces the first."""
        with engine.writing(self._engine) as connection:
            return plans.record(connection, plan, run)

    def decisions(self, dag_id: str, run_id: str) -> tuple[Decision, ...]:
        """Read every decision of a run's plan."""
        with engine.reading(self._engine) as connection:
            return plans.decisions(connection, dag_id, run_id)

    def failures(self, dag_id: str, run_id: str) -> tuple[str, ...]:
        """Tell what makes a run's plan a failure whatever becomes of its placements."""
        with engine.reading(self._engine) as connection:
            return plans.failures(connection, dag_id, run_id)

    def selected_before(self, policy: str, run: RunRef) -> tuple[ImageName, ...] | None:
        """Tell what the policy's last plan selected, this run's own not counted; None without."""
        with engine.reading(self._engine) as connection:
            return plans.selected_before(connection, policy, run)

    def lift_budget(self, dag_id: str, run_id: str, *, most: int) -> int:
        """Ask for what the budget of a run left out too, up to ``most`` of each cluster."""
        with engine.writing(self._engine) as connection:
            return dispositions.lift_budget(connection, dag_id, run_id, most)

    def hold_to_budget(self, dag_id: str, run_id: str) -> None:
        """Take back what :meth:`lift_budget` lifted."""
        with engine.writing(self._engine) as connection:
            dispositions.hold_to_budget(connection, dag_id, run_id)

    def close_window(self, dag_id: str, run_id: str, cluster: str, detail: str) -> int:
        """Leave out what a run has still to ask of a cluster; tell how many placements."""
        with engine.writing(self._engine) as connection:
            return dispositions.close_window(connection, dag_id, run_id, cluster, detail)

    def spent(self, policy: str, since: datetime, until: datetime) -> Mapping[str, int]:
        """Tell how many bytes the policy asked of each cluster in that time, by cluster name."""
        with engine.reading(self._engine) as connection:
            return plans.spent(connection, policy, since, until)

    def images(self, digests: Iterable[str]) -> dict[str, Image]:
        """Read the blobs of those images whose manifest was ever resolved, by digest."""
        with engine.reading(self._engine) as connection:
            return placements.get_images(connection, digests)

    def outcomes(self, dag_id: str, run_id: str) -> list[Outcome]:
        """Tell what became of each placement that the run planned, in plan order."""
        with engine.reading(self._engine) as connection:
            return outcomes.of_run(connection, dag_id, run_id)

    def warm(self, since: datetime | None = None) -> Mapping[PlacementKey, Proof]:
        """Tell what was warm when last checked, if not before ``since``, or so on some hosts.

        Whoever plans compares the grounds, for what was proved under other settings is no proof
        now, and judges what was seen by its demand.
        """
        with engine.reading(self._engine) as connection:
            return placements.warm(connection, since)

    def placement(self, placement_id: int) -> StoredPlacement:
        """Read one placement.

        :raises LedgerError: if there is none.
        """
        with engine.reading(self._engine) as connection:
            return placements.get(connection, placement_id)

    def placement_and_image(self, placement_id: int) -> tuple[StoredPlacement, Image | None]:
        """Read one placement and of what its image consists, if that is known.

        :raises LedgerError: if there is no such placement.
        """
        with engine.reading(self._engine) as connection:
            stored = placements.get(connection, placement_id)
            return stored, placements.get_image(connection, stored.key.digest)

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

    def image(self, digest: str) -> Image | None:
        """Read the blobs of an image, if its manifest was ever resolved."""
        with engine.reading(self._engine) as connection:
            return placements.get_image(connection, digest)

    def record_image(self, image: Image) -> None:
        """Keep the blobs of an image for ever: they follow from its digest."""
        with engine.writing(self._engine) as connection:
            placements.save_image(connection, image)

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
