"""``preheat policy``: look at policy files without Airflow."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from preheat.errors import ProblemsError
from preheat.policy.loader import load_clusters, load_policy, read_text

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="Look at policy files.")


@app.callback()
def main() -> None:
    """Look at policy files."""


@app.command()
def check(
    include: Annotated[
        Path, typer.Argument(help="Folder with clusters.yaml and policies/.")
    ] = Path("include"),
) -> None:
    """Show everything that is wrong in all files, with file and line; exit 1 if anything is."""
    clusters_file = include / "clusters.yaml"
    wrong = 0
    try:
        clusters = load_clusters(read_text(clusters_file), str(clusters_file))
    except ProblemsError as error:
        typer.echo(str(error))
        raise typer.Exit(1) from None
    paths = sorted((include / "policies").glob("*.yaml"))
    for path in paths:
        try:
            load_policy(read_text(path), str(path), clusters)
        except ProblemsError as error:
            wrong += 1
            typer.echo(str(error))
    typer.echo(f"{len(paths)} policies, {wrong} with problems; {len(clusters)} clusters.")
    if wrong:
        raise typer.Exit(1)
