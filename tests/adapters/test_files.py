"""What a DAG file reads of the folder ``include/``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from preheat.policy.model import Clusters
from preheat.provider.files import Files

if TYPE_CHECKING:
    from pathlib import Path


def test_each_name_gives_one_dag(tmp_path: Path) -> None:
    """Hidden files and tests are no policies; a .yml of its own says what is wrong with it."""
    folder = tmp_path / "policies"
    (folder / "tests").mkdir(parents=True)
    for name in ("b.yml", "a.yml", "a.yaml", ".hidden.yaml", "tests/c.yaml", "policy.schema.json"):
        (folder / name).write_text("")
    files = Files(tmp_path)
    assert [path.name for path in files.policies()] == ["a.yaml", "b.yml"]
    policy, (problem,) = files.policy(folder / "b.yml", Clusters())
    assert policy is None
    assert str(problem) == "b.yml: Policy files end in .yaml; rename it to b.yaml."


def test_no_folder_gives_no_dag(tmp_path: Path) -> None:
    """A deployment without policies has DAGs for typed images all the same."""
    assert Files(tmp_path).policies() == []
