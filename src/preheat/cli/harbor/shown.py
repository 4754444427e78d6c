"""How ``preheat harbor webhook`` tells what it found and did, a row for each project."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE
from rich.table import Table
from rich.text import Text

from preheat.cli.console import plain, stdout
from preheat.harbor.installing import NAME, State
from preheat.rendering import count_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from preheat.harbor.installing import Outcome
    from preheat.harbor.notifying import WebhookPolicy

__all__ = ["Line", "data_of", "print_lines"]

_STYLES = {
    State.RIGHT: "green",
    State.MADE: "green",
    State.REPAIRED: "green",
    State.REMOVED: "green",
    State.WRONG: "red",
    State.MISSING: "yellow",
    State.FOREIGN: "yellow",
    State.REFUSED: "red",
    State.FAILED: "red",
}
_WOULD = {State.MADE, State.REPAIRED, State.REMOVED}


@dataclass(frozen=True)
class Line:
    """One project.

    :param error: why nothing could be done.
    :param policy: as it was found, where it was looked at.
    :param last: when it sent last.
    """

    project: str
    outcome: Outcome
    policy: WebhookPolicy | None = None
    last: datetime | None = None
    error: str = ""


def print_lines(lines: Sequence[Line], *, dry_run: bool, address: str) -> None:
    """Print a table and a sum.

    :param address: where the policies should lead to, if they were looked at; else "".
    """
    console = stdout()
    table = Table(box=SIMPLE, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for name in ("project", NAME, *(("last sent",) if address else ()), "what"):
        table.add_column(name, overflow="fold")
    for line in lines:
        state = line.outcome.state
        what = line.error or "; ".join(line.outcome.differences)
        table.add_row(
            Text(plain(line.project)),
            Text(_word(state, dry_run=dry_run), _STYLES[state]),
            *([_last(line)] if address else []),
            Text(plain(what)),
        )
    if address:
        console.print(Text(f"The policy '{NAME}' should lead to {address}"), soft_wrap=True)
    console.print(table)
    counts = Counter(_word(line.outcome.state, dry_run=dry_run) for line in lines)
    told = ", ".join(f"{count} {word}" for word, count in counts.items())
    console.print(f"{count_of(len(lines), 'project')}{f': {told}' if told else ''}.")


def data_of(registry: str, lines: Sequence[Line], *, dry_run: bool) -> dict[str, Any]:
    """Give it as plain values; no secret is in them."""
    return {
        "registry": registry,
        "dry_run": dry_run,
        "projects": [_row(line) for line in lines],
    }


def _row(line: Line) -> dict[str, Any]:
    row: dict[str, Any] = {
        "project": line.project,
        "state": line.outcome.state.name.lower(),
        "differences": list(line.outcome.differences),
        "error": line.error or None,
    }
    if line.policy is not None:
        row |= {
            "enabled": line.policy.enabled,
            "events": list(line.policy.events),
            "addresses": [target.address for target in line.policy.targets],
            "last_sent": line.last.isoformat() if line.last else None,
        }
    return row


def _word(state: State, *, dry_run: bool) -> str:
    return f"would be {state}" if dry_run and state in _WOULD else state.value


def _last(line: Line) -> str:
    if line.policy is None:
        return "-"
    return line.last.strftime("%Y-%m-%d %H:%M %Z") if line.last else "never"
