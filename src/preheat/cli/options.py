"""Options that several commands have, said once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["DEFAULT_INCLUDE", "EXIT_CODES", "IncludeOption", "JsonOption"]

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
