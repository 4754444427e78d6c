"""Preheat's section of Airflow's configuration, read and checked."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from airflow.sdk.configuration import conf
from airflow.sdk.log import mask_secret

from preheat.errors import LedgerError
from preheat.ledger import Ledger
from preheat.ledger.engine import parse_url
from preheat.provider.info import get_provider_info

__all__ = ["include_dir", "max_map_length", "open_ledger"]

_OPTION = "AIRFLOW__PREHEAT__LEDGER_URL"
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
            _opened[pid] = Ledger.open(_ledger_url())
        return _opened[pid]


def _ledger_url() -> str:
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
