"""``preheat policy new``, ``suspend``, ``resume`` and ``delete``: files made, changed, removed."""

from __future__ import annotations

import re
from importlib import resources
from typing import TYPE_CHECKING

import typer

from preheat.cli.console import errors_told, print_json, stderr, stdout
from preheat.cli.include import Include
from preheat.cli.policy.editing import with_name, with_suspend
from preheat.cli.problems import problem_count
from preheat.cli.times import event_words, next_run, now
from preheat.cli.writing import replace_file, write_new
from preheat.errors import InputError
from preheat.policy.fields import check_name
from preheat.policy.folder import load_file, load_text
from preheat.policy.loader import read_text

if TYPE_CHECKING:
    from pathlib import Path

    from preheat.policy.model import Clusters

__all__ = ["run_delete", "run_new", "run_suspend"]


def run_new(folder: Path, name: str, copied: str, *, as_json: bool) -> None:
    """Write a new policy and say what to do next.

    :param copied: name of the policy to start from; empty for the skeleton.
    """
    with errors_told():
        path = _new(Include.at(folder), name, copied)
    if as_json:
        print_json({"name": name, "file": str(path)})
        return
    stdout().print(
        f"{path} is written. It is valid, and suspended: edit it, look at\n"
        f"  preheat plan {name}\nand set it to work with\n  preheat policy resume {name}",
        soft_wrap=True,
    )


def run_suspend(folder: Path, name: str, *, suspend: bool, as_json: bool) -> None:
    """Suspend or resume a policy, and say how it stands."""
    with errors_told():
        include = Include.at(folder)
        file = include.file(name)
        changed = _set_suspend(file, suspend=suspend)
        entry = load_file(file, include.clusters())
    upcoming = next_run(entry.policy, now()) if entry.policy else None
    if as_json:
        when = upcoming.isoformat() if upcoming else None
        data = {"name": entry.name, "file": str(file), "suspended": suspend, "changed": changed}
        print_json(data | {"next_run": when, "problems": len(entry.problems)})
        return
    state = f"is {'suspended' if suspend else 'active'}{' now' if changed else ' already'}."
    when = f" It runs next at {upcoming:%Y-%m-%d %H:%M %Z}." if upcoming else ""
    if entry.policy and (events := event_words(entry.policy)):
        when += f" It runs {events}."
    stdout().print(f"{entry.name} {state}{when}", soft_wrap=True)
    if entry.problems:
        told = problem_count(entry.problems)
        stderr().print(f"It has {told}: preheat policy check {file}", style="red", soft_wrap=True)


def run_delete(folder: Path, name: str, *, yes: bool, as_json: bool) -> None:
    """Remove a policy's file, unless the person would rather not."""
    with errors_told():
        file = Include.at(folder).file(name)
        if not yes:
            typer.confirm(f"Remove {file}?", abort=True, err=True)
        try:
            file.unlink()
        except OSError as error:
            raise InputError(f"{file} cannot be removed: {error.strerror}.") from None
    if as_json:
        print_json({"name": file.stem, "file": str(file)})
        return
    console = stdout()
    console.print(f"{file} is removed. What Airflow and the ledger remember stays.", soft_wrap=True)


def _new(include: Include, name: str, copied: str) -> Path:
    try:
        check_name(name)
    except ValueError as error:
        raise InputError(f"{error}.") from None
    path = include.policies / f"{name}.yaml"
    for taken in (path, path.with_suffix(".yml")):
        if taken.exists():
            raise InputError(f"{taken} exists already; nothing was written.")
    clusters = include.clusters()
    text = _copy(include.file(copied), name) if copied else _skeleton(name, clusters)
    if problems := load_text(path, text, clusters).problems:
        told = "\n".join(str(problem) for problem in problems)
        raise InputError(f"The new policy would have problems; nothing was written.\n{told}")
    write_new(path, text)
    return path


def _copy(file: Path, name: str) -> str:
    text = with_name(read_text(file), str(file), name)
    return with_suspend(text, str(file), suspend=True)


def _skeleton(name: str, clusters: Clusters) -> str:
    first = next(iter(clusters))
    text = resources.files("preheat.cli.policy").joinpath("skeleton.yaml").read_text("utf-8")
    filled = {"name": name, "cluster": first.name, "registry": next(iter(first.pull_endpoints))}
    return re.sub(r"\{(name|cluster|registry)\}", lambda found: filled[found[1]], text)


def _set_suspend(file: Path, *, suspend: bool) -> bool:
    text = read_text(file)
    changed = with_suspend(text, str(file), suspend=suspend)
    if changed == text:
        return False
    replace_file(file, changed)
    return True
