"""The shape of the repository: what lies where, how long it is, and which commands there are."""

from __future__ import annotations

import os
import re
import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

MAX_LINES = 300
VAGUE = {"common", "helpers", "misc", "utils"}


def python_files(root: Path, *folders: str) -> list[Path]:
    """Find our Python files below these folders."""
    return sorted(file for folder in folders for file in (root / folder).rglob("*.py"))


def targets(root: Path) -> set[str]:
    """Read the Makefile's commands."""
    makefile = (root / "Makefile").read_text(encoding="utf-8")
    return set(re.findall(r"(?m)^\.PHONY: (\S+)$", makefile))


def test_every_module_fits_on_a_few_screens(root: Path) -> None:
    """A module past 300 lines has two subjects."""
    lengths = {
        str(file.relative_to(root)): len(file.read_text(encoding="utf-8").splitlines())
        for file in python_files(root, "src", "dags", "plugins", "scripts")
    }
    assert {name: lines for name, lines in lengths.items() if lines > MAX_LINES} == {}


def test_every_module_has_a_name_that_says_something(root: Path) -> None:
    """A drawer named utils fills up with everything."""
    names = {part for file in python_files(root, "src") for part in file.with_suffix("").parts}
    assert names & VAGUE == set()


def test_plugins_holds_at_most_one_file_and_include_no_code(root: Path) -> None:
    """Airflow imports each file in plugins/ in each process; include/ is data."""
    assert {file.name for file in python_files(root, "plugins")} <= {"preheat_plugin.py"}
    assert python_files(root, "include") == []


def test_no_file_that_airflow_puts_on_the_path_hides_a_package(root: Path) -> None:
    """Airflow puts dags/ and plugins/ on sys.path, first come, first served."""
    stems = {file.stem for file in python_files(root, "dags", "plugins")}
    assert {stem for stem in stems if not stem.startswith("preheat_")} == set()


def test_help_lists_every_command(root: Path) -> None:
    """``make`` alone tells all that can be done, and nothing that cannot."""
    done = subprocess.run(
        ["make", "--no-print-directory", "help"],  # noqa: S607  # make is what the project needs
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    )
    assert set(re.findall(r"(?m)^ +make ([a-z-]+) +\S", done.stdout)) == targets(root)


def test_live_tests_name_every_variable_that_is_missing(root: Path) -> None:
    """Nobody wants to learn them one by one."""
    done = subprocess.run(
        ["make", "--no-print-directory", "--old-file=.venv/.ready", "test-live"],  # noqa: S607  as above
        cwd=root,
        env={"PATH": os.environ["PATH"], "PREHEAT_LIVE_HARBOR_URL": "https://h"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    named = set(re.findall(r"PREHEAT_LIVE_([A-Z_]+)", done.stderr))
    assert named == {
        *("HARBOR_USER", "HARBOR_SECRET", "DRAGONFLY_URL", "DRAGONFLY_TOKEN", "PROJECT"),
    }


@pytest.mark.parametrize("document", ["README.md", "AGENTS.md", "CONTEXT.md", "docs"])
def test_the_documents_name_only_commands_that_exist(root: Path, document: str) -> None:
    """A command in a document can be typed."""
    files = sorted((root / document).rglob("*.md")) or [root / document]
    text = "\n".join(file.read_text(encoding="utf-8") for file in files)
    commands = set(re.findall(r"(?m)(?:^\s*|`|\$ )make ([a-z][a-z-]*)", text))
    assert commands - targets(root) == set()


def test_the_readme_gives_one_command_to_see_it_and_one_to_test_it(root: Path) -> None:
    """CI runs the test command that the README gives."""
    readme = (root / "README.md").read_text(encoding="utf-8")
    assert "make demo" in readme
    assert "make test" in readme
    assert (root / ".ci" / "run").read_text(encoding="utf-8").endswith("exec make test\n")
