"""Commands that read a Harbor, reached through Airflow's connections outside of any task."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from preheat.catalogfile import load
from preheat.cli import app
from preheat.sandbox import serve

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from preheat.sandbox import Sandbox

CONNECTION = "AIRFLOW_CONN_HARBOR_DEFAULT"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """Serve the demo's Harbor."""
    with serve() as served:
        yield served


@pytest.fixture(autouse=True)
def connection(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Name the Harbor in the environment."""
    told = {
        "conn_type": "harbor",
        "host": sandbox.harbor_url,
        "login": sandbox.robot_name,
        "password": sandbox.robot_secret,
    }
    monkeypatch.setenv(CONNECTION, json.dumps(told))


def preheat(*words: object) -> Any:
    """Call the command as a shell would."""
    runner = CliRunner(env={"COLUMNS": "200", "NO_COLOR": "1"})
    return runner.invoke(app, [str(word) for word in words], catch_exceptions=False)


def test_save_writes_a_file_that_loads(tmp_path: Path) -> None:
    """Progress goes to stderr, what was saved to stdout."""
    file = tmp_path / "catalogue.jsonl"
    result = preheat("catalog", "save", file, "--project", "web", "--project", "ml")
    assert result.exit_code == 0
    found = load(file, "harbor_default").artifacts
    assert result.stdout == f"Saved {len(found)} artifacts of 2 projects to {file}.\n"
    assert "web: " in result.stderr
    assert {artifact.project for artifact in found} == {"web", "ml"}
    assert [path.name for path in tmp_path.iterdir()] == [file.name]


def test_save_tells_machines_what_it_cost(tmp_path: Path) -> None:
    """The summary counts artifacts, bytes and requests."""
    file = tmp_path / "catalogue.jsonl"
    result = preheat("catalog", "save", file, "--project", "web", "--no-scan", "--json")
    summary = json.loads(result.stdout)
    assert summary["bytes"] == file.stat().st_size
    assert summary["requests"] == {"system": 1, "listing": 2}
    assert (summary["projects"], summary["registry"]) == (1, "harbor_default")


def test_save_to_stdout_is_only_the_catalogue() -> None:
    """The lines can be piped; --json has no place beside them."""
    result = preheat("catalog", "save", "-", "--project", "web", "--no-scan")
    lines = result.stdout.splitlines()
    assert all(json.loads(line)["repository_name"].startswith("web/") for line in lines)
    assert "Saved " in result.stderr
    assert preheat("catalog", "save", "-", "--json").exit_code == 2


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["--project", "nothing"], 1, "shows no project called nothing"),
        (["--project", "[a"], 2, "is no glob"),
        (["--registry", "harbor_missing"], 2, "AIRFLOW_CONN_HARBOR_MISSING"),
    ],
)
def test_what_cannot_be_saved_leaves_the_old_file(
    words: list[str], code: int, told: str, tmp_path: Path
) -> None:
    """One message, the documented exit code, and no half file."""
    file = tmp_path / "catalogue.jsonl"
    file.write_text("old")
    result = preheat("catalog", "save", file, *words)
    assert (result.exit_code, file.read_text()) == (code, "old")
    assert told in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == [file.name]


def test_a_wrong_secret_is_told_without_it(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Harbor would show public projects to anybody: nothing is saved."""
    told = {"conn_type": "harbor", "host": sandbox.harbor_url, "login": "robot$preheat"}
    monkeypatch.setenv(CONNECTION, json.dumps(told | {"password": "a-wrong-secret"}))
    result = preheat("catalog", "save", tmp_path / "catalogue.jsonl")
    assert result.exit_code == 2
    assert "anonymous" in result.stderr
    assert "a-wrong-secret" not in result.output
    assert not list(tmp_path.iterdir())


def test_another_kind_of_connection_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection to something else is not asked as if it were a Harbor."""
    monkeypatch.setenv(CONNECTION, '{"conn_type": "http", "host": "http://127.0.0.1:1"}')
    result = preheat("catalog", "save", tmp_path / "catalogue.jsonl")
    assert result.exit_code == 2
    assert "is of type 'http'" in result.stderr


def test_a_laptop_without_airflow_s_database_is_enough(tmp_path: Path) -> None:
    """With the connection in the environment a fresh AIRFLOW_HOME gets no database."""
    code = (
        "import os, sys; os.environ['AIRFLOW_HOME'] = sys.argv[1]\n"
        "from preheat.cli.harbors import open_harbor\n"
        "from preheat.errors import InputError\n"
        "print(open_harbor('harbor_default').registry)\n"
        "try: open_harbor('harbor_missing')\n"
        "except InputError as error: print(error)\n"
    )
    words = [sys.executable, "-c", code, str(tmp_path)]
    done = subprocess.run(words, check=True, capture_output=True, text=True, timeout=120)
    assert done.stdout.startswith("harbor_default\nThere is no connection 'harbor_missing'.")
    assert not (tmp_path / "airflow.db").exists()
