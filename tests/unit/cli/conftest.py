"""What the tests of the command share: a folder of policies, and a way to call it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from preheat.cli import app

if TYPE_CHECKING:
    from collections.abc import Callable

    from click.testing import Result

INCLUDE = Path(__file__).parents[3] / "include"


@pytest.fixture
def include(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Copy of ``include/``, in the working directory."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(INCLUDE, tmp_path / "include")
    return Path("include")


@pytest.fixture(scope="session")
def preheat() -> Callable[..., Result]:
    """Call the command as a shell would, on a terminal of 80 columns without colour.

    A programming error is raised, instead of being an exit code of 1.
    """
    runner = CliRunner(env={"COLUMNS": "80", "NO_COLOR": "1"})

    def call(*words: object, stdin: str = "") -> Result:
        return runner.invoke(
            app, [str(word) for word in words], input=stdin, catch_exceptions=False
        )

    return call
