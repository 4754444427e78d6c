"""Preheat's section of Airflow's configuration: refused where it cannot be right."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from airflow.sdk.log import _secrets_masker

from preheat.errors import InputError, LedgerError
from preheat.provider import config

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    """Forget the ledger that this process opened."""
    config._opened.clear()
    yield
    for ledger in config._opened.values():
        ledger.close()
    config._opened.clear()


def test_opens_once_in_a_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Engines are made after fork and then kept."""
    monkeypatch.setenv("AIRFLOW__PREHEAT__LEDGER_URL", f" sqlite:///{tmp_path}/l.db\n")

    assert config.open_ledger() is config.open_ledger()
    assert (tmp_path / "l.db").exists()


def test_refuses_sqlite_with_another_executor(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file on one machine cannot serve workers on others."""
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "CeleryExecutor")

    with pytest.raises(LedgerError, match="LocalExecutor only"):
        config.open_ledger()


def test_refuses_a_secret_that_brought_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Airflow silently takes the default for an unknown name in a secrets backend."""
    monkeypatch.setenv("AIRFLOW__PREHEAT__LEDGER_URL_SECRET", "no-such-secret")

    with pytest.raises(LedgerError, match="LEDGER_URL_SECRET is set, but brought no ledger URL"):
        config.open_ledger()


def test_refuses_a_command_that_brought_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """An unset variable in a command would quietly start an empty ledger elsewhere."""
    default = "sqlite:///{AIRFLOW_HOME}/preheat.db"
    monkeypatch.setenv("AIRFLOW__PREHEAT__LEDGER_URL_CMD", f"echo {default}")

    with pytest.raises(LedgerError, match="LEDGER_URL_CMD is set, but brought no ledger URL"):
        config.open_ledger()


def test_takes_the_url_from_a_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``_CMD`` keeps the newline of its output."""
    monkeypatch.setenv("AIRFLOW__PREHEAT__LEDGER_URL_CMD", f"echo sqlite:///{tmp_path}/cmd.db")

    config.open_ledger()

    assert [file.name for file in tmp_path.glob("*.db")] == ["cmd.db"]


def test_masks_the_password_of_the_database(monkeypatch: pytest.MonkeyPatch) -> None:
    """Airflow masks whole options only, not a password inside of one (tried on 3.3.2).

    The masker lives as long as the process: no other test may mask the beginning of this one.
    """
    url = "postgresql+psycopg://preheat:sesame-in-the-url@127.0.0.1:1/preheat"
    monkeypatch.setenv("AIRFLOW__PREHEAT__LEDGER_URL", url)

    with pytest.raises(LedgerError) as caught:
        config.open_ledger()

    assert "sesame" not in str(caught.value)
    assert _secrets_masker().redact("say sesame-in-the-url") == "say ***"


def test_finds_include_beside_dags(monkeypatch: pytest.MonkeyPatch) -> None:
    """The repository's own layout needs no setting; another folder is one option."""
    assert config.include_dir(Path("/repo/dags")) == Path("/repo/include")

    monkeypatch.setenv("AIRFLOW__PREHEAT__INCLUDE_DIR", "/etc/preheat\n")
    assert config.include_dir(Path("/repo/dags")) == Path("/etc/preheat")


def test_takes_airflows_own_limit_of_mapped_instances(monkeypatch: pytest.MonkeyPatch) -> None:
    """A plan larger than that would fail when its list is pushed (tried on 3.3.2)."""
    assert config.max_map_length() == 1024

    monkeypatch.setenv("AIRFLOW__CORE__MAX_MAP_LENGTH", "7")
    assert config.max_map_length() == 7


@pytest.mark.parametrize(("text", "days"), [("", 90), ("30d", 30), ("168h", 7)])
def test_retention_is_a_duration(text: str, days: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ninety days unless the configuration says otherwise."""
    if text:
        monkeypatch.setenv("AIRFLOW__PREHEAT__RETENTION", text)
    assert config.retention() == timedelta(days=days)


@pytest.mark.parametrize(
    ("text", "words"), [("90", "write a whole number and a unit"), ("6d", "at least 7d are kept")]
)
def test_a_retention_that_cannot_be_meant_is_refused(
    text: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Budgets and reports look back; a typo must not clear the ledger."""
    monkeypatch.setenv("AIRFLOW__PREHEAT__RETENTION", text)
    with pytest.raises(InputError, match=words):
        config.retention()
