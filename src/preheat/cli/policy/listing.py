"""``preheat policy list`` and ``show``: what policies there are, and what each one says in full."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any

import typer
from rich.box import SIMPLE
from rich.table import Table
from rich.text import Text

from preheat.cli.console import WRONG, errors_told, plain, print_json, stdout
from preheat.cli.include import Include
from preheat.cli.problems import print_problem, problem_count, problem_data
from preheat.cli.times import event_words, next_run, now
from preheat.policy.effective import effective_values
from preheat.rendering import count_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    from preheat.policy.folder import PolicyEntry
    from preheat.policy.model import Policy

__all__ = ["run_list", "run_show"]


def run_list(folder: Path, *, as_json: bool) -> None:
    """Print a line for each policy; broken ones have theirs."""
    with errors_told():
        include = Include.at(folder)
        entries = include.chosen((), include.clusters())
    _print_list(entries, now(), as_json=as_json)


def run_show(folder: Path, name: str, *, as_json: bool) -> None:
    """Print one policy; exits with 1 if its file has problems."""
    with errors_told():
        include = Include.at(folder)
        (entry,) = include.chosen([name], include.clusters())
    _print_policy(entry, now(), as_json=as_json)
    if entry.problems:
        raise typer.Exit(WRONG)


def _print_list(entries: Sequence[PolicyEntry], at: datetime, *, as_json: bool) -> None:
    if as_json:
        print_json({"policies": [_row(entry, at) for entry in entries]})
        return
    table = Table(box=SIMPLE, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for name in ("policy", "state", "next run", "clusters", "owner"):
        table.add_column(name, overflow="fold")
    table.add_column("rules", justify="right")
    for entry in entries:
        policy = entry.policy
        if policy is None:
            table.add_row(entry.name, _state(entry), *["-"] * 4)
            continue
        table.add_row(
            entry.name,
            _state(entry),
            _when(policy, at),
            ", ".join(policy.cluster_names),
            Text(plain(policy.owner) or "-"),
            str(len(policy.rules)),
        )
    console = stdout()
    console.print(table)
    wrong = sum(bool(entry.problems) for entry in entries)
    if wrong:
        console.print(f"{count_of(wrong, 'policy')} with problems: preheat policy check tells all.")


def _state(entry: PolicyEntry) -> Text:
    if entry.problems or entry.policy is None:
        return Text(problem_count(entry.problems), "red")
    return Text("suspended", "yellow") if entry.policy.suspend else Text("active", "green")


def _when(policy: Policy, at: datetime) -> str:
    found = next_run(policy, at)
    scheduled = found.strftime("%a %d %b %H:%M %Z") if found else ""
    return "; ".join(filter(None, [scheduled, event_words(policy)])) or "-"


def _row(entry: PolicyEntry, at: datetime) -> dict[str, Any]:
    policy = entry.policy
    row: dict[str, Any] = {
        "name": entry.name,
        "file": str(entry.path),
        "problems": [problem_data(problem, entry.path) for problem in entry.problems],
    }
    if policy is not None:
        found = next_run(policy, at)
        row |= {
            "suspended": policy.suspend,
            "description": policy.description,
            "owner": policy.owner,
            "cron": policy.schedule.cron if policy.schedule else None,
            "timezone": policy.schedule.timezone if policy.schedule else None,
            "events": [event.value for event in policy.events],
            "next_run": found.isoformat() if found else None,
            "clusters": list(policy.cluster_names),
            "registries": list(policy.registries),
            "rules": [rule.name for rule in policy.rules],
        }
    return row


def _print_policy(entry: PolicyEntry, at: datetime, *, as_json: bool) -> None:
    values = effective_values(entry.text, entry.path.name) if entry.policy else {}
    if as_json:
        data = _row(entry, at) | {"text": entry.text}
        print_json(data | {"effective": {path: v.value for path, v in values.items()}})
        return
    console = stdout()
    console.print(Text(str(entry.path), "bold"), soft_wrap=True)
    for line in entry.text.splitlines():
        console.print(Text(plain(line.expandtabs(2))), soft_wrap=True)
    for problem in entry.problems:
        print_problem(console, problem, entry.path, entry.text)
    if entry.policy is None:
        return
    console.print(Text("\nWhat holds besides, by default", "bold"))
    for path, value in values.items():
        if not value.written:
            console.print(f"  {path}: {_shown(value.value)}", soft_wrap=True)
    console.print(f"\nClusters: {', '.join(entry.policy.cluster_names)}", soft_wrap=True)
    console.print(f"Next run: {_when(entry.policy, at)}")


def _shown(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case Enum():
            return str(value.value)
        case list() | tuple():
            return f"[{', '.join(_shown(each) for each in value)}]"
    return str(value)
