"""What the tests of the command share: a folder of policies, and a way to call it."""

from __future__ import annotations

import hashlib
import json
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


def digest(name: str) -> str:
    """Give a digest that follows from a name."""
    return f"sha256:{hashlib.sha256(name.encode()).hexdigest()}"


def line(image: str, pushed: str, *tags: str, **more: object) -> str:
    """Write one artifact as Harbor lists it: ``line("web/app:1.0", "2026-11-20", "1")``."""
    repository, _, tag = image.partition(":")
    labels = more.pop("labels", "")
    return json.dumps({
        "repository_name": repository,
        "digest": digest(image),
        "type": "IMAGE",
        "size": 50 << 20,
        "push_time": f"{pushed}T00:00:00Z",
        "tags": [{"name": t, "push_time": f"{pushed}T00:00:00Z"} for t in (tag, *tags) if t],
        "labels": [{"name": name} for name in str(labels).split()],
        "extra_attrs": {"os": "linux", "architecture": "amd64"},
        **more,
    })


CATALOGUE = (
    line("library/nginx:2.3.0", "2026-11-22", "2.3", "latest"),
    line("library/nginx:2.2.1", "2026-10-22"),
    line("library/redis:2.2.0", "2026-11-20"),
    line("library/postgres:16.1", "2026-11-20"),
    line("web/frontend:2.5.0", "2026-11-24"),
    line("web/frontend:2.4.1", "2026-11-23", "2.4", "latest", labels="approved"),
    line("web/frontend:2.4.0", "2026-11-21", labels="approved"),
    line("web/frontend:2.3.9", "2026-11-11", labels="approved"),
    line("web/api:1.0.0", "2026-11-11", labels="approved hold"),
    line("ml/serving/llm:2.3.0", "2026-11-23", size=9 << 30),
)


@pytest.fixture
def catalog(include: Path) -> tuple[str, ...]:
    """Options that name a saved catalogue and a moment: all that a plan depends on."""
    Path("catalog.jsonl").write_text("\n".join(CATALOGUE))
    return ("--catalog", "catalog.jsonl", "--at", "2026-11-24T12:00Z")
