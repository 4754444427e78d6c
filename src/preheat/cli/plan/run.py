"""What ``preheat plan`` does: read, evaluate, compare, print."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer

from preheat.cli.catalogues import known
from preheat.cli.console import WRONG, errors_told, print_json, stderr, stdout
from preheat.cli.include import Include, did_you_mean
from preheat.cli.plan.changes import PolicyChange, Status, compare
from preheat.cli.plan.data import change_data, made_data
from preheat.cli.plan.made import Made, make
from preheat.cli.plan.markdown import changes_comment, plans_comment
from preheat.cli.plan.revision import Revision, read_revision
from preheat.cli.plan.text import print_change, print_made, totals
from preheat.cli.plan.words import against_line
from preheat.cli.problems import print_problem, problem_data
from preheat.cli.remembered import remembered
from preheat.cli.times import moment
from preheat.cli.world import World
from preheat.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from preheat.policy.folder import PolicyEntry
    from preheat.policy.model import Clusters

__all__ = ["Shown", "Wanted", "run"]


@dataclass(frozen=True)
class Wanted:
    """What a person asked for; empty texts mean the default."""

    policies: tuple[str, ...] = ()
    catalogs: tuple[str, ...] = ()
    at: str = ""
    against: str = ""
    ledger: str = ""
    manifests: bool = False


@dataclass(frozen=True)
class Shown:
    """How it is shown."""

    selected: bool = True
    rejected: bool = False
    markdown: bool = False
    as_json: bool = False


def run(wanted: Wanted, folder: Path, shown: Shown) -> None:
    """Plan or compare, and exit with 1 if a policy has problems or its run would fail."""
    with errors_told():
        include = Include.at(folder)
        clusters = include.clusters()
        if wanted.against:
            revision = read_revision(include, wanted.against, clusters)
            fails = _compare(wanted, include, clusters, revision, shown)
        else:
            fails = _plan(wanted, include, clusters, shown)
    if fails:
        raise typer.Exit(WRONG)


def _world(wanted: Wanted, entries: Sequence[PolicyEntry], clusters: Clusters) -> World:
    policies = [entry.policy for entry in entries if entry.policy]
    at = moment(wanted.at)
    memory = remembered(wanted.ledger, clusters, policies, at)
    found = known(policies, wanted.catalogs, reads_manifests=wanted.manifests)
    return World(found, memory, at, weighs=True)


def _plan(wanted: Wanted, include: Include, clusters: Clusters, shown: Shown) -> bool:
    entries = include.chosen(wanted.policies, clusters)
    world = _world(wanted, entries, clusters)
    made = [make(entry, entry.policy, clusters, world) for entry in entries if entry.policy]
    broken = [entry for entry in entries if entry.problems]
    if shown.as_json:
        print_json({
            "at": world.at.isoformat(),
            "catalogue": {"artifacts": len(world.known.catalogue), "from": world.known.origins},
            "plans": [
                made_data(each, selected=shown.selected, rejected=shown.rejected) for each in made
            ],
            "problems": _problems(broken),
        })
    elif shown.markdown:
        typer.echo(plans_comment(made, broken, world, rejected=shown.rejected))
    else:
        console = stdout()
        for each in made:
            print_made(console, each, selected=shown.selected, rejected=shown.rejected)
        _print_broken(broken)
        console.print(totals(made))
    return bool(broken) or any(each.plan.failures for each in made)


def _compare(
    wanted: Wanted, include: Include, clusters: Clusters, revision: Revision, shown: Shown
) -> bool:
    before = {entry.name: entry for entry in revision.entries}
    after = {entry.name: entry for entry in include.entries(clusters)}
    names = _names(wanted.policies, before, after)
    old = [before[name] for name in names if name in before]
    new = [after[name] for name in names if name in after]
    world = _world(wanted, [*old, *new], clusters)
    changes = [
        compare(
            name,
            before.get(name),
            after.get(name),
            (
                _made(before.get(name), revision.clusters, world),
                _made(after.get(name), clusters, world),
            ),
        )
        for name in names
    ]
    broken = [entry for entry in new if entry.problems]
    _show(changes, broken, revision, world, shown)
    return bool(broken) or any(change.failures for change in changes)


def _names(
    chosen: Sequence[str], before: dict[str, PolicyEntry], after: dict[str, PolicyEntry]
) -> list[str]:
    known_names = dict.fromkeys((*after, *before))
    for name in chosen:
        if name not in known_names:
            near = did_you_mean(name, known_names)
            raise InputError(f"There is no policy {name!r}, now or then.{near}")
    return list(dict.fromkeys(chosen)) or sorted(known_names)


def _made(entry: PolicyEntry | None, clusters: Clusters, world: World) -> Made | None:
    if entry is None or entry.policy is None:
        return None
    return make(entry, entry.policy, clusters, world)


def _show(
    changes: Sequence[PolicyChange],
    broken: Sequence[PolicyEntry],
    revision: Revision,
    world: World,
    shown: Shown,
) -> None:
    if shown.as_json:
        print_json({
            "at": world.at.isoformat(),
            "catalogue": {"artifacts": len(world.known.catalogue), "from": world.known.origins},
            "against": {
                "ref": revision.ref,
                "commit": revision.commit,
                "tip": revision.tip,
                "note": revision.note,
            },
            "changes": [change_data(change) for change in changes],
            "problems": _problems(broken),
        })
        return
    if shown.markdown:
        typer.echo(changes_comment(changes, broken, revision, world))
        return
    console = stdout()
    when = f"{world.at:%Y-%m-%d %H:%M %Z}"
    console.print(f"Against {against_line(revision)}, both at {when}.\n", soft_wrap=True)
    if revision.note:
        console.print(f"{revision.note}\n", style="yellow", soft_wrap=True)
    for change in changes:
        if change.is_told:
            print_change(console, change)
    _print_broken(broken)
    same = [change.name for change in changes if change.status is Status.SAME]
    if same:
        console.print(f"The same as before: {', '.join(same)}.", soft_wrap=True)


def _print_broken(broken: Sequence[PolicyEntry]) -> None:
    console = stderr()
    for entry in broken:
        for problem in entry.problems:
            print_problem(console, problem, entry.path, entry.text)


def _problems(broken: Sequence[PolicyEntry]) -> list[dict[str, object]]:
    return [problem_data(problem, entry.path) for entry in broken for problem in entry.problems]
