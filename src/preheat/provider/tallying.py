"""A tally at the end of each report: how all that is wanted stands then."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from preheat.errors import LedgerError
from preheat.provider.config import open_ledger

if TYPE_CHECKING:
    from airflow.sdk.types import Logger

__all__ = ["take_tally"]


def take_tally(log: Logger) -> None:
    """Note how all that is wanted stands now; no report fails because that fails."""
    try:
        open_ledger().upkeep.record_tally()
    except (LedgerError, SQLAlchemyError) as error:
        log.warning("The trend lacks this moment, for it could not be written down: %s", error)
