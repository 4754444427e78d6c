"""The connections of one task, each opened once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk.exceptions import AirflowNotFoundException

from preheat.errors import InputError
from preheat.provider.hooks.dragonfly import DragonflyHook
from preheat.provider.hooks.harbor import HarborHook

if TYPE_CHECKING:
    from preheat.drivers.base import Driver
    from preheat.harbor.client import HarborClient
    from preheat.ledger import Ledger
    from preheat.placement import TrackSettings

__all__ = ["Doors"]


class Doors:
    """Opens each connection once in a task: every lookup asks the supervisor.

    :raises InputError: by each opening, when there is no such connection, or it cannot be right.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._drivers: dict[tuple[str, str], Driver] = {}
        self._harbors: dict[str, HarborClient] = {}

    def driver(self, settings: TrackSettings) -> Driver:
        """Give the driver that a placement is asked for with."""
        name = (settings.connection, settings.driver)
        if name not in self._drivers:
            conn_id = settings.connection
            try:
                hook = DragonflyHook(conn_id)
                self._drivers[name] = hook.trusting_driver(self._ledger, name=settings.driver)
            except AirflowNotFoundException:
                raise _no_connection(conn_id) from None
        return self._drivers[name]

    def harbor(self, conn_id: str) -> HarborClient:
        """Give the client of a Harbor."""
        if conn_id not in self._harbors:
            try:
                self._harbors[conn_id] = HarborHook(conn_id).client()
            except AirflowNotFoundException:
                raise _no_connection(conn_id) from None
        return self._harbors[conn_id]


def _no_connection(conn_id: str) -> InputError:
    return InputError(
        f"Airflow has no connection {conn_id!r}, with which something was asked for: add it again, "
        "at least until upkeep is done with what was asked"
    )
