"""Commands that read a Harbor, reached through Airflow's connections outside of any task."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from preheat.catalogfile import load
from preheat.cli import app
from preheat.policy.loader import load_clusters
from preheat.sandbox import serve
from preheat.sandbox.harbor import Permission

if TYPE_CHECKING:
    from collections.abc import Iterator

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


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"conn_type": "harbor", bad', "is no JSON: Expecting property name enclosed in double"),
        ('{"conn_type": "harbor", "port": "a"}', "is JSON, but none that Airflow takes: port must"),
        ("harbor.example.com", "is neither a connection as JSON, in {…}, nor as a URI."),
    ],
)
def test_a_malformed_connection_is_told_as_such(
    text: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Airflow passes over it, as if there were none."""
    monkeypatch.setenv(CONNECTION, text)
    result = preheat("catalog", "save", tmp_path / "catalogue.jsonl")
    assert result.exit_code == 2
    assert f"{CONNECTION} {told}" in " ".join(result.stderr.split())


def test_nothing_of_airflow_is_on_stdout(sandbox: Sandbox, tmp_path: Path) -> None:
    """It warns of a secret of four letters, which it will not mask: on stderr."""
    told = {"conn_type": "harbor", "host": sandbox.harbor_url, "login": "a", "password": "four"}
    code = "from preheat.cli import app; app()"
    done = subprocess.run(
        [sys.executable, "-c", code, "catalog", "save", "-"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, CONNECTION: json.dumps(told), "AIRFLOW_HOME": str(tmp_path)},
    )
    assert done.stdout == ""
    assert "masking" in done.stderr
    assert done.returncode == 2


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


def imported(into: Path, *words: object) -> Any:
    """Import with the clusters of the demo."""
    clusters = Path(__file__).parents[2] / "include" / "clusters.yaml"
    return preheat("import", "harbor", "--into", into, "--clusters", clusters, *words)


def test_import_writes_files_that_are_right(tmp_path: Path) -> None:
    """Three policies of the demo's Harbor become three files that check accepts."""
    (tmp_path / "include").mkdir()
    into = tmp_path / "include" / "policies"
    result = imported(into, "--all")
    assert result.exit_code == 0, result.output
    names = ["ml-serving_old", "payments-approved", "web-frontends"]
    assert sorted(path.stem for path in into.iterdir()) == names
    assert f"{into}/ml-serving_old.yaml  (written, suspended)  from ml/Serving_old" in result.stdout
    assert "never counted" in result.stdout
    clusters = Path(__file__).parents[2] / "include" / "clusters.yaml"
    checked = preheat("policy", "check", into, "--clusters", clusters)
    assert checked.exit_code == 0, checked.output


def test_import_overwrites_nothing_unless_told_to(tmp_path: Path) -> None:
    """A file that somebody edited stays; one that is the same is no trouble."""
    imported(tmp_path, "--project", "web", "--project", "ml")
    edited = tmp_path / "web-frontends.yaml"
    text = edited.read_text()
    edited.write_text("mine")
    result = imported(tmp_path, "--project", "web", "--project", "ml")
    assert (result.exit_code, edited.read_text()) == (1, "mine")
    assert "web-frontends.yaml  (exists)" in result.stdout
    assert "ml-serving_old.yaml  (unchanged, suspended)" in result.stdout
    assert "--force" in result.stderr
    assert imported(tmp_path, "--project", "web", "--force").exit_code == 0
    assert edited.read_text() == text


def test_import_can_be_tried_first(tmp_path: Path) -> None:
    """A dry run prints the files; without clusters.yaml it says what that must hold."""
    missing = tmp_path / "clusters.yaml"
    words = ["--project", "web", "--dry-run", "--into", tmp_path, "--clusters", missing]
    result = preheat("import", "harbor", *words)
    assert result.exit_code == 0, result.output
    assert "apiVersion: preheat/v1alpha1\nkind: PreheatPolicy\n" in result.stdout
    snippet = result.stdout.partition(f"{missing} lacks:\n")[2].partition("\nRead ")[0]
    assert [cluster.name for cluster in load_clusters(snippet, "x")] == [
        "dragonfly-1",
        "dragonfly-2",
    ]
    assert not list(tmp_path.iterdir())


def test_import_tells_machines_everything(tmp_path: Path) -> None:
    """Each policy with its file and its differences; nothing else on stdout."""
    result = imported(tmp_path, "--all", "--json")
    told = json.loads(result.stdout)
    assert [policy["name"] for policy in told["policies"]] == [
        "web-frontends",
        "ml-serving_old",
        "payments-approved",
    ]
    first = told["policies"][0]
    assert (first["state"], first["suspended"]) == ("written", False)
    assert first["text"] == Path(first["file"]).read_text()
    assert {one["topic"] for one in told["always"]} >= {"digests", "platforms"}
    assert (told["missing_clusters"], told["problems"]) == ([], [])


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        ([], 2, "name a project"),
        (["--project", "library"], 1, "no preheat policy in projects called library"),
        (["--all", "--manager", "dragonfly"], 2, "not PROVIDER=CONN_ID"),
        (["--all", "--registry", "harbor_missing"], 2, "AIRFLOW_CONN_HARBOR_MISSING"),
    ],
)
def test_import_says_why_it_imports_nothing(
    words: list[str], code: int, told: str, tmp_path: Path
) -> None:
    """One message and the documented exit code."""
    result = imported(tmp_path, *words)
    assert result.exit_code == code
    assert told in result.stderr.replace("\n", " ")


def test_import_without_the_providers_permission_goes_on(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the system permission is missing: policies are imported, that is told."""
    rights = {"preheat-policy:list", "project:read"}
    sandbox.harbor.state.accounts.add_robot(
        "robot$few", "few-secret", [Permission.project("web", rights)]
    )
    told = {"conn_type": "harbor", "host": sandbox.harbor_url, "login": "robot$few"}
    monkeypatch.setenv(CONNECTION, json.dumps(told | {"password": "few-secret"}))
    result = imported(tmp_path, "--project", "web")
    assert result.exit_code == 0, result.output
    assert "preheat-instance:list" in result.stderr
    assert "could not be read" in result.stdout
