"""``preheat harbor``: what is set up on a Harbor, so far its webhooks."""

from __future__ import annotations

import typer

from preheat.cli.harbor import webhook

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="Set up a Harbor.")
app.add_typer(webhook.app, name="webhook")


@app.callback()
def main() -> None:
    """Set up a Harbor."""
