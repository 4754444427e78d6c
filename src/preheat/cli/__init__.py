"""The ``preheat`` command."""

from __future__ import annotations

import typer

from preheat.cli import ledger
from preheat.cli.sandbox import sandbox

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True)
app.add_typer(ledger.app, name="ledger")
app.command()(sandbox)


@app.callback()
def main() -> None:
    """Make container images warm before anyone pulls them, and prove it."""
