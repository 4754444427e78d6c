"""The ledger: our lasting record of events, plans, placements and attempts.

One door to the rooms beside this module. Every method is one transaction.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from preheat.ledger import dispositions, engine, handling, migrate, outcomes, placements, plans
from preheat.ledger.attempting import Attempting
from preheat.ledger.inbox import Inbox
from preheat.ledger.overview import Overview
from preheat.ledger.upkeep import Upkeep

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy.engine import URL

    from preheat.artifact import Image
    from preheat.difference import ImageName
    from preheat.ledger.eventrecords import Handled
    from preheat.ledger.records import (
        LedgerStatus,
        Outcome,
        Proof,
        RecordedPlan,
        RunRef,
        StoredPlacement,
    )
    from preheat.placement import PlacementKey
    from preheat.plan import Decision, Plan

__all__ = ["Ledger"]


class Ledger(Attempting):
    """Reads and writes one ledger; blocking, so call it off the event loop.

    Safe in many threads and processes, also across a fork. Times are the database's. Every method
    raises :class:`preheat.errors.LedgerError` when the database fails, never showing its password.

    :param url: a parsed URL of SQLite or PostgreSQL; :meth:`open` reads and checks a text.
    :ivar inbox: what happened in a Harbor, and what came of it.
    :ivar upkeep: what is due, what was left open, what may be forgotten.
    :ivar overview: what people look up, page by page.
    """

    def __init__(self, url: URL) -> None:
        super().__init__(engine.make_engine(url))
        self.inbox = Inbox(self._engine)
        self.upkeep = Upkeep(self._engine)
        self.overview = Overview(self._engine)

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
            return plans.record(connection, [plan], run)[0]

    def record_event_plans(
        self, made: Sequence[Plan], run: RunRef, handled: Sequence[Handled]
    ) -> list[RecordedPlan]:
        """Write the plans of a run, one a policy, and with them that it took these events up.

        A second call for the run replaces the first: plans of other policies go, and events that
        it took up before and does not now wait again. Outcomes get the ids of their plans.

        :returns: one for each plan, in their order.
        """
        with engine.writing(self._engine) as connection:
            recorded = plans.record(connection, made, run)
            ids = {plan.policy: one.plan_id for plan, one in zip(made, recorded, strict=True)}
            handling.mark(connection, run, handled, ids)
            return recorded

    def decisions(self, dag_id: str, run_id: str) -> tuple[Decision, ...]:
        """Read every decision of a run's plan."""
        with engine.reading(self._engine) as connection:
            return plans.decisions(connection, dag_id, run_id)

    def decisions_of(self, plan_id: int) -> tuple[Decision, ...]:
        """Read every decision of a plan; none where there is no such plan."""
        with engine.reading(self._engine) as connection:
            return plans.decisions_of(connection, plan_id)

    def failures(self, dag_id: str, run_id: str) -> tuple[str, ...]:
        """Tell what makes a run's plan a failure whatever becomes of its placements."""
        with engine.reading(self._engine) as connection:
            return plans.failures(connection, dag_id, run_id)

    def is_dry_run(self, dag_id: str, run_id: str) -> bool:
        """Tell whether a run only showed what it would do."""
        with engine.reading(self._engine) as connection:
            return plans.is_dry_run(connection, dag_id, run_id)

    def is_dry_plan(self, plan_id: int) -> bool:
        """Tell whether a plan only shows what it would do; False where there is no such plan."""
        with engine.reading(self._engine) as connection:
            return plans.is_dry_plan(connection, plan_id)

    def selected_before(self, policy: str, run: RunRef) -> tuple[ImageName, ...] | None:
        """Tell what the policy's last plan selected, this run's own not counted; None without.

        No dry run counts.
        """
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

    def warm(
        self, since: datetime | None = None, *, repositories: Collection[str] | None = None
    ) -> Mapping[PlacementKey, Proof]:
        """Tell what was warm when last checked, if not before ``since``, or so on some hosts.

        Whoever plans compares the grounds, for what was proved under other settings is no proof
        now, and judges what was seen by its demand.
        """
        with engine.reading(self._engine) as connection:
            return placements.warm(connection, since, repositories)

    def asked_since(self, since: datetime) -> Mapping[PlacementKey, datetime]:
        """Tell which placements were asked for since then, and when that was last."""
        with engine.reading(self._engine) as connection:
            return placements.asked_since(connection, since)

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

    def image(self, digest: str) -> Image | None:
        """Read the blobs of an image, if its manifest was ever resolved."""
        with engine.reading(self._engine) as connection:
            return placements.get_image(connection, digest)

    def record_image(self, image: Image) -> None:
        """Keep the blobs of an image for ever: they follow from its digest."""
        with engine.writing(self._engine) as connection:
            placements.save_image(connection, image)
