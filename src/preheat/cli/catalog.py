"""``preheat catalog``: a Harbor's catalogue as a file, for plans where no Harbor is."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import Annotated

import typer

from preheat.cli.harbors import DEFAULT_REGISTRY, RegistryOption
from preheat.cli.options import JsonOption  # noqa: TC001 - typer reads the annotations

__all__ = ["app"]

EXIT_CODES = (
    "Exit codes: 0 saved; 1 no project has such a name; 2 bad usage, no such connection, or Harbor "
    "does not answer or allow it. A file that was there stays as it was unless all was saved."
)

app = typer.Typer(no_args_is_help=True, help="Save what a Harbor lists.", epilog=EXIT_CODES)


@app.callback()
def main() -> None:
    """Save what a Harbor lists."""


@app.command(epilog=EXIT_CODES)
def save(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to; - for stdout.")],
    *,
    registry: RegistryOption = DEFAULT_REGISTRY,
    project: Annotated[
        list[str] | None,
        typer.Option(metavar="GLOB", help="Projects, such as web or team-*; by default all."),
    ] = None,
    scan: Annotated[
        bool,
        typer.Option(
            "--scan/--no-scan",
            help="Ask for scans and accessories too, which gates need; takes thrice as long.",
        ),
    ] = True,
    cves: Annotated[
        bool,
        typer.Option("--cves", help="Ask what each scan found, which CVE allowlists need."),
    ] = False,
    manifests: Annotated[
        bool,
        typer.Option(
            "--manifests",
            help="Read manifests, for exact sizes. Harbor counts each as a pull: it moves the pull "
            "time, which retention rules may look at.",
        ),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Save the artifacts of a Harbor as JSON lines, one artifact a line."""
    from preheat.cli.saving import Wanted, save_catalogue  # noqa: PLC0415 - help must not wait

    wanted = Wanted(tuple(project or ["*"]), scan=scan, cves=cves, manifests=manifests)
    save_catalogue(file, registry, wanted, as_json=as_json)
