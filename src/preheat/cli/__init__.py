"""The ``preheat`` command."""

from __future__ import annotations

import typer

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True)


@app.callback()
def main() -> None:
    """Make container images warm before anyone pulls them, and prove it."""
