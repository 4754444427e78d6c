"""``preheat verify``: what the peers hold of an image now, host by layer."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from preheat.cli.harbors import DEFAULT_REGISTRY, RegistryOption
from preheat.cli.options import DEFAULT_INCLUDE, IncludeOption, JsonOption
from preheat.placement import Scope

__all__ = ["verify"]


class _ScopeWord(StrEnum):
    """The scopes, as typer offers them."""

    SINGLE_SEED_PEER = Scope.SINGLE_SEED_PEER.value
    ALL_SEED_PEERS = Scope.ALL_SEED_PEERS.value
    ALL_PEERS = Scope.ALL_PEERS.value


def verify(
    image: Annotated[
        str, typer.Argument(metavar="IMAGE", help="Such as library/app:1.2; by digest too.")
    ],
    *,
    cluster: Annotated[
        list[str] | None,
        typer.Option("--cluster", metavar="NAME", help="Only this one; by default all."),
    ] = None,
    platform: Annotated[
        list[str] | None,
        typer.Option("--platform", metavar="OS/ARCH", help="By default those of each cluster."),
    ] = None,
    scope: Annotated[
        _ScopeWord, typer.Option(help="Which peers must hold it for the exit code 0.")
    ] = _ScopeWord.ALL_SEED_PEERS,
    min_hosts: Annotated[
        str, typer.Option(metavar="SHARE", help="How many of them: 95%, or a number.")
    ] = "100%",
    registry: RegistryOption = DEFAULT_REGISTRY,
    include: IncludeOption = DEFAULT_INCLUDE,
    as_json: JsonOption = False,
) -> None:
    """Ask every peer what it holds of an image now, and show it host by layer.

    Changes nothing: no image is fetched and no ledger is read or written. It takes some seconds a
    cluster, and leaves jobs of the type get_task at the manager. Exits with 1 unless the image is
    WARM everywhere, and with 2 where nobody can be asked.
    """
    from preheat.cli.verify.run import Wanted, run  # noqa: PLC0415 - heavy for other commands

    wanted = Wanted(
        image=image,
        clusters=tuple(cluster or ()),
        platforms=tuple(platform or ()),
        scope=Scope(scope.value),
        min_hosts=min_hosts,
        registry=registry,
    )
    run(wanted, include, as_json=as_json)
