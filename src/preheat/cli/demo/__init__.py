"""``preheat demo``: the main job on one machine, with a sandbox Harbor and Dragonfly."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Annotated

import typer

__all__ = ["demo"]


def demo(
    *,
    exit_after: Annotated[
        bool, typer.Option("--exit", help="Stop when done; exit 0 only if every placement is warm.")
    ] = False,
    port: Annotated[int, typer.Option(help="Port of the Airflow UI.")] = 8080,
    home: Annotated[Path, typer.Option(help="Where the demo keeps its state.")] = Path(".demo"),
) -> None:
    """Start a sandbox Harbor and Dragonfly and Airflow, run the first policy, show what is warm."""
    from rich.console import Console  # noqa: PLC0415 - heavy for every other command

    from preheat.cli.demo.airflow_api import AirflowApiError  # noqa: PLC0415 - as above
    from preheat.cli.demo.show import Demo, DemoError  # noqa: PLC0415 - as above

    console = Console(highlight=False, soft_wrap=True)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    show = Demo(root=Path.cwd(), home=home.resolve(), console=console, port=port)
    try:
        warm = show.run()
        if not exit_after:
            show.stay()
    except DemoError as error:
        console.print(str(error), style="red", markup=False)
        raise typer.Exit(1) from None
    except AirflowApiError as error:
        said = f"{error} Airflow's log: {show.processes.log('airflow')}"
        console.print(said, style="red", markup=False)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        console.print("\nStopping …")
        raise typer.Exit(130) from None
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)  # impatience must leave no child behind
        show.stop()
    if not warm:
        raise typer.Exit(1)
