"""The files in ``include/``, read for a DAG file: only there, never in a trigger, page or API."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from preheat.errors import ProblemsError
from preheat.policy.folder import load_file, policy_files
from preheat.policy.loader import load_clusters, read_text
from preheat.policy.model import Clusters
from preheat.provider.config import include_dir

if TYPE_CHECKING:
    from pathlib import Path

    from preheat.errors import Problem
    from preheat.policy.model import Policy

__all__ = ["Files"]


@dataclass(frozen=True)
class Files:
    """The folder with ``clusters.yaml`` and ``policies/``."""

    folder: Path

    @classmethod
    def beside(cls, dag_folder: Path) -> Files:
        """Find the folder that belongs to a DAG file."""
        return cls(include_dir(dag_folder))

    @property
    def clusters_file(self) -> Path:
        """Path of the clusters."""
        return self.folder / "clusters.yaml"

    def clusters(self) -> tuple[Clusters, tuple[Problem, ...]]:
        """Read the clusters; with problems, there are none."""
        path = self.clusters_file
        try:
            return load_clusters(read_text(path), path.name), ()
        except ProblemsError as error:
            return Clusters(), error.problems

    def policies(self) -> list[Path]:
        """Paths of all policy files, in the order of their names; of two of one stem, the first.

        What ends in .yml is among them: it is no policy, and its DAG says so.
        """
        try:
            found = policy_files(self.folder / "policies")
        except ProblemsError:
            return []
        return list({path.stem: path for path in reversed(found)}.values())[::-1]

    def policy(self, path: Path, clusters: Clusters) -> tuple[Policy | None, tuple[Problem, ...]]:
        """Read one policy; None with all that is wrong with it."""
        entry = load_file(path, clusters)
        return entry.policy, entry.problems

    @staticmethod
    def shown(path: Path) -> str:
        """Text of a file that has problems, to show lines of it; "" if it cannot be read at all."""
        try:
            return path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""
