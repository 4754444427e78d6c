"""``preheat plan``: what policies would warm now, and what a change of them changes."""

from __future__ import annotations

from typing import Annotated

import typer

from preheat.cli.options import (
    DEFAULT_INCLUDE,
    AtOption,
    CatalogOption,
    IncludeOption,
    JsonOption,
    LedgerOption,
    ManifestsOption,
)

__all__ = ["plan"]


def plan(  # noqa: PLR0913 - each is a flag
    policies: Annotated[
        list[str] | None,
        typer.Argument(metavar="POLICY", help="Names; by default all.", show_default=False),
    ] = None,
    *,
    catalog: CatalogOption = None,
    at: AtOption = "",
    against: Annotated[
        str,
        typer.Option(
            metavar="GIT_REF",
            help="Show only what differs from where HEAD left this revision, such as origin/main.",
        ),
    ] = "",
    rejected: Annotated[
        bool, typer.Option("--rejected", help="Show what is not warmed, and why.")
    ] = False,
    everything: Annotated[
        bool, typer.Option("--all", help="Show what is warmed and what is not.")
    ] = False,
    manifests: ManifestsOption = False,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Write a comment for a pull request.")
    ] = False,
    ledger: LedgerOption = "",
    include: IncludeOption = DEFAULT_INCLUDE,
    as_json: JsonOption = False,
) -> None:
    """Show what policies would warm, why, and how many bytes that is; nothing is asked for.

    Exits with 1 if a policy has problems, or if its run would fail for certain, as over a budget.
    """
    from preheat.cli.plan.run import Shown, Wanted, run  # noqa: PLC0415 - heavy for other commands

    if markdown and as_json:
        raise typer.BadParameter("choose one of --json and --markdown", param_hint="--markdown")
    if against and (rejected or everything):
        message = "it shows only what differs: leave out --all and --rejected"
        raise typer.BadParameter(message, param_hint="--against")
    shown = Shown(
        selected=everything or not rejected,
        rejected=everything or rejected,
        markdown=markdown,
        as_json=as_json,
    )
    wanted = Wanted(tuple(policies or ()), tuple(catalog or ()), at, against, ledger, manifests)
    run(wanted, include, shown)
