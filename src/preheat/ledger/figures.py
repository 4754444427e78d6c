"""Figures for those who watch: how much is wanted in which state, what is asked for, what waits."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from preheat.ledger import coverage, events
from preheat.ledger.overviewrecords import Shown
from preheat.ledger.schema import attempt, placement
from preheat.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy import Connection

    from preheat.ledger.eventrecords import DueEvents

__all__ = ["Figures", "count"]


@dataclass(frozen=True, slots=True)
class Figures:
    """What the ledger holds at one moment; zeros are told too.

    :param placements: of what is wanted warm now, by cluster and verdict.
    :param asked: attempts that are open, by cluster.
    :param waiting: events that somebody should take up now, by the Harbor of which they are.
    :param now: the moment, by the database's clock.
    """

    placements: Mapping[tuple[str, Verdict], int]
    asked: Mapping[str, int]
    waiting: Mapping[str, DueEvents]
    now: datetime


def count(connection: Connection, now: datetime) -> Figures:
    """Count it; a cluster of which nothing is wanted counts zero."""
    counted = {
        (one.cluster, one.verdict): one.placements
        for one in coverage.counts(connection, Shown(), now)
    }
    clusters = sorted(connection.scalars(select(placement.c.cluster).distinct()))
    opened = (
        select(placement.c.cluster, func.count())
        .join(attempt, attempt.c.placement_id == placement.c.id)
        .where(attempt.c.closed_at.is_(None))
        .group_by(placement.c.cluster)
    )
    asked = {cluster: int(number) for cluster, number in connection.execute(opened)}
    return Figures(
        placements={key: counted.get(key, 0) for key in product(clusters, Verdict)},
        asked={cluster: asked.get(cluster, 0) for cluster in clusters},
        waiting={
            registry: events.due(connection, registry, now)
            for registry in events.registries_due(connection, now)
        },
        now=now,
    )
