"""Policies and clusters of another git revision, read without touching the working tree."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from preheat.errors import InputError, ProblemsError
from preheat.policy.folder import PolicyEntry, load_text
from preheat.policy.loader import load_clusters, undecodable

if TYPE_CHECKING:
    from preheat.cli.include import Include
    from preheat.policy.model import Clusters

__all__ = ["Revision", "read_revision"]

_SECONDS = 60
_SHORT = 10


@dataclass(frozen=True)
class Revision:
    """What the files said then.

    :param ref: as a person named it.
    :param commit: short id of what is compared with: where HEAD left that revision.
    :param tip: short id of the revision itself.
    :param note: what a reader should know; may be empty.
    """

    ref: str
    commit: str
    tip: str
    entries: tuple[PolicyEntry, ...]
    clusters: Clusters
    note: str = ""


def read_revision(include: Include, ref: str, current: Clusters) -> Revision:
    """Read the include folder as it was where HEAD left a revision, as a pull request compares.

    :param current: the clusters to use if that revision had none.
    :raises InputError: when there is no repository or no such revision.
    """
    _git(include.policies, "rev-parse", "--show-prefix")  # says so where there is no repository
    tip = _commit(include.policies, ref)
    commit, shallow = _merge_base(include.policies, tip)
    clusters, note = _clusters(include.clusters_file, commit, ref, current)
    blobs = _blobs(include.policies, commit)
    entries = tuple(
        _entry(include.policies / name, _blob(include.policies, blob), clusters)
        for name, blob in sorted(blobs.items())
    )
    notes = " ".join(text for text in (shallow, note) if text)
    return Revision(ref, commit[:_SHORT], tip[:_SHORT], entries, clusters, notes)


def _commit(folder: Path, ref: str) -> str:
    try:
        words = ("--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
        return _git(folder, "rev-parse", *words).decode().strip()
    except InputError:
        raise InputError(
            f"git knows no revision {ref!r}. In a shallow clone, fetch it first: git fetch origin"
            " BRANCH, then --against FETCH_HEAD."
        ) from None


def _merge_base(folder: Path, tip: str) -> tuple[str, str]:
    """Find where HEAD left a revision; the revision itself, with a word on it, if nobody knows."""
    try:
        return _git(folder, "merge-base", tip, "HEAD").decode().strip(), ""
    except InputError:
        return tip, (
            "git knows no common ancestor with HEAD (in a shallow clone, fetch more: git fetch"
            " --unshallow): changes since then on either side show."
        )


def _clusters(file: Path, commit: str, ref: str, current: Clusters) -> tuple[Clusters, str]:
    found = _tree(file.parent, commit).get(file.name)
    if found is None:
        return current, f"{ref} has no {file}: today's clusters hold for both."
    try:
        text = _blob(file.parent, found).decode("utf-8-sig")
        return load_clusters(text, file.name), ""
    except (ProblemsError, UnicodeDecodeError):
        return current, f"{file} had problems in {ref}: today's clusters hold for both."


def _blobs(folder: Path, commit: str) -> dict[str, str]:
    return {
        name: blob
        for name, blob in _tree(folder, commit).items()
        if Path(name).suffix in {".yaml", ".yml"} and not name.startswith(".")
    }


def _tree(folder: Path, commit: str) -> dict[str, str]:
    """List the files of a folder as they were: name and id; none if it was not there."""
    found: dict[str, str] = {}
    for row in _git(folder, "ls-tree", "-z", commit).split(b"\0"):
        kind, _, name = row.partition(b"\t")
        words = kind.split()
        if words[1:2] == [b"blob"]:
            found[os.fsdecode(name)] = words[2].decode()
    return found


def _blob(folder: Path, blob: str) -> bytes:
    return _git(folder, "cat-file", "blob", blob)


def _entry(path: Path, content: bytes, clusters: Clusters) -> PolicyEntry:
    try:
        return load_text(path, content.decode("utf-8-sig"), clusters)
    except UnicodeDecodeError as error:
        return PolicyEntry(path, problems=(undecodable(error, path.name),))


def _git(folder: Path, *words: str) -> bytes:
    program = shutil.which("git")
    if program is None:
        raise InputError("--against needs git, which is not installed.")
    environment = {**os.environ, "LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0"}
    try:
        done = subprocess.run(  # noqa: S603 - no shell, and no word of it is taken for an option
            [program, "-C", str(folder), *words],
            capture_output=True,
            check=False,
            env=environment,
            stdin=subprocess.DEVNULL,
            timeout=_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise InputError(f"git {words[0]} gave no answer within {_SECONDS} s.") from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip() or f"exit code {done.returncode}"
        raise InputError(f"git cannot read {folder}: {said}")
    return done.stdout
