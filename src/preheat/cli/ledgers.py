"""How commands reach the ledger: where it is by default, and only as it is."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from preheat.errors import LedgerError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from preheat.ledger import Ledger

__all__ = ["DEFAULT_LEDGER", "current_ledger", "default_url", "where_looked"]

DEFAULT_LEDGER = (
    "Database of the ledger; by default as the environment says, "
    "else preheat.db in AIRFLOW_HOME (~/airflow if not set). airflow.cfg is not read."
)
"""Help for an option that names one."""


def default_url() -> str:
    """Tell the URL that the provider's configuration has by default."""
    home = Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser().absolute()
    return f"sqlite:///{home / 'preheat.db'}"


def where_looked(url: str, option: str = "--url") -> str:
    """Tell why the ledger was looked for where it was, and how to look elsewhere.

    :param url: as it was given by the option, or by the environment; "" where it was not.
    """
    if url:
        return f"That is what {option} or AIRFLOW__PREHEAT__LEDGER_URL says."
    home = os.environ.get("AIRFLOW_HOME")
    said = f"AIRFLOW_HOME is {home}" if home else "AIRFLOW_HOME is not set, so it is ~/airflow"
    return (
        f"Looked there because {said}. Another ledger: set AIRFLOW_HOME, or give its URL by "
        f"AIRFLOW__PREHEAT__LEDGER_URL or {option}. airflow.cfg is not read."
    )


@contextmanager
def current_ledger(url: str, *, looked: str = "") -> Iterator[Ledger]:
    """Open a ledger to be read, without making or changing one.

    :param looked: why there, for the message.
    :raises LedgerError: when it is not there, or not one of this Preheat.
    """
    from preheat.ledger import Ledger  # noqa: PLC0415 - help must not wait for SQLAlchemy

    with Ledger.at(url) as ledger:
        status = ledger.status()
        if not status.is_current:
            raise LedgerError(
                f"The ledger at {status.url} is at revision {status.revision or 'none'}, this"
                f" Preheat needs {status.head}: run 'preheat ledger upgrade'. {looked}".rstrip()
            )
        yield ledger
