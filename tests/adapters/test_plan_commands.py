"""Plans and explanations from a Harbor itself, reached through Airflow's connections."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from preheat.cli import app
from preheat.sandbox import serve

if TYPE_CHECKING:
    from collections.abc import Iterator

    from preheat.sandbox import Sandbox

INCLUDE = Path(__file__).parents[2] / "include"


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
    monkeypatch.setenv("AIRFLOW_CONN_HARBOR_DEFAULT", json.dumps(told))


def preheat(*words: object) -> Any:
    """Call the command as a shell would."""
    runner = CliRunner(env={"COLUMNS": "80", "NO_COLOR": "1"})
    return runner.invoke(app, [*map(str, words), "--include", str(INCLUDE)], catch_exceptions=False)


def test_a_plan_of_what_harbor_lists_now() -> None:
    """Only projects that a policy looks at are listed; progress goes to stderr."""
    found = preheat("plan", "library-base", "--json")
    assert found.exit_code == 0
    data = json.loads(found.stdout)
    images = {image["image"] for image in data["plans"][0]["images"]}
    assert "library/hello:1.0" in images
    assert {image.partition("/")[0] for image in images} == {"library"}
    assert "harbor_default library: " in found.stderr
    assert data["catalogue"]["from"] == {"harbor_default": "as listed now"}


def test_sizes_are_read_only_when_asked_for() -> None:
    """A manifest that is read counts as a pull in Harbor, so the sizes of an index cost a flag."""
    plain, weighed = (
        json.loads(preheat("plan", "library-base", "--json", *flag).stdout)["plans"][0]["clusters"]
        for flag in ((), ("--manifests",))
    )
    assert plain["eu-1"]["unknown"] > 0
    assert weighed["eu-1"]["unknown"] == 0
    assert weighed["eu-1"]["bytes"] > plain["eu-1"]["bytes"]


def test_an_explanation_asks_harbor() -> None:
    """An image of the sandbox is explained without a saved catalogue."""
    found = preheat("explain", "library/hello:1.0", "-p", "library-base")
    assert found.exit_code == 0
    assert "library/hello:1.0 is selected by library-base (rule bases)" in found.stdout


def test_a_harbor_that_is_away_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """No connection and no answer are one message each, without a traceback."""
    monkeypatch.setenv(
        "AIRFLOW_CONN_HARBOR_DEFAULT", '{"conn_type": "harbor", "host": "http://127.0.0.1:9"}'
    )
    away = preheat("plan", "library-base")
    assert (away.exit_code, away.stdout) == (2, "")
    assert "Harbor" in away.stderr
    monkeypatch.delenv("AIRFLOW_CONN_HARBOR_DEFAULT")
    missing = preheat("plan", "library-base")
    assert missing.exit_code == 2
    assert "harbor_default" in missing.stderr
