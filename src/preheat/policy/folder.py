"""The folder of policies, file by file: the one way in for DAG files, command and tests."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from preheat.errors import Problem, ProblemsError
from preheat.policy.loader import load_policy, read_text
from preheat.policy.yamltext import parse

if TYPE_CHECKING:
    from pathlib import Path

    from preheat.policy.model import Clusters, Policy

__all__ = ["PolicyEntry", "declared_name", "load_file", "load_folder", "load_text", "policy_files"]

_SUFFIXES = {".yaml", ".yml"}


@dataclass(frozen=True, slots=True)
class PolicyEntry:
    """One file of the folder, right or not.

    :param policy: None when the file has problems; it then selects nothing.
    :param problems: all that is wrong with the file.
    :param text: as read, to show lines of it; empty when it is no text.
    """

    path: Path
    policy: Policy | None = None
    problems: tuple[Problem, ...] = ()
    text: str = ""

    @property
    def name(self) -> str:
        """Name of the policy, which is that of the file."""
        return self.path.stem


def policy_files(folder: Path) -> list[Path]:
    """List what is meant as a policy, in the order of the names; hidden files are not.

    :raises ProblemsError: when the folder cannot be read.
    """
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        message = f"The folder of policies cannot be read: {error.strerror}."
        raise ProblemsError([Problem(message, str(folder))]) from None
    return [e for e in entries if e.suffix in _SUFFIXES and not e.name.startswith(".")]


def load_folder(folder: Path, clusters: Clusters) -> list[PolicyEntry]:
    """Read all policy files of a folder; broken ones do not harm the others.

    :raises ProblemsError: when the folder cannot be read.
    """
    return _told_apart([load_file(path, clusters) for path in policy_files(folder)])


def load_file(path: Path, clusters: Clusters) -> PolicyEntry:
    """Read one policy file."""
    try:
        return load_text(path, read_text(path), clusters)
    except ProblemsError as error:
        return PolicyEntry(path, problems=error.problems)


def load_text(path: Path, text: str, clusters: Clusters) -> PolicyEntry:
    """Read one policy whose text came from elsewhere, such as another revision."""
    if path.suffix == ".yml":
        message = f"Policy files end in .yaml; rename it to {path.stem}.yaml."
        return PolicyEntry(path, problems=(Problem(message, path.name),), text=text)
    try:
        return PolicyEntry(path, load_policy(text, path.name, clusters), text=text)
    except ProblemsError as error:
        return PolicyEntry(path, problems=error.problems, text=text)


def _told_apart(entries: list[PolicyEntry]) -> list[PolicyEntry]:
    """Name the other file where two declare one name; at most one of them is right."""
    first: dict[str, PolicyEntry] = {}
    for entry in sorted(entries, key=lambda entry: entry.policy is None):
        first.setdefault(_declared_name(entry), entry)
    found: list[PolicyEntry] = []
    for entry in entries:
        name = _declared_name(entry)
        other = first[name]
        if name and other is not entry:
            message = f"{other.path.name} declares the policy {name!r} too."
            problem = Problem(message, entry.path.name)
            found.append(replace(entry, problems=(*entry.problems, problem)))
        else:
            found.append(entry)
    return found


def _declared_name(entry: PolicyEntry) -> str:
    if entry.policy is not None:
        return entry.policy.name
    return declared_name(entry.text)


def declared_name(text: str) -> str:
    """Read the name that a policy gives itself, right or not; "" where there is none."""
    try:
        data = parse(text, "").data
    except ProblemsError:
        return ""
    metadata = data.get("metadata") if isinstance(data, dict) else None
    name = metadata.get("name") if isinstance(metadata, dict) else None
    return name if isinstance(name, str) else ""
