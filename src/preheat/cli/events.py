"""``preheat events``: what happened in a Harbor, how that is known, and what came of it."""

from __future__ import annotations

import threading
from typing import Annotated

import typer

from preheat.cli.console import errors_told, print_json
from preheat.cli.ledgers import DEFAULT_LEDGER, current_ledger, default_url, where_looked
from preheat.cli.options import JsonOption  # noqa: TC001 - typer reads the annotations

__all__ = ["events"]

_LOOK_SECONDS = 1.0


def events(
    *,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with what comes, until Ctrl-C.")
    ] = False,
    registry: Annotated[
        str, typer.Option(metavar="CONN_ID", help="Only of this Harbor; by default of all.")
    ] = "",
    repository: Annotated[
        str, typer.Option(metavar="GLOB", help="Only of these, such as web/frontend or 'web/**'.")
    ] = "",
    limit: Annotated[int, typer.Option(min=1, help="How many, the newest of them.")] = 20,
    as_json: JsonOption = False,
    ledger: Annotated[
        str,
        typer.Option(
            "--ledger",
            metavar="URL",
            help=DEFAULT_LEDGER,
            envvar="AIRFLOW__PREHEAT__LEDGER_URL",
            show_default=False,
        ),
    ] = "",
) -> None:
    """Show what happened in Harbor, which policies ran on it, or why none did.

    Only the ledger is read. With --follow an event has another line once a run has taken it up;
    with --json too, each line is an object.
    """
    from preheat.cli.eventreading import Wanted, followed  # noqa: PLC0415 - help must not wait
    from preheat.cli.eventtext import (  # noqa: PLC0415 - as above
        event_data,
        ignored_data,
        print_event,
        print_events,
    )

    looked = where_looked(ledger, "--ledger")
    with errors_told(), current_ledger(ledger or default_url(), looked=looked) as opened:
        wanted = Wanted.of(registry, repository, limit)
        if follow:
            asleep = threading.Event()
            try:
                for one in followed(opened.inbox, wanted, lambda: asleep.wait(_LOOK_SECONDS)):
                    print_event(one, as_json=as_json)
            except KeyboardInterrupt:
                return
        found, ignored = wanted.newest(opened.inbox), opened.inbox.ignored(registry)
        if as_json:
            print_json({
                "events": [event_data(one) for one in found],
                "ignored": [ignored_data(one) for one in ignored],
            })
        else:
            print_events(found, ignored)
