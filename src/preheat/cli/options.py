"""Options that several commands have, said once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = [
    "DEFAULT_INCLUDE",
    "EXIT_CODES",
    "AtOption",
    "CatalogOption",
    "IncludeOption",
    "JsonOption",
    "LedgerOption",
    "ManifestsOption",
]

EXIT_CODES = "Exit codes: 0 right; 1 what was looked for is wrong; 2 bad usage or unreadable input."
DEFAULT_INCLUDE = Path("include")

IncludeOption = Annotated[
    Path,
    typer.Option(
        "--include",
        metavar="DIR",
        help="Folder with clusters.yaml and policies/.",
        envvar="AIRFLOW__PREHEAT__INCLUDE_DIR",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the result for machines.")]
CatalogOption = Annotated[
    list[str] | None,
    typer.Option(
        "--catalog",
        metavar="[CONN_ID=]FILE",
        help="A saved catalogue, see 'preheat catalog save'; else Harbor is asked. With several "
        "Harbors, one for each.",
    ),
]
AtOption = Annotated[
    str,
    typer.Option(
        "--at",
        metavar="TIME",
        help="When to evaluate: ISO time or date, UTC if it names no zone; now by default.",
    ),
]
ManifestsOption = Annotated[
    bool,
    typer.Option(
        "--manifests",
        help="Read manifests in Harbor, for exact sizes: layers that images share then count once."
        " Each counts as a pull there. Not with --catalog.",
    ),
]
LedgerOption = Annotated[
    str,
    typer.Option(
        "--ledger",
        metavar="URL",
        help="Ledger that says what is warm already and what images consist of; without one nothing"
        " is taken for warm.",
        envvar="AIRFLOW__PREHEAT__LEDGER_URL",
        show_default=False,
    ),
]
