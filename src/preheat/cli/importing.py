"""``preheat import``: policies that were kept elsewhere, made into files of ours."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from preheat.cli.harbors import DEFAULT_REGISTRY, RegistryOption
from preheat.cli.options import JsonOption  # noqa: TC001 - typer reads the annotations

__all__ = ["app"]

EXIT_CODES = (
    "Exit codes: 0 imported; 1 there was nothing to import, or some file was not written; "
    "2 bad usage, no such connection, or Harbor does not answer or allow it."
)

app = typer.Typer(
    no_args_is_help=True, help="Make policy files of what other tools hold.", epilog=EXIT_CODES
)


@app.callback()
def main() -> None:
    """Make policy files of what other tools hold."""


@app.command(epilog=EXIT_CODES)
def harbor(  # noqa: PLR0913 - one parameter an option
    *,
    project: Annotated[
        list[str] | None,
        typer.Option("--project", "-p", metavar="GLOB", help="Projects, such as web or team-*."),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="All projects that the robot may see.")
    ] = False,
    registry: RegistryOption = DEFAULT_REGISTRY,
    into: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder of policies to write to.")
    ] = Path("include/policies"),
    clusters: Annotated[
        Path, typer.Option(metavar="FILE", help="The clusters; it may be missing.")
    ] = Path("include/clusters.yaml"),
    manager: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PROVIDER=CONN_ID",
            help="Airflow connection of the Dragonfly manager behind a provider of Harbor's.",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the files instead of writing them.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace files that exist.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Make a policy file of each of Harbor's own P2P preheat policies, and say what differs.

    Harbor is only read. What Harbor would never have run is imported suspended.
    """
    from preheat.cli.harborimport import Order, import_harbor  # noqa: PLC0415 - help must not wait

    if not project and not everything:
        raise typer.BadParameter("name a project, or give --all", param_hint="--project")
    globs = ("*",) if everything else tuple(project or ())
    order = Order(
        globs, registry, into, clusters, tuple(manager or ()), dry_run=dry_run, force=force
    )
    import_harbor(order, as_json=as_json)
