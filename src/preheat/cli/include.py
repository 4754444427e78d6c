"""The folder that commands read: ``clusters.yaml`` and ``policies/``."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from preheat.errors import InputError
from preheat.policy.folder import PolicyEntry, load_file, load_folder, policy_files
from preheat.policy.loader import load_clusters, read_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from preheat.policy.model import Clusters

__all__ = ["Include", "did_you_mean", "missing"]


@dataclass(frozen=True)
class Include:
    """The policies and the clusters that they may name.

    :param policies: the folder of policies.
    :param clusters_file: by default the one beside that folder.
    """

    policies: Path
    clusters_file: Path

    @classmethod
    def at(cls, folder: Path) -> Include:
        """Use a folder with ``clusters.yaml`` and ``policies/``.

        :raises InputError: when it is not such a folder.
        """
        found = cls(folder / "policies", folder / "clusters.yaml")
        if not folder.is_dir():
            raise InputError(
                f"{missing(folder)} It should hold clusters.yaml and policies/; name another with"
                " --include."
            )
        if not found.policies.is_dir():
            raise InputError(f"{folder} holds no folder 'policies'; name another with --include.")
        return found

    def clusters(self) -> Clusters:
        """Read the clusters.

        :raises InputError: when there is no such file; :class:`ProblemsError` when it is wrong.
        """
        if not self.clusters_file.is_file():
            raise InputError(
                f"There is no {self.clusters_file}, which says what clusters the policies may name."
            )
        text = read_text(self.clusters_file)
        return load_clusters(text, str(self.clusters_file))

    def entries(self, clusters: Clusters) -> list[PolicyEntry]:
        """Read all policies, right or not."""
        return load_folder(self.policies, clusters)

    def file(self, name: str) -> Path:
        """Find the file of a policy that a person named, with or without ``.yaml``.

        :raises InputError: when there is none; offers near names.
        """
        stem = Path(name).stem if name.endswith((".yaml", ".yml")) else name
        files = policy_files(self.policies)
        for file in files:
            if file.stem == stem:
                return file
        known = did_you_mean(stem, (file.stem for file in files))
        raise InputError(f"There is no policy {name!r} in {self.policies}.{known}")

    def chosen(self, names: Sequence[str], clusters: Clusters) -> list[PolicyEntry]:
        """Read the policies that a person named; all of them if none was.

        :raises InputError: for the first name that is unknown, and when there is no policy at all.
        """
        if names:
            return [load_file(self.file(name), clusters) for name in dict.fromkeys(names)]
        entries = self.entries(clusters)
        if not entries:
            raise InputError(f"{self.policies} holds no policy (*.yaml).")
        return entries


def missing(path: Path) -> str:
    """Say that a path is not there, with near names of what is."""
    try:
        near = did_you_mean(path.name, (entry.name for entry in path.parent.iterdir()))
    except OSError:
        near = ""
    return f"There is no {path}.{near}"


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Offer the nearest known words; nothing when none is near."""
    near = difflib.get_close_matches(word, sorted(set(known)), n=3, cutoff=0.6)
    return f" Did you mean {' or '.join(near)}?" if near else ""
