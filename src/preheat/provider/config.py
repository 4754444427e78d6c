"""Preheat's section of Airflow's configuration, read and checked."""

from __future__ import annotations

import os
import threading
from datetime import timedelta
from pathlib import Path

from airflow.sdk.configuration import conf
from airflow.sdk.log import mask_secret

from preheat.errors import InputError, LedgerError
from preheat.ledger import Ledger
from preheat.ledger.engine import parse_url
from preheat.policy.units import format_duration, parse_duration
from preheat.provider.info import get_provider_info

__all__ = ["include_dir", "ledger_url", "max_map_length", "open_ledger", "retention"]

_OPTION = "AIRFLOW__PREHEAT__LEDGER_URL"
_RETENTION = "90d"
_LEAST_RETENTION = timedelta(days=7)
_opened: dict[int, Ledger] = {}
_opening = threading.Lock()


def include_dir(beside: Path) -> Path:
    """Return the folder with ``clusters.yaml`` and ``policies/``.

    :param beside: the folder of the DAG file; ``include`` is looked for next to it.
    """
    configured = conf.get("preheat", "include_dir", fallback="").strip()
    return Path(configured) if configured else beside.parent / "include"


def max_map_length() -> int:
    """Return how many instances one mapped task may have in a run."""
    return int(conf.getint("core", "max_map_length", fallback=1024))


def open_ledger() -> Ledger:
    """Return this process's ledger; engines are made after fork, never shared across it.

    :raises LedgerError: if the configuration cannot be right or the database is not usable.
    """
    pid = os.getpid()
    with _opening:  # the triggerer's threads come all at once
        if pid not in _opened:
            _opened.clear()
            _opened[pid] = Ledger.open(ledger_url())
        return _opened[pid]


def retention() -> timedelta:
    """Return how long the ledger keeps what nothing rests on any more.

    :raises InputError: if it is no duration, or shorter than what budgets and reports look back.
    """
    text = conf.get("preheat", "retention", fallback=_RETENTION).strip()
    try:
        kept = parse_duration(text)
    except ValueError as error:
        raise InputError(f"[preheat] retention: {error}") from None
    if kept < _LEAST_RETENTION:
        raise InputError(
            f"[preheat] retention is {text}; at least {format_duration(_LEAST_RETENTION)} are kept"
        )
    return kept


def ledger_url() -> str:
    """Return the URL of the ledger, checked.

    :raises LedgerError: if the configuration cannot be right.
    """
    url = str(conf.get("preheat", "ledger_url")).strip()  # _CMD keeps its newline
    if indirect := [name for name in (f"{_OPTION}_SECRET", f"{_OPTION}_CMD") if name in os.environ]:
        _refuse_silent_default(url, indirect[0])
    parsed = parse_url(url)
    if parsed.password:
        mask_secret(str(parsed.password))
    executor = conf.get("core", "executor")
    if parsed.get_backend_name() == "sqlite" and executor != "LocalExecutor":
        raise LedgerError(
            f"The ledger is a SQLite file, which serves LocalExecutor only, and [core] executor is "
            f"{executor}. Set {_OPTION} to a PostgreSQL URL (postgresql+psycopg://…)."
        )
    return url


def _refuse_silent_default(url: str, option: str) -> None:
    """Airflow uses the default without a word when a secrets backend does not know the name."""
    default = str(get_provider_info()["config"]["preheat"]["options"]["ledger_url"]["default"])
    home = os.environ.get("AIRFLOW_HOME", str(Path.home() / "airflow"))
    if url in {default, default.replace("{AIRFLOW_HOME}", home)}:
        raise LedgerError(
            f"{option} is set, but brought no ledger URL: check the name or command in it."
        )
