"""The ledger's URL: refused where it cannot be right."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from preheat.errors import LedgerError
from preheat.provider import config

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


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
