"""What a measurement says, and how it is shown."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Figure", "as_json", "as_table", "machine"]

_PLACES = 100  # from here on a figure needs no decimals


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured figure beside its reference and its goal.

    :param reference: the same work done by the least that could do it.
    :param most: largest ratio to the reference that is good enough; with no reference, largest
        figure. None: told for information.
    :param exactly: whether less than the goal is as wrong as more.
    :param slack: how much above the goal is still good enough, in the figure's own unit.
    """

    name: str
    ours: float
    unit: str
    reference: float | None = None
    most: float | None = None
    exactly: bool = False
    slack: float = 0.0
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """Ours over the reference."""
        return self.ours / self.reference if self.reference else None

    @property
    def is_met(self) -> bool:
        """Whether the goal is reached, or there is none."""
        if self.most is None:
            return True
        limit = self.most * (1.0 if self.reference is None else self.reference) + self.slack
        return self.ours == limit if self.exactly else self.ours <= limit

    @property
    def goal(self) -> str:
        """The goal in words."""
        if self.most is None:
            return "-"
        unit = f" {self.unit}" if self.reference is None else ""
        slack = f", and {self.slack:g} {self.unit}" if self.slack else ""
        return f"{'=' if self.exactly else '<='} {self.most:g}{unit}{slack}"

    def as_data(self) -> dict[str, Any]:
        """Give all of it for ``--json``."""
        return {**asdict(self), "ratio": self.ratio, "goal": self.goal, "met": self.is_met}


def machine() -> dict[str, Any]:
    """Say where and when this is measured, and how busy the machine is with other things."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "cpus": os.cpu_count(),
        "machine": platform.machine(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "load_before": round(os.getloadavg()[0], 2),
    }


def as_json(figures: Sequence[Figure], where: dict[str, Any]) -> str:
    """Write everything for a program."""
    shown = [figure.as_data() for figure in figures]
    met = all(figure.is_met for figure in figures)
    return json.dumps({"machine": where, "figures": shown, "met": met}, indent=2)


def as_table(figures: Sequence[Figure], where: dict[str, Any]) -> Table:
    """Lay everything out for a person."""
    caption = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in where.items())
    table = Table(caption=caption, caption_justify="left")
    table.add_column("name", overflow="fold")
    for name in ("ours", "reference", "ratio", "goal", ""):
        table.add_column(name, justify="right", no_wrap=name != "goal")
    table.add_column("note", overflow="fold", style="dim")
    for figure in figures:
        verdict = "-" if figure.most is None else ("ok" if figure.is_met else "MISSED")
        table.add_row(
            figure.name,
            _number(figure.ours, figure.unit),
            _number(figure.reference, figure.unit),
            _number(figure.ratio, ""),
            figure.goal,
            verdict,
            figure.note,
            style=None if figure.is_met else "bold red",
        )
    return table


def _number(value: float | None, unit: str) -> str:
    if value is None:
        return "-"
    text = f"{value:.0f}" if value >= _PLACES or value == int(value) else f"{value:.2f}"
    return f"{text} {unit}".rstrip()
