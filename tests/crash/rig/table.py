"""What came out of each cell, as a table for the terminal and for the docs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from platform import python_version
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

__all__ = ["Row", "terminal_table", "write_docs"]

_HEAD = (
    "Cell",
    "Run by",
    "Database",
    "Placements",
    "Jobs",
    "Lost",
    "Doubled",
    "True verdicts",
    "Seconds",
)
_MARKED = re.compile(r"(<!-- table -->\n).*?(<!-- end of table -->)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Row:
    """One cell, counted.

    :param lost: placements that ended without a verdict of this run.
    :param doubled: jobs beyond the one of each attempt, and attempts after a WARM one.
    :param true: placements whose verdict equals what the simulated peers hold.
    :param allowed: of the doubled, those that the promise allows.
    """

    cell: str
    run_by: str
    database: str
    placements: int
    jobs: int
    lost: int
    doubled: int
    true: int
    seconds: float
    allowed: int = 0

    @property
    def is_well(self) -> bool:
        """Whether the promise was kept."""
        return not self.lost and self.doubled <= self.allowed and self.true == self.placements

    @property
    def fields(self) -> tuple[str, ...]:
        """The row's texts."""
        doubled = f"{self.doubled} (allowed)" if self.doubled and self.allowed else self.doubled
        return tuple(
            str(value)
            for value in (
                self.cell,
                self.run_by,
                self.database,
                self.placements,
                self.jobs,
                self.lost,
                doubled,
                f"{self.true} of {self.placements}",
                f"{self.seconds:.0f}",
            )
        )


def terminal_table(rows: Iterable[Row]) -> list[str]:
    """Lay the rows out in columns."""
    lines = [_HEAD, *(row.fields for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(_HEAD))]
    return [
        "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]


def write_docs(path: Path, rows: Sequence[Row], databases: dict[str, str]) -> None:
    """Replace the table in the document; all around it is written by hand."""
    versions = {
        "Airflow": version("apache-airflow"),
        "Preheat": version("preheat"),
        "Python": python_version(),
        **databases,
    }
    told = ", ".join(f"{name} {number}" for name, number in versions.items())
    lines = [
        f"{datetime.now(UTC):%d %B %Y}: {told}.",
        "",
        "| " + " | ".join(_HEAD) + " |",
        "|---|---|---|" + "--:|" * (len(_HEAD) - 3),
        *("| " + " | ".join(row.fields) + " |" for row in rows),
        "",
    ]
    text = path.read_text(encoding="utf-8")
    new = _MARKED.sub(lambda found: found[1] + "\n".join(lines) + found[2], text)
    path.write_text(new, encoding="utf-8")
