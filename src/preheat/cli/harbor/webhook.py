"""``preheat harbor webhook``: makes, shows and removes the policies by which Harbor tells us."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from preheat.cli.harbors import DEFAULT_REGISTRY, RegistryOption
from preheat.cli.options import JsonOption  # noqa: TC001 - typer reads the annotations

if TYPE_CHECKING:
    from preheat.cli.harbor.run import Order

__all__ = ["app"]

EXIT_CODES = (
    "Exit codes: 0 right; 1 at least one project is not as it should be, or Harbor refused it; 2 "
    "bad usage, no such connection, or Harbor does not answer."
)

app = typer.Typer(
    no_args_is_help=True,
    help="The webhook policies by which Harbor tells Preheat what happens.",
    epilog=EXIT_CODES,
)

ProjectOption = Annotated[
    list[str] | None,
    typer.Option("--project", "-p", metavar="GLOB", help="Projects, such as web or team-*."),
]
AllOption = Annotated[bool, typer.Option("--all", help="All projects that the account may see.")]
AsOption = Annotated[
    str,
    typer.Option(
        "--as",
        metavar="CONN_ID",
        help="Connection to the same Harbor whose account has the rights; it is only used now.",
        show_default=False,
    ),
]
UrlOption = Annotated[
    str,
    typer.Option(
        "--url",
        metavar="BASE",
        help="Airflow's API server as Harbor reaches it; by default what its base_url says.",
        show_default=False,
    ),
]
InsecureOption = Annotated[
    bool,
    typer.Option(
        "--insecure",
        help="Let Harbor send to whoever answers there, whatever the certificate: for a trial.",
    ),
]
TakeOverOption = Annotated[
    bool,
    typer.Option(
        "--take-over",
        help="Also change a policy 'preheat' that leads to another Airflow or connection.",
    ),
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Only tell what would be done.")]


@app.callback()
def main() -> None:
    """Look after the webhook policies by which Harbor tells Preheat what happens."""


@app.command(epilog=EXIT_CODES)
def install(  # noqa: PLR0913 - typer's options
    *,
    project: ProjectOption = None,
    everything: AllOption = False,
    registry: RegistryOption = DEFAULT_REGISTRY,
    credentials: AsOption = "",
    url: UrlOption = "",
    insecure: InsecureOption = False,
    take_over: TakeOverOption = False,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Make the policy 'preheat' in each project, or repair it; others are left alone.

    So is one of that name that leads to another Airflow or another connection. Harbor sends the
    connection's Webhook authorization along.
    """
    from preheat.cli.harbor.run import run_install  # noqa: PLC0415 - help must not wait

    order = _order(project, registry, credentials, everything=everything)
    run_install(
        order, url, insecure=insecure, take_over=take_over, dry_run=dry_run, as_json=as_json
    )


@app.command("list", epilog=EXIT_CODES)
def show(
    *,
    project: ProjectOption = None,
    everything: AllOption = False,
    registry: RegistryOption = DEFAULT_REGISTRY,
    credentials: AsOption = "",
    url: UrlOption = "",
    insecure: InsecureOption = False,
    as_json: JsonOption = False,
) -> None:
    """Show the policy 'preheat' of each project: right or wrong, why, and when it sent last."""
    from preheat.cli.harbor.run import run_list  # noqa: PLC0415 - help must not wait

    order = _order(project, registry, credentials, everything=everything)
    run_list(order, url, insecure=insecure, as_json=as_json)


@app.command(epilog=EXIT_CODES)
def remove(
    *,
    project: ProjectOption = None,
    everything: AllOption = False,
    registry: RegistryOption = DEFAULT_REGISTRY,
    credentials: AsOption = "",
    url: UrlOption = "",
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Remove the policy 'preheat' from each project, if it leads to this Airflow and connection."""
    from preheat.cli.harbor.run import run_remove  # noqa: PLC0415 - help must not wait

    order = _order(project, registry, credentials, everything=everything)
    run_remove(order, url, dry_run=dry_run, as_json=as_json)


def _order(
    projects: list[str] | None, registry: str, credentials: str, *, everything: bool
) -> Order:
    from preheat.cli.harbor.run import Order  # noqa: PLC0415 - help must not wait

    if not projects and not everything:
        raise typer.BadParameter("name a project, or give --all", param_hint="--project")
    return Order(("*",) if everything else tuple(projects or ()), registry, credentials)
