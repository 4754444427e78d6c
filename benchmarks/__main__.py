"""``python -m benchmarks``: measure, show, and exit with 1 where a goal is missed."""

from __future__ import annotations

import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from benchmarks import coverage, events, following, parsing, planning, policy, run, webhook
from benchmarks.figures import as_json, as_table, machine
from preheat.cli.demo.show import DemoError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.figures import Figure

CASES = {
    "planning": planning.measure,
    "policy": policy.measure,
    "parsing": parsing.measure,
    "following": following.measure,
    "run": run.measure,
    "events": events.measure,
    "webhook": webhook.measure,
    "coverage": coverage.measure,
}
_LOG_WIDTH = 160


def main(
    *,
    json: Annotated[bool, typer.Option("--json", help="For a program.")] = False,
    only: Annotated[
        list[str] | None, typer.Option(help=f"One of {', '.join(CASES)}; may be repeated.")
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Leave logs and databases behind.")] = False,
) -> None:
    """Measure Preheat against its goals; exits with 1 where one is missed."""
    if unknown := set(only or ()) - set(CASES):
        raise typer.BadParameter(f"{', '.join(sorted(unknown))}: choose from {', '.join(CASES)}")
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    progress = Console(stderr=True, highlight=False, soft_wrap=True)
    where = machine()
    folder = Path(tempfile.mkdtemp(prefix="preheat-bench-"))
    try:
        figures = _measure(only or list(CASES), folder, progress)
    except DemoError as error:
        progress.print(f"[red]{error}[/red]")
        raise typer.Exit(2) from None
    except KeyboardInterrupt:
        progress.print("Stopped.")
        raise typer.Exit(130) from None
    finally:
        _tidy(folder, progress, keep=keep)
    if json:
        sys.stdout.write(as_json(figures, where) + "\n")
    else:
        width = None if sys.stdout.isatty() else _LOG_WIDTH
        Console(width=width).print(as_table(figures, where))
    if not all(figure.is_met for figure in figures):
        raise typer.Exit(1)


def _measure(names: Sequence[str], folder: Path, progress: Console) -> list[Figure]:
    figures: list[Figure] = []
    for name in names:
        place = folder / name
        place.mkdir()
        figures += CASES[name](place, progress)
    return figures


def _tidy(folder: Path, progress: Console, *, keep: bool) -> None:
    if keep:
        progress.print(f"Kept: {folder}")
        return
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    typer.run(main)
