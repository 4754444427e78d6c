"""Plans and explanations from a Harbor itself, reached through Airflow's connections."""

from __future__ import annotations

import json
import shutil
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


def preheat(*words: object, include: Path = INCLUDE) -> Any:
    """Call the command as a shell would."""
    runner = CliRunner(env={"COLUMNS": "80", "NO_COLOR": "1"})
    return runner.invoke(app, [*map(str, words), "--include", str(include)], catch_exceptions=False)


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


def manifests_read(sandbox: Sandbox) -> int:
    """Count the manifests that were read, each a pull for Harbor."""
    return sum("/manifests/" in each.path for each in sandbox.harbor.state.requests)


def test_manifests_are_read_only_when_asked_for(sandbox: Sandbox) -> None:
    """Harbor's API tells sizes without a pull; what layers images share costs a flag."""
    before = manifests_read(sandbox)
    plain = json.loads(preheat("plan", "ml-serving", "--json").stdout)["plans"][0]
    assert manifests_read(sandbox) == before
    exact = json.loads(preheat("plan", "ml-serving", "--json", "--manifests").stdout)["plans"][0]
    assert manifests_read(sandbox) > before
    assert (plain["sizes"], exact["sizes"]) == ("upper bound", "exact")
    plain_on, exact_on = plain["clusters"]["eu-1"], exact["clusters"]["eu-1"]
    assert (plain_on["unknown"], exact_on["unknown"]) == (0, 0)
    assert 0 < exact_on["bytes"] < plain_on["bytes"]


def test_an_explanation_can_be_exact_too(tmp_path: Path) -> None:
    """What may be over the budget by upper bounds is known with ``--manifests``."""
    shutil.copytree(INCLUDE, tmp_path, dirs_exist_ok=True)
    file = tmp_path / "policies" / "ml-serving.yaml"
    file.write_text(f"{file.read_text()}  budget: {{perRun: 1MiB, onExceed: trim}}\n")
    words = ("explain", "ml/serving/llm:2.2.0", "-p", "ml-serving")
    told = [
        " ".join(preheat(*words, *flag, include=tmp_path).stdout.split())
        for flag in ((), ("--manifests",))
    ]
    assert "It may be over the budget of eu-1" in told[0]
    assert "It is over the budget of eu-1" in told[1]
    assert "It may be over" not in told[1]


def test_an_explanation_asks_harbor() -> None:
    """An image of the sandbox is explained without a saved catalogue."""
    found = preheat("explain", "library/hello:1.0", "-p", "library-base")
    assert found.exit_code == 0
    assert "library/hello:1.0 is selected by library-base (rule bases)" in found.stdout


def test_an_image_of_a_project_that_no_policy_reads(sandbox: Sandbox) -> None:
    """It is listed too, so that it is told apart from one that is not there."""
    found = preheat("explain", "payments/ledger:2.3.0")
    words = " ".join(found.stdout.split())
    assert found.exit_code == 0, found.stderr
    assert "is not selected by web-frontends because the project is 'payments' of" in words
    assert words.endswith("No policy reads the project payments.")
    missing = preheat("explain", "payments/ledgre:2.3.0")
    assert missing.exit_code == 1
    assert "Did you mean payments/ledger" in missing.stderr


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
