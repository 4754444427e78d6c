"""``preheat policy check``: everything that is wrong, whatever else is wrong."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import typer

from preheat.cli.console import UNREADABLE, WRONG, errors_told, print_json, stderr, stdout
from preheat.cli.include import missing
from preheat.cli.problems import print_problem, problem_data
from preheat.errors import InputError, ProblemsError
from preheat.policy.criteria.age import AgeCriterion
from preheat.policy.folder import PolicyEntry, load_file, load_folder
from preheat.policy.loader import load_clusters, read_text
from preheat.policy.model import Clusters
from preheat.rendering import count_of

if TYPE_CHECKING:
    from pathlib import Path

    from preheat.errors import Problem
    from preheat.policy.model import Policy

__all__ = ["Checked", "run"]

# Problems that say nothing as long as nobody knows what clusters there are.
_NEEDS_CLUSTERS = re.compile(r"spec\.targets\[\d+\]\.cluster(Selector)?")
_TAKES_ALL = (
    "an event in a repository warms all that the rules take there, old tags too: give each rule "
    "take or age"
)


def _takes_all(policy: Policy) -> bool:
    """Whether an event would bring more than what is new."""
    return bool(policy.events) and any(
        rule.take.newest is None and not any(isinstance(c, AgeCriterion) for c in rule.criteria)
        for rule in policy.rules
    )


@dataclass(frozen=True)
class Checked:
    """What a check found.

    :param clusters: names; None when their file is missing or wrong.
    :param missing: why the clusters file could not be read at all.
    """

    entries: tuple[PolicyEntry, ...]
    clusters_file: Path
    clusters: tuple[str, ...] | None
    cluster_problems: tuple[Problem, ...] = ()
    clusters_text: str = ""
    missing: str = ""

    @property
    def wrong(self) -> int:
        """How many policies have problems."""
        return sum(bool(entry.problems) for entry in self.entries)

    @property
    def notes(self) -> list[tuple[Path, str]]:
        """What is right, and yet not what its author may expect: file and words."""
        policies = ((entry.path, entry.policy) for entry in self.entries)
        return [(path, _TAKES_ALL) for path, each in policies if each and _takes_all(each)]

    @property
    def exit_code(self) -> int:
        """0, or what is worst."""
        if self.missing:
            return UNREADABLE
        return WRONG if self.wrong or self.cluster_problems else 0

    def as_data(self) -> dict[str, Any]:
        """Give all of it as plain data."""
        problems = [problem_data(p, self.clusters_file) for p in self.cluster_problems]
        problems += [problem_data(p, e.path) for e in self.entries for p in e.problems]
        return {
            "ok": self.exit_code == 0,
            "policies": [
                {"name": e.name, "file": str(e.path), "ok": not e.problems} for e in self.entries
            ],
            "clusters": {
                "file": str(self.clusters_file),
                "names": None if self.clusters is None else list(self.clusters),
                "error": self.missing,
            },
            "problems": problems,
            "notes": [{"file": str(path), "message": text} for path, text in self.notes],
        }


def run(path: Path, clusters_file: Path | None, *, as_json: bool) -> None:
    """Check policies and clusters, print what was found, and end with its exit code.

    :param path: a folder of policies or one file.
    """
    with errors_told():
        checked = _checked(path, clusters_file)
    if as_json:
        print_json(checked.as_data())
    else:
        _print(checked)
    raise typer.Exit(checked.exit_code)


def _checked(path: Path, clusters_file: Path | None) -> Checked:
    if not path.exists():
        raise InputError(missing(path))
    if (path / "clusters.yaml").is_file() and (path / "policies").is_dir():
        path /= "policies"  # the folder around it was meant so
    folder = path if path.is_dir() else path.parent
    clusters_file = clusters_file or _beside(folder)
    clusters, problems, text, gone = _clusters(clusters_file)
    entries = (
        load_folder(path, clusters or Clusters())
        if path.is_dir()
        else [load_file(path, clusters or Clusters())]
    )
    if not entries:
        raise InputError(_no_policies(path))
    if clusters is None:
        entries = [_without_targets(entry) for entry in entries]
    names = clusters.names if clusters is not None else None
    return Checked(tuple(entries), clusters_file, names, problems, text, gone)


def _beside(folder: Path) -> Path:
    """Find the clusters of a folder of policies, named as the person named the folder."""
    named, real = (place.parent / "clusters.yaml" for place in (folder, folder.resolve()))
    return named if named.resolve() == real else real


def _clusters(file: Path) -> tuple[Clusters | None, tuple[Problem, ...], str, str]:
    """Read the clusters: they, or their problems, with the text; or why there are none."""
    if not file.is_file():
        said = f"There is no {file}, which says what clusters the policies may name."
        return None, (), "", f"{said} Write it, or name another one with --clusters."
    text = ""
    try:
        text = read_text(file)
        return load_clusters(text, file.name), (), text, ""
    except ProblemsError as error:
        return None, error.problems, text, ""


def _without_targets(entry: PolicyEntry) -> PolicyEntry:
    problems = tuple(p for p in entry.problems if not _NEEDS_CLUSTERS.fullmatch(p.path))
    return replace(entry, problems=problems)


def _no_policies(folder: Path) -> str:
    inner = folder / "policies"
    hint = f" Did you mean {inner}?" if inner.is_dir() else ""
    return f"{folder} holds no policy (*.yaml).{hint}"


def _print(checked: Checked) -> None:
    console = stdout()
    for problem in checked.cluster_problems:
        print_problem(console, problem, checked.clusters_file, checked.clusters_text)
    for entry in checked.entries:
        for problem in entry.problems:
            print_problem(console, problem, entry.path, entry.text)
    for path, text in checked.notes:
        console.print(f"{path}: {text}.", style="yellow", soft_wrap=True)
    if checked.missing:
        stderr().print(checked.missing, style="red", soft_wrap=True)
    wrong = f"{checked.wrong} with problems" if checked.wrong else "no problems"
    known = (
        f"{count_of(len(checked.clusters), 'cluster')}."
        if checked.clusters is not None
        else "what they target was not checked, for want of clusters."
    )
    console.print(
        f"{count_of(len(checked.entries), 'policy')}, {wrong}; {known}",
        style="red" if checked.exit_code else "green",
        soft_wrap=True,
    )
