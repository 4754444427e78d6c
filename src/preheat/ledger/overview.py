"""The ledger's door for whoever looks something up: pages, the API. Nothing is written here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from preheat.ledger import attempts, coverage, engine, outcomes, placements, planlist
from preheat.ledger.overviewrecords import Shown
from preheat.ledger.schema import attempt, placement

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import Engine

    from preheat.artifact import Image
    from preheat.ledger.overviewrecords import (
        Cell,
        Chosen,
        Count,
        ImageRow,
        Listed,
        PlannedItem,
        StoredPlan,
    )
    from preheat.ledger.records import Attempt, Outcome
    from preheat.plan import Decision

__all__ = ["Overview"]

_EVERYTHING = Shown(everything=True)


class Overview:
    """Answers what people ask; every method is one transaction that only reads.

    ``seen`` is in every method the same: ids of the DAGs whose plans a person may see, None where
    he may see all. What no plan of theirs names is not told of.
    """

    def __init__(self, bound: Engine) -> None:
        self._engine = bound

    def now(self) -> datetime:
        """Tell the time by the database's clock."""
        with engine.reading(self._engine) as connection:
            return engine.clock(connection)

    def dag_ids(self) -> set[str]:
        """Name the DAGs that ever planned something."""
        with engine.reading(self._engine) as connection:
            return planlist.dag_ids(connection)

    def policies(self, seen: Collection[str] | None = None) -> list[str]:
        """Name the policies that ever planned something, typed images and looks among them."""
        with engine.reading(self._engine) as connection:
            return planlist.policies(connection, seen)

    def projects(self, seen: Collection[str] | None = None) -> list[str]:
        """Name the projects of what is wanted now."""
        with engine.reading(self._engine) as connection:
            return coverage.projects(connection, engine.clock(connection), seen)

    def images(
        self,
        shown: Shown,
        *,
        seen: Collection[str] | None = None,
        after: Sequence[Any] | None = None,
        limit: int = 50,
    ) -> Listed[ImageRow]:
        """Read a page of images, each with all its cells, by name.

        :param after: as the page before gave it.
        """
        with engine.reading(self._engine) as connection:
            now = engine.clock(connection)
            return coverage.images(connection, shown, now, dag_ids=seen, after=after, limit=limit)

    def counts(self, shown: Shown, *, seen: Collection[str] | None = None) -> list[Count]:
        """Count placements by cluster and verdict."""
        with engine.reading(self._engine) as connection:
            return coverage.counts(connection, shown, engine.clock(connection), dag_ids=seen)

    def placements(
        self,
        shown: Shown,
        *,
        seen: Collection[str] | None = None,
        after: int | None = None,
        limit: int = 100,
    ) -> Listed[Cell]:
        """Read a page of placements, by id."""
        with engine.reading(self._engine) as connection:
            now = engine.clock(connection)
            return coverage.listed(connection, shown, now, dag_ids=seen, after=after, limit=limit)

    def placement(self, placement_id: int, seen: Collection[str] | None = None) -> Cell | None:
        """Read one placement; None where there is none, or it may not be seen."""
        found = self._cells([placement.c.id == placement_id], seen)
        return found[0] if found else None

    def placements_of(
        self,
        repository: str,
        digest: str,
        seen: Collection[str] | None = None,
        shown: Shown = _EVERYTHING,
    ) -> list[Cell]:
        """Read all placements of an image that were ever planned, by cluster.

        :param repository: project and repository.
        :param digest: of one platform's manifest.
        :param shown: which of them.
        """
        its = [placement.c.repository == repository, placement.c.digest == digest]
        found = self._cells(its, seen, shown)
        return sorted(found, key=lambda cell: (cell.placement.key.cluster, cell.placement.id))

    def _cells(
        self, its: Sequence[Any], seen: Collection[str] | None, shown: Shown = _EVERYTHING
    ) -> list[Cell]:
        with engine.reading(self._engine) as connection:
            now = engine.clock(connection)
            visible = coverage.conditions(shown, now, seen)
            query = select(placement).where(*its, *visible)
            rows = connection.execute(query).mappings().all()
            made = coverage.cells(connection, rows)
            return [made[row["id"]] for row in rows]

    def visible(self, placement_ids: Collection[int], seen: Collection[str] | None) -> set[int]:
        """Tell which of these placements there are and may be seen."""
        found = self._cells([placement.c.id.in_(sorted(placement_ids))], seen)
        return {cell.placement.id for cell in found}

    def has_repository(self, repository: str, seen: Collection[str] | None = None) -> bool:
        """Tell whether anything of a repository was ever planned."""
        with engine.reading(self._engine) as connection:
            visible = coverage.conditions(_EVERYTHING, engine.clock(connection), seen)
            query = select(placement.c.id).where(placement.c.repository == repository, *visible)
            return connection.scalar(query.limit(1)) is not None

    def names(
        self, placement_ids: Sequence[int], seen: Collection[str] | None = None
    ) -> dict[int, tuple[str, tuple[str, ...]]]:
        """Tell the label and the tags that the latest plan of each placement gave it."""
        with engine.reading(self._engine) as connection:
            found = coverage.tags_of(connection, placement_ids, seen)
            return {key: (label, tags) for key, (_, label, tags) in found.items()}

    def image(self, digest: str) -> Image | None:
        """Read the blobs of an image, if its manifest was ever resolved."""
        with engine.reading(self._engine) as connection:
            return placements.get_image(connection, digest)

    def attempts(
        self,
        placement_ids: Collection[int],
        *,
        seen: Collection[str] | None = None,
        before: int | None = None,
        limit: int = 50,
    ) -> Listed[Attempt]:
        """Read a page of the attempts of these placements, the newest first."""
        with engine.reading(self._engine) as connection:
            return planlist.attempts_of(connection, placement_ids, seen, before=before, limit=limit)

    def attempt(self, attempt_id: int, seen: Collection[str] | None = None) -> Attempt | None:
        """Read one attempt; None where there is none, or it may not be seen."""
        query = select(attempt).where(attempt.c.id == attempt_id)
        if seen is not None:
            query = query.where(attempt.c.dag_id.in_(sorted(seen)))
        with engine.reading(self._engine) as connection:
            row = connection.execute(query).mappings().one_or_none()
            return None if row is None else attempts.read(row)

    def items(
        self,
        placement_ids: Collection[int],
        *,
        seen: Collection[str] | None = None,
        limit: int = 100,
    ) -> list[tuple[int, PlannedItem]]:
        """Tell which plans named these placements, the newest first, with each placement's id."""
        with engine.reading(self._engine) as connection:
            return planlist.items_of(connection, placement_ids, seen, limit)

    def plans(
        self,
        *,
        seen: Collection[str] | None = None,
        policy: str = "",
        dag_id: str = "",
        run_id: str = "",
        before: int | None = None,
        limit: int = 25,
    ) -> Listed[StoredPlan]:
        """Read a page of plans, the newest first."""
        with engine.reading(self._engine) as connection:
            return planlist.page(
                connection,
                seen=seen,
                policy=policy,
                dag_id=dag_id,
                run_id=run_id,
                before=before,
                limit=limit,
            )

    def plan(self, plan_id: int, seen: Collection[str] | None = None) -> StoredPlan | None:
        """Read one plan; None where there is none, or it may not be seen."""
        with engine.reading(self._engine) as connection:
            return planlist.get(connection, plan_id, seen)

    def latest_plan(self, policy: str, seen: Collection[str] | None = None) -> StoredPlan | None:
        """Read the last plan over all that a policy looks at, dry runs not counted."""
        with engine.reading(self._engine) as connection:
            return planlist.latest(connection, policy, seen)

    def latest_plans(
        self, policies: Collection[str], seen: Collection[str] | None = None
    ) -> dict[str, StoredPlan]:
        """Read the last plan of each of these policies, as :meth:`latest_plan` does of one."""
        with engine.reading(self._engine) as connection:
            return planlist.latest_of_each(connection, policies, seen)

    def plans_of_runs(
        self, runs: Collection[tuple[str, str]], seen: Collection[str] | None = None
    ) -> dict[tuple[str, str], list[StoredPlan]]:
        """Read the plans of these runs, by DAG id and run id."""
        with engine.reading(self._engine) as connection:
            return planlist.of_runs(connection, runs, seen)

    def clusters(self, seen: Collection[str] | None = None) -> list[Mapping[str, Any]]:
        """Read the entry of each cluster as a plan used it last, by name."""
        with engine.reading(self._engine) as connection:
            return planlist.clusters(connection, seen)

    def decisions(
        self,
        plan_id: int,
        chosen: Chosen,
        *,
        seen: Collection[str] | None = None,
        after: int | None = None,
        limit: int = 100,
    ) -> Listed[tuple[int, Decision]] | None:
        """Read a page of a plan's decisions, each with its position; None as of :meth:`plan`."""
        with engine.reading(self._engine) as connection:
            if planlist.get(connection, plan_id, seen) is None:
                return None
            return planlist.decisions(connection, plan_id, chosen, after=after, limit=limit)

    def outcomes(self, dag_id: str, run_id: str) -> list[Outcome]:
        """Tell what became of each placement that a run planned, in plan order."""
        with engine.reading(self._engine) as connection:
            return outcomes.of_run(connection, dag_id, run_id)
