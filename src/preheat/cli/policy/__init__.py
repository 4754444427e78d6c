"""``preheat policy``: make, check, look at and test policy files, without Airflow.

The bodies are imported when a command runs: help must not wait for pydantic, RE2 and rich.
"""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer evaluates annotations
from typing import Annotated

import typer

from preheat.cli.options import DEFAULT_INCLUDE, EXIT_CODES, IncludeOption, JsonOption
from preheat.cli.schema import schema

__all__ = ["app"]

app = typer.Typer(
    no_args_is_help=True, help="Make, check, look at and test policy files.", epilog=EXIT_CODES
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The policy, as its file is called.")]


@app.command(epilog=EXIT_CODES)
def check(
    path: Annotated[
        Path | None,
        typer.Argument(
            metavar="PATH",
            help="Folder of policies, or one file; by default policies/ of the include folder.",
            show_default=False,
        ),
    ] = None,
    *,
    clusters: Annotated[
        Path | None,
        typer.Option(
            "--clusters",
            metavar="FILE",
            help="The clusters; by default clusters.yaml beside the folder of policies.",
        ),
    ] = None,
    include: IncludeOption = DEFAULT_INCLUDE,
    as_json: JsonOption = False,
) -> None:
    """Show everything that is wrong in policies and clusters, with file, line and column.

    Exits with 1 if there is a problem, with 2 if there is nothing to check or no clusters file.
    """
    from preheat.cli.policy.check import run  # noqa: PLC0415

    run(path or include / "policies", clusters, as_json=as_json)


@app.command("list", epilog=EXIT_CODES)
def list_policies(include: IncludeOption = DEFAULT_INCLUDE, *, as_json: JsonOption = False) -> None:
    """List the policies: state, next run, clusters and rules."""
    from preheat.cli.policy.listing import run_list  # noqa: PLC0415

    run_list(include, as_json=as_json)


@app.command(epilog=EXIT_CODES)
def show(
    name: Name, *, include: IncludeOption = DEFAULT_INCLUDE, as_json: JsonOption = False
) -> None:
    """Show a policy's file, and the settings that hold although nobody wrote them.

    Exits with 1 if the file has problems.
    """
    from preheat.cli.policy.listing import run_show  # noqa: PLC0415

    run_show(include, name, as_json=as_json)


@app.command(epilog=EXIT_CODES)
def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its name; its file gets it too.")],
    *,
    copied: Annotated[
        str, typer.Option("--from", metavar="POLICY", help="Start from a copy of this policy.")
    ] = "",
    include: IncludeOption = DEFAULT_INCLUDE,
    as_json: JsonOption = False,
) -> None:
    """Write a new policy: commented, valid and suspended. Overwrites nothing."""
    from preheat.cli.policy.files import run_new  # noqa: PLC0415

    run_new(include, name, copied, as_json=as_json)


@app.command(epilog=EXIT_CODES)
def suspend(
    name: Name, *, include: IncludeOption = DEFAULT_INCLUDE, as_json: JsonOption = False
) -> None:
    """Suspend a policy: it no longer runs by itself. Only that key of the file changes."""
    from preheat.cli.policy.files import run_suspend  # noqa: PLC0415

    run_suspend(include, name, suspend=True, as_json=as_json)


@app.command(epilog=EXIT_CODES)
def resume(
    name: Name, *, include: IncludeOption = DEFAULT_INCLUDE, as_json: JsonOption = False
) -> None:
    """Resume a suspended policy. Only that key of the file changes."""
    from preheat.cli.policy.files import run_suspend  # noqa: PLC0415

    run_suspend(include, name, suspend=False, as_json=as_json)


@app.command(epilog=EXIT_CODES)
def delete(
    name: Name,
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    include: IncludeOption = DEFAULT_INCLUDE,
    as_json: JsonOption = False,
) -> None:
    """Remove a policy's file, after a question."""
    from preheat.cli.policy.files import run_delete  # noqa: PLC0415

    run_delete(include, name, yes=yes, as_json=as_json)


@app.command("test", epilog=EXIT_CODES)
def run_tests(
    path: Annotated[
        Path | None,
        typer.Argument(
            metavar="PATH",
            help="A test file or a folder of them; by default policies/tests.",
            show_default=False,
        ),
    ] = None,
    *,
    include: IncludeOption = DEFAULT_INCLUDE,
    as_json: JsonOption = False,
) -> None:
    """Run the tests of policies, which say: given these images, those are selected.

    Exits with 1 if an expectation is not met, or a test or its policy cannot be read.
    """
    from preheat.cli.policy.testing import run  # noqa: PLC0415

    run(path, include, as_json=as_json)


app.command(epilog=EXIT_CODES)(schema)
