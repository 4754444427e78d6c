"""Events for a terminal of 80 columns, and for machines."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer
from rich.box import SIMPLE
from rich.table import Table
from rich.text import Text

from preheat.cli.console import plain, stdout
from preheat.rendering import count_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from preheat.ledger import EventOutcome, IgnoredEvents, StoredEvent

__all__ = ["event_data", "ignored_data", "print_event", "print_events"]

_SHORT_DIGEST = 19  # sha256: and twelve letters


def print_events(found: Sequence[StoredEvent], ignored: Sequence[IgnoredEvents]) -> None:
    """Print a table, and what was only counted below it."""
    console = stdout()
    if found:
        table = Table(box=SIMPLE, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
        table.add_column("received, UTC", no_wrap=True)
        table.add_column("told by", overflow="fold")
        table.add_column("what")
        table.add_column("image", overflow="fold", ratio=1)
        table.add_column("what came of it", overflow="fold", ratio=1)
        for one in found:
            table.add_row(*(Text(text) for text in _cells(one, between="\n")))
        console.print(table)
    else:
        console.print("No event was received, or none of these.")
    if ignored:
        counts = ", ".join(f"{plain(one.type)} {one.count}" for one in ignored)
        console.print(f"Nothing listens to: {counts}", style="dim", soft_wrap=True)


def print_event(one: StoredEvent, *, as_json: bool) -> None:
    """Print a line, at once."""
    if as_json:
        typer.echo(json.dumps(event_data(one)))
        return
    when, sources, what, image, came = _cells(one, between="; ")
    typer.echo(f"{when}  {sources:<13}  {what:<10}  {image}: {came}")


def event_data(one: StoredEvent) -> dict[str, Any]:
    """Give an event as plain data."""
    event = one.event
    return {
        "id": one.id,
        "registry": event.registry,
        "kind": event.kind.value,
        "type": event.type,
        "repository": event.repository,
        "digest": event.digest,
        "tag": event.tag,
        "operator": event.operator,
        "sources": [source.value for source in one.sources],
        "repeats": one.repeats,
        "occurred_at": _iso(event.occurred_at),
        "received_at": _iso(one.received_at),
        "due_at": _iso(one.due_at),
        "policy": one.policy,
        "handled_at": _iso(one.handled_at),
        "dag_id": one.dag_id,
        "run_id": one.run_id,
        "outcomes": [asdict(outcome) for outcome in one.outcomes],
        "words": one.words,
    }


def ignored_data(one: IgnoredEvents) -> dict[str, Any]:
    """Give a count as plain data."""
    return {**asdict(one), "last_at": _iso(one.last_at)}


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _cells(one: StoredEvent, *, between: str) -> tuple[str, str, str, str, str]:
    """Give time, ways, kind, image and what came of it, safe for a terminal."""
    event = one.event
    mark = f":{event.tag}" if event.tag else f"@{event.digest[:_SHORT_DIGEST]}"
    return (
        _moment(one.received_at),
        "+".join(source.value for source in one.sources),
        event.kind.value,
        plain(f"{event.repository}{mark if event.tag or event.digest else ''}"),
        between.join(plain(text) for text in _came(one)),
    )


def _came(one: StoredEvent) -> Iterable[str]:
    if one.handled_at is None:
        until = one.due_at > one.received_at
        who = f"{one.policy} waits" if one.policy else "waits"
        yield f"{who} until {_moment(one.due_at)}" if until else who
    elif one.outcomes:
        yield from (_outcome(outcome) for outcome in one.outcomes)
    else:
        yield one.words or "nothing"
    if one.repeats:
        yield f"told {count_of(one.repeats, 'time')} more"


def _outcome(outcome: EventOutcome) -> str:
    plan = "" if outcome.plan_id is None else f"plan {outcome.plan_id}"
    return f"{outcome.policy}: {', '.join(filter(None, [plan, outcome.words])) or 'no plan'}"


def _moment(moment: datetime) -> str:
    return moment.strftime("%d %b %H:%M:%S")
