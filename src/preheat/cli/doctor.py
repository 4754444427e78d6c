"""``preheat doctor``: look at everything that a warm image rests on, and say what to do."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import typer

from preheat.cli.console import errors_told, print_json, stderr, stdout
from preheat.cli.harbors import airflow_on_stderr
from preheat.cli.options import DEFAULT_INCLUDE, IncludeOption, JsonOption, LedgerOption

if TYPE_CHECKING:
    from pathlib import Path

    from preheat.doctor import Examination

__all__ = ["doctor"]

_STYLES = {"wrong": "bold red", "look": "yellow", "unknown": "bold red", "skipped": "dim"}
_MOST_COLUMNS = 120


def doctor(
    *,
    include: IncludeOption = DEFAULT_INCLUDE,
    ledger: LedgerOption = "",
    as_json: JsonOption = False,
) -> None:
    """Look at connections, clusters, pull endpoints, pools and ledger; each with what to do.

    Run it where Airflow's configuration is. It changes nothing, but leaves a few jobs at the
    managers that heat nothing.
    """
    with errors_told():
        examination = _examined(include, ledger)
    if as_json:
        from preheat.doctor import as_data  # noqa: PLC0415 - as below

        print_json(as_data(examination))
    else:
        _show(examination)
    raise typer.Exit(examination.exit_code)


def _examined(include: Path, ledger: str) -> Examination:
    from preheat.doctor import examine  # noqa: PLC0415 - heavy for other commands

    if stderr().is_terminal:
        stderr().print("Looking; this takes some seconds.", style="dim")
    with airflow_on_stderr():
        from preheat.provider.doctor import setup_of  # noqa: PLC0415 - imports Airflow

        return examine(setup_of(include, ledger), lambda: datetime.now(UTC))


def _show(examination: Examination) -> None:
    from preheat.doctor import told  # noqa: PLC0415 - as above

    console = stdout()
    for state, line in told(examination, width=min(console.width, _MOST_COLUMNS)):
        style = _STYLES.get(state.value, "") if state else "bold"
        console.print(line, style=style or None, soft_wrap=True)
