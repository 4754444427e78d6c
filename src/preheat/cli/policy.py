"""``preheat policy``: look at policy files without Airflow."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from preheat.cli.schema import schema
from preheat.errors import ProblemsError

if TYPE_CHECKING:
    from preheat.policy.model import Clusters

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="Look at policy files.")
app.command()(schema)


@app.callback()
def main() -> None:
    """Look at policy files."""


@app.command()
def check(
    path: Annotated[
        Path, typer.Argument(help="Folder of policies, or one file; clusters.yaml is beside it.")
    ] = Path("include/policies"),
) -> None:
    """Show everything that is wrong in policies and clusters, with file and line; exit 1 if so."""
    from preheat.policy.loader import load_clusters, read_text  # noqa: PLC0415 - heavy for other commands

    folder = path.parent if path.is_file() else path
    clusters_file = folder.parent / "clusters.yaml"
    try:
        clusters = load_clusters(read_text(clusters_file), str(clusters_file))
    except ProblemsError as error:
        typer.echo(str(error))
        raise typer.Exit(1) from None
    files = [path] if path.is_file() else sorted(folder.glob("*.yaml"))
    wrong = sum(not _is_right(file, clusters) for file in files)
    typer.echo(f"{len(files)} policies, {wrong} with problems; {len(clusters)} clusters.")
    if wrong or not files:
        raise typer.Exit(1)


def _is_right(file: Path, clusters: Clusters) -> bool:
    from preheat.policy.loader import load_policy, read_text  # noqa: PLC0415 - heavy for other commands

    try:
        load_policy(read_text(file), str(file), clusters)
    except ProblemsError as error:
        typer.echo(str(error))
        return False
    return True
