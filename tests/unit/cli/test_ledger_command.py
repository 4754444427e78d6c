"""``preheat ledger``: which database it looks at, and how to point it elsewhere."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from preheat.cli import app
from preheat.ledger import Ledger, RunRef
from preheat.plan import Decision, Plan, Reason, ReasonCode

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the tests away from any ledger of this machine."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("AIRFLOW_HOME", raising=False)
    monkeypatch.delenv("AIRFLOW__PREHEAT__LEDGER_URL", raising=False)


def told(*words: str, exit_code: int) -> str:
    """Run a command; gives what it printed."""
    done = CliRunner().invoke(app, ["ledger", *words])
    assert done.exit_code == exit_code
    return done.output


def test_no_ledger_says_where_it_looked_and_how_to_look_elsewhere(tmp_path: Path) -> None:
    """After a demo the ledger is in the demo's own AIRFLOW_HOME, which nobody has set."""
    heard = told("status", exit_code=1)

    assert f"sqlite:///{tmp_path}/airflow/preheat.db" in heard
    assert "no ledger yet" in heard
    assert "AIRFLOW_HOME is not set, so it is ~/airflow" in heard
    assert "--url" in heard


def test_airflow_home_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same command finds the demo's ledger once AIRFLOW_HOME is the demo's."""
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path / "demo"))
    assert f"AIRFLOW_HOME is {tmp_path}/demo" in told("status", exit_code=1)
    told("upgrade", exit_code=0)

    heard = told("status", exit_code=0)
    assert f"sqlite:///{tmp_path}/demo/preheat.db" in heard
    assert "Looked there" not in heard


def test_a_given_url_is_not_blamed_on_airflow_home(tmp_path: Path) -> None:
    """What the person typed is what is told."""
    heard = told("status", "--url", f"sqlite:///{tmp_path}/other.db", exit_code=1)

    assert "That is what --url or AIRFLOW__PREHEAT__LEDGER_URL says." in heard
    assert "AIRFLOW_HOME" not in heard


def test_a_run_of_last_night_tells_what_it_decided_then(tmp_path: Path) -> None:
    """Each candidate with its reasons, as the run saw them; the policy may have changed since."""
    url = f"sqlite:///{tmp_path}/preheat.db"
    reason = Reason(ReasonCode.LABEL_MISSING, "it has no label; the rule wants 'ok'", "r", 7)
    decision = Decision(
        "harbor", "web/app", "sha256:1", ("1.0",), "", selected=False, reasons=(reason,)
    )
    with Ledger.open(url) as ledger:
        plan = Plan("web", datetime(2026, 11, 24, tzinfo=UTC), (decision,), ())
        ledger.record_plan(plan, RunRef("preheat__web", "scheduled__1"))
    run = ("decisions", "preheat__web", "scheduled__1", "--url", url)

    assert told(*run, exit_code=0).splitlines() == [
        "- web/app:1.0",
        "    r: LABEL_MISSING: it has no label; the rule wants 'ok' (line 7)",
    ]
    assert json.loads(told(*run, "--json", exit_code=0))[0]["reasons"][0]["code"] == "LABEL_MISSING"
    assert "knows no such candidate" in told(*run, "--image", "other", exit_code=1)


def test_a_dry_run_is_called_one(tmp_path: Path) -> None:
    """Its decisions are as good as any; that nothing followed is told beside them."""
    url = f"sqlite:///{tmp_path}/preheat.db"
    told("upgrade", "--url", url, exit_code=0)
    decision = Decision(
        "harbor",
        "web/app",
        "sha256:1",
        (),
        "",
        selected=True,
        reasons=(Reason(ReasonCode.SELECTED),),
    )
    with Ledger.open(url) as ledger:
        plan = Plan("web", datetime(2026, 11, 24, tzinfo=UTC), (decision,), ())
        dry = ledger.record_plan(plan.as_dry_run(), RunRef("preheat__web", "dry"))
        ledger.record_plan(plan, RunRef("preheat__web", "real"))
    words = "This was a dry run: nothing was asked of any cluster."

    for named in (("preheat__web", "dry"), ("--plan", str(dry.plan_id))):
        assert words in told("decisions", *named, "--url", url, exit_code=0)
    assert words not in told("decisions", "preheat__web", "real", "--url", url, exit_code=0)


def test_help_shows_no_raw_markup() -> None:
    """Backticks are for documents, not for a terminal."""
    heard = CliRunner().invoke(app, ["--help"]).output

    assert "airflow pools import" in " ".join(heard.replace("│", "").split())
    assert "`" not in heard
