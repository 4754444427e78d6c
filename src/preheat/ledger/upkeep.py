"""The ledger's door for upkeep: what is due, what was left open, what may be forgotten."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, select

from preheat.ledger import (
    attempts,
    engine,
    examinations,
    figures,
    kept,
    leases,
    placements,
    retention,
    tallies,
    wanted,
)
from preheat.ledger.retention import Pruned
from preheat.ledger.schema import attempt, placement
from preheat.placement import Scope
from preheat.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from datetime import datetime, timedelta

    from sqlalchemy import Engine

    from preheat.artifact import Image
    from preheat.ledger.examinations import RecordedExamination
    from preheat.ledger.figures import Figures
    from preheat.ledger.kept import Kept
    from preheat.ledger.records import Claim, RunRef, StoredPlacement
    from preheat.ledger.tallies import Tally
    from preheat.verdict import Finding

__all__ = ["Upkeep"]

_AT_ONCE = 200


class Upkeep:
    """Reads and writes what upkeep is about; every method is one transaction, but for ``prune``."""

    def __init__(self, bound: Engine) -> None:
        self._engine = bound

    def now(self) -> datetime:
        """Tell the time by the database's clock."""
        with engine.reading(self._engine) as connection:
            return engine.clock(connection)

    def kept(self) -> list[Kept]:
        """Tell what is to be kept warm now, each policy's wish for itself, by placement."""
        with engine.reading(self._engine) as connection:
            return kept.of_all(connection, engine.clock(connection))

    def forget(self, placement_ids: Collection[int]) -> None:
        """Keep these placements warm no more, whoever wanted it."""
        with engine.writing(self._engine) as connection:
            kept.forget(connection, placement_ids)

    def want_only(self, policies: Collection[str]) -> int:
        """End what policies wanted whose files are gone; tells how many placements.

        :param policies: names of those that are there, well or broken.
        """
        with engine.writing(self._engine) as connection:
            return wanted.forget_others(connection, policies)

    def open_attempts(self, cluster: str | None = None) -> list[Claim]:
        """Read all open attempts, or those of one cluster, with their ages; oldest first."""
        with engine.reading(self._engine) as connection:
            query = (
                select(attempt)
                .join(placement, placement.c.id == attempt.c.placement_id)
                .where(attempt.c.closed_at.is_(None))
                .order_by(attempt.c.id)
            )
            if cluster is not None:
                query = query.where(placement.c.cluster == cluster)
            now = engine.clock(connection)
            return [
                leases.claim(attempts.read(row), now, mine=False)
                for row in connection.execute(query).mappings()
            ]

    def record_check(self, placement_id: int, finding: Finding, *, seen: StoredPlacement) -> bool:
        """Write down what the peers were found to hold, without any job.

        :param seen: the placement as it was read before the peers were asked.
        :returns: False, and nothing is written, when the placement was proved, asked for or set up
            anew since it was read: that is newer. Also when the finding is UNKNOWN.
        """
        with engine.writing(self._engine) as connection:
            now = engine.clock(connection)
            still = placements.unchanged(seen)
            return placements.check(connection, placement_id, finding, now, *still)

    def last_warm(self, cluster: str) -> tuple[StoredPlacement, Image] | None:
        """Read what was proved warm on seeds of a cluster last, and of what it consists."""
        query = (
            select(placement)
            .where(placement.c.cluster == cluster, placement.c.verdict == Verdict.WARM.value)
            .where(placement.c.scope != Scope.ALL_PEERS.value)
            .order_by(placement.c.checked_at.desc())
            .limit(1)
        )
        with engine.reading(self._engine) as connection:
            row = connection.execute(query).mappings().one_or_none()
            if row is None:
                return None
            image = placements.get_image(connection, row["digest"])
            return (placements.read(row), image) if image else None

    def warm_endpoints(self, cluster: str) -> Mapping[str, int]:
        """Count what is warm on a cluster by the pull endpoint under which it is."""
        query = (
            select(placement.c.pull_endpoint, func.count())
            .where(placement.c.cluster == cluster, placement.c.verdict == Verdict.WARM.value)
            .group_by(placement.c.pull_endpoint)
        )
        with engine.reading(self._engine) as connection:
            return {endpoint: int(count) for endpoint, count in connection.execute(query)}

    def record_examination(self, run: RunRef, observations: Iterable[Mapping[str, str]]) -> None:
        """Write down what the doctor saw.

        :param observations: as plain data, see :func:`preheat.doctor.as_data`.
        """
        with engine.writing(self._engine) as connection:
            examinations.record(connection, run, observations)

    def last_examination(self) -> RecordedExamination | None:
        """Read what the doctor saw last; None if it never looked."""
        with engine.reading(self._engine) as connection:
            return examinations.last(connection)

    def record_tally(self) -> None:
        """Write down how many of the wanted placements stand how now, one tally a minute."""
        with engine.writing(self._engine) as connection:
            tallies.record(connection)

    def tallies(self, since: datetime) -> list[Tally]:
        """Read how many stood how from then on, in the order of time; of many moments, some."""
        with engine.reading(self._engine) as connection:
            return tallies.since(connection, since)

    def figures(self) -> Figures:
        """Count what is wanted, asked for and waiting now."""
        with engine.reading(self._engine) as connection:
            return figures.count(connection, engine.clock(connection))

    def prune(self, older_than: timedelta) -> Pruned:
        """Forget what is older and nothing rests on; little at a time, so that nobody waits long.

        See :mod:`preheat.ledger.retention` for what is never forgotten.
        """
        before = self.now() - older_than
        with engine.writing(self._engine) as connection:
            now = engine.clock(connection)
            expired = kept.forget_expired(connection, now)
            wanted.forget_expired(connection, now)
            retention.forget_ignored(connection, before)
            examinations.forget(connection, before)
            tallies.forget(connection, before, now)
        counts = dict.fromkeys(
            (retention.forget_plans, retention.forget_attempts, retention.forget_events), 0
        )
        for forget in counts:
            while True:
                with engine.writing(self._engine) as connection:
                    some = forget(connection, before, _AT_ONCE)
                counts[forget] += some
                if some < _AT_ONCE:
                    break
        plans, closed, handled = counts.values()
        return Pruned(plans=plans, attempts=closed, kept=expired, events=handled)
