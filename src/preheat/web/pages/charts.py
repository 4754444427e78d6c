"""Pictures as numbers: where lines and bars go. Templates draw them; nothing here knows HTML."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from preheat.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

__all__ = ["ORDER", "Bar", "Moment", "Trend", "bars", "trend"]

ORDER = (Verdict.WARM, Verdict.PARTIAL, Verdict.COLD, Verdict.UNKNOWN)
"""From the bottom of a picture to its top, from left to right."""

WIDTH = 720.0
HEIGHT = 120.0


@dataclass(frozen=True, slots=True)
class Bar:
    """One part of a bar that is 100 wide."""

    verdict: Verdict
    count: int
    x: float
    width: float


@dataclass(frozen=True, slots=True)
class Moment:
    """How many placements stood how, at one moment."""

    at: datetime
    counts: Mapping[Verdict, int]

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self.counts.values())


@dataclass(frozen=True, slots=True)
class Trend:
    """Areas one upon another, over time.

    :param areas: by verdict, the outline as points of an SVG polygon.
    :param top: what the upper edge stands for.
    """

    moments: tuple[Moment, ...]
    areas: Mapping[Verdict, str]
    top: int
    begins: datetime
    ends: datetime
    width: float = WIDTH
    height: float = HEIGHT


def bars(counts: Mapping[Verdict, int]) -> tuple[Bar, ...]:
    """Lay the parts of a whole side by side; what there is none of has no part."""
    total = sum(counts.values())
    made, x = [], 0.0
    for verdict in ORDER:
        if count := counts.get(verdict, 0):
            width = 100.0 * count / total
            made.append(Bar(verdict, count, round(x, 3), round(width, 3)))
            x += width
    return tuple(made)


def trend(found: Iterable[Moment], begins: datetime, ends: datetime) -> Trend | None:
    """Draw what stood how from ``begins`` to ``ends``; None for fewer than two moments.

    Between two moments nobody counted: a line from one to the next, no more.
    """
    moments = tuple(sorted(found, key=lambda one: one.at))
    top = max((one.total for one in moments), default=0)
    if len(moments) < 2 or not top:  # noqa: PLR2004 - a line has two ends
        return None
    length = (ends - begins).total_seconds()
    across = [WIDTH * (one.at - begins).total_seconds() / length for one in moments]
    below = [0.0] * len(moments)
    areas = {}
    for verdict in ORDER:
        above = [
            base + HEIGHT * one.counts.get(verdict, 0) / top
            for base, one in zip(below, moments, strict=True)
        ]
        if above != below:
            areas[verdict] = _outline(across, below, above)
        below = above
    return Trend(moments, areas, top, begins, ends)


def _outline(across: Sequence[float], below: Sequence[float], above: Sequence[float]) -> str:
    """Write a band's edge: along its upper side, and back along its lower one."""
    there = zip(across, above, strict=True)
    back = zip(reversed(across), reversed(below), strict=True)
    return " ".join(f"{x:.1f},{HEIGHT - y:.1f}" for x, y in (*there, *back))
