"""Problems of files, as a person reads them and as a machine does."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len
from rich.text import Text

from preheat.cli.console import plain
from preheat.rendering import count_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from rich.console import Console

    from preheat.errors import Problem

__all__ = ["print_problem", "problem_count", "problem_data"]

_SHOWN = 100
_BEFORE = 60


def print_problem(console: Console, problem: Problem, file: Path, text: str = "") -> None:
    """Print one problem: ``file:line:column`` and message, then the line with a caret.

    :param file: as the person named it.
    :param text: of the file; no line is shown without it.
    """
    console.print(Text(str(replace(problem, source=str(file))), "red"), soft_wrap=True)
    lines = text.splitlines()
    if problem.line is None or problem.line > len(lines):
        return
    number = str(problem.line)
    shown, indent = _excerpt(lines[problem.line - 1], (problem.column or 1) - 1)
    console.print(Text(f"  {number} | {shown}"), soft_wrap=True)
    if problem.column is not None:
        console.print(Text(f"  {' ' * len(number)} | {' ' * indent}^", "bold"), soft_wrap=True)


def _excerpt(line: str, column: int) -> tuple[str, int]:
    """Cut a line to what fits around a column; give it with the cells left of the caret."""
    line = line.replace("\t", " ")
    start = max(0, min(column - _BEFORE, len(line) - _SHOWN)) if len(line) > _SHOWN else 0
    mark = "…" if start else ""
    shown = mark + plain(line[start : start + _SHOWN]) + ("…" if start + _SHOWN < len(line) else "")
    return shown, cell_len(mark + plain(line[start:column]))


def problem_count(problems: Iterable[Problem]) -> str:
    """Count problems, those included that are only counted."""
    return count_of(sum(problem.stands_for for problem in problems), "problem")


def problem_data(problem: Problem, file: Path) -> dict[str, Any]:
    """Give one problem as plain data."""
    return {
        "file": str(file),
        "line": problem.line,
        "column": problem.column,
        "path": problem.path,
        "message": problem.message,
    }
