"""``preheat explain``: why an image is in a plan or not, step by step."""

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

__all__ = ["explain"]


def explain(
    image: Annotated[
        list[str], typer.Argument(metavar="IMAGE", help="Such as library/app:1.2; by digest too.")
    ],
    *,
    policy: Annotated[
        list[str] | None,
        typer.Option("--policy", "-p", metavar="POLICY", help="Only this one; by default all."),
    ] = None,
    catalog: CatalogOption = None,
    at: AtOption = "",
    ledger: LedgerOption = "",
    manifests: ManifestsOption = False,
    include: IncludeOption = DEFAULT_INCLUDE,
    as_json: JsonOption = False,
) -> None:
    """Tell why an image is warmed or not: the verdict of each step of each rule, with its line.

    Exits with 1 if the catalogue has no such image, or a policy has problems.
    """
    from preheat.cli.explaining import Wanted, run  # noqa: PLC0415 - heavy for other commands

    wanted = Wanted(
        " ".join(image), tuple(policy or ()), tuple(catalog or ()), at, ledger, manifests
    )
    run(wanted, include, as_json=as_json)
