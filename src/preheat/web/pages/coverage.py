"""Coverage: which images are warm on which clusters, how many stand how, and how that went."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from preheat.ledger import Shown
from preheat.provider.config import open_ledger
from preheat.verdict import Verdict
from preheat.web.access import IMAGES_DAG, ReaderDep, may_run
from preheat.web.api.placements import ShownDep
from preheat.web.pages import charts
from preheat.web.pages.showing import show
from preheat.web.paging import Cursor, read_cursor, write_cursor

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from preheat.ledger import Cell, Count, ImageRow, Ledger

__all__ = ["Summary", "router", "summaries"]

router = APIRouter()

_ROWS = 50


class Period(StrEnum):
    """How far a trend looks back."""

    DAY = "24h"
    WEEK = "7d"
    MONTH = "30d"

    @property
    def length(self) -> timedelta:
        """As a duration."""
        return {
            Period.DAY: timedelta(days=1),
            Period.WEEK: timedelta(days=7),
            Period.MONTH: timedelta(days=30),
        }[self]


@dataclass(frozen=True, slots=True)
class Summary:
    """How many placements of a cluster stand how.

    :param bytes: of those whose size is known, by verdict.
    """

    cluster: str
    counts: dict[Verdict, int] = field(default_factory=dict)
    bytes: dict[Verdict, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """All placements."""
        return sum(self.counts.values())

    @property
    def all_bytes(self) -> int:
        """Bytes of all placements."""
        return sum(self.bytes.values())

    @property
    def bars(self) -> tuple[charts.Bar, ...]:
        """As a picture."""
        return charts.bars(self.counts)


@dataclass(frozen=True, slots=True)
class Row:
    """An image, and its cells by cluster; a cluster may hold it in several scopes."""

    image: ImageRow
    cells: dict[str, list[Cell]]


def summaries(counts: Iterable[Count]) -> list[Summary]:
    """Put the counts of each cluster together."""
    found: dict[str, Summary] = {}
    for one in counts:
        summary = found.setdefault(one.cluster, Summary(one.cluster))
        summary.counts[one.verdict] = one.placements
        summary.bytes[one.verdict] = one.bytes
    return list(found.values())


@router.get("/", include_in_schema=False)
def show_coverage(
    request: Request,
    reader: ReaderDep,
    shown: ShownDep,
    cursor: Cursor = "",
    period: Annotated[Period, Query()] = Period.DAY,
) -> HTMLResponse:
    """Show images x clusters."""
    ledger = open_ledger()
    overview = ledger.overview
    after = read_cursor(cursor, str, str, str)
    found = overview.images(shown, seen=reader.seen, after=after, limit=_ROWS)
    clusters = summaries(overview.counts(_without_cluster(shown), seen=reader.seen))
    names = sorted({cell.placement.key.cluster for row in found.rows for cell in row.cells})
    now = overview.now()
    there_is = request.app.state.choices.of(overview, reader.seen)
    return show(
        request,
        "coverage.html",
        now=now,
        rows=[_row(row) for row in found.rows],
        columns=names,
        summaries=clusters,
        shown=shown,
        query=_query(shown),
        is_narrowed=shown != Shown(),
        is_first=not cursor,
        next=write_cursor(found.after),
        choices={
            "projects": there_is.projects,
            "policies": there_is.policies,
            "clusters": [one.cluster for one in clusters],
        },
        verdicts=list(charts.ORDER),
        period=period,
        periods=list(Period),
        trend=_trend(ledger, period, now) if reader.sees_all else None,
        sees_all=reader.sees_all,
        may_warm=may_run(reader.user, IMAGES_DAG),
    )


def _without_cluster(shown: Shown) -> Shown:
    """Count all clusters, so that one can go from one to another."""
    return Shown(shown.project, shown.policy, "", (), shown.text, shown.everything)


def _query(shown: Shown) -> dict[str, Any]:
    """Write a choice as it stands in an address."""
    return {
        "project": shown.project,
        "policy": shown.policy,
        "cluster": shown.cluster,
        "verdict": [verdict.value for verdict in shown.verdicts] or None,
        "q": shown.text,
        "everything": "true" if shown.everything else "",
    }


def _row(image: ImageRow) -> Row:
    by_cluster: dict[str, list[Cell]] = defaultdict(list)
    for cell in image.cells:
        by_cluster[cell.placement.key.cluster].append(cell)
    return Row(image, by_cluster)


def _trend(ledger: Ledger, period: Period, now: datetime) -> charts.Trend | None:
    return charts.trend(_moments(ledger.upkeep.tallies(now - period.length)))


def _moments(tallies: Sequence[Any]) -> list[charts.Moment]:
    """Add up the clusters of each moment."""
    found: dict[datetime, dict[Verdict, int]] = defaultdict(lambda: defaultdict(int))
    for one in tallies:
        found[one.taken_at][one.verdict] += one.placements
    return [charts.Moment(at, counts) for at, counts in found.items()]
