"""``preheat sandbox``: Harbor and Dragonfly stand-ins in the foreground."""

from __future__ import annotations

import signal
import threading
from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from preheat.sandbox import Sandbox

__all__ = ["sandbox"]


def sandbox(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    harbor_port: Annotated[int, typer.Option(help="Port of Harbor and its registry.")] = 8085,
    dragonfly_port: Annotated[int, typer.Option(help="Port of the Dragonfly manager.")] = 8086,
    clock_factor: Annotated[
        float,
        typer.Option(
            min=0.001, help="Seconds that a second of the manager lasts, and of webhooks' retries."
        ),
    ] = 0.1,
    catalogue: Annotated[
        str, typer.Option(help="What Harbor holds: demo, empty, or scale:N artifacts.")
    ] = "demo",
    state: Annotated[
        Path | None,
        typer.Option(help="File that keeps what the peers hold; without it a restart is fresh."),
    ] = None,
) -> None:
    """Serve a Harbor and a Dragonfly manager to try Preheat on, until interrupted."""
    from preheat.sandbox import serve  # noqa: PLC0415 - servers are heavy for every other command
    from preheat.sandbox.dragonfly.memory import recall, remember  # noqa: PLC0415 - as above

    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        with serve(
            host=host,
            harbor_port=harbor_port,
            dragonfly_port=dragonfly_port,
            catalogue=catalogue,
            clock_factor=clock_factor,
        ) as running:
            manager = running.dragonfly.state
            if state is not None:
                recall(manager, state)
            _tell(running)
            stop.wait()
            if state is not None:
                remember(manager, state)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    except OSError as error:
        typer.echo(f"Cannot listen on {host}: {error}. Choose another port.", err=True)
        raise typer.Exit(1) from error


def _tell(running: Sandbox) -> None:
    typer.echo(f"Harbor     {running.harbor_url}")
    typer.echo(f"  robot    {running.robot_name} / {running.robot_secret}")
    typer.echo("  admin    admin / Harbor12345")
    typer.echo(f"Dragonfly  {running.dragonfly_url}")
    typer.echo(f"  token    {running.token}")
    typer.echo("Control API under /sandbox/ on both. Ctrl-C stops.")
