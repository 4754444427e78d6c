"""The followers of a triggerer: one for each connection, shared by all its triggers."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TYPE_CHECKING

from preheat.following import Follower
from preheat.provider.connections import shared_connection
from preheat.provider.hooks.dragonfly import DragonflyHook

if TYPE_CHECKING:
    from airflow.sdk import Connection

    from preheat.drivers.base import Driver

__all__ = ["Manager", "manager_of"]

_LOOKS_AT_ONCE = 4


class Manager:
    """One manager, as the triggers of one event loop share it.

    :param conn_id: Airflow connection of the manager.
    :param driver_name: how it is driven.
    """

    def __init__(self, conn_id: str, driver_name: str) -> None:
        self._conn_id = conn_id
        self._driver_name = driver_name
        self._connection: Connection | None = None
        self._driver: Driver | None = None
        self.follower = Follower(self.driver, executor=_lookers())

    async def driver(self) -> Driver:
        """Give the driver, built anew only when the connection was changed.

        :raises AirflowNotFoundException: the connection is gone.
        :raises InputError: it cannot be right.
        """
        connection = await shared_connection(self._conn_id)
        if self._driver is None or connection != self._connection:
            hook = DragonflyHook(self._conn_id)
            self._driver = hook.driver(
                connection, name=self._driver_name, token_worked=lambda: True
            )
            self._connection = connection
        return self._driver


_managers: dict[tuple[str, str], Manager] = {}


def manager_of(conn_id: str, driver_name: str) -> Manager:
    """Give the manager that all triggers in this event loop share."""
    key = (conn_id, driver_name)
    manager = _managers.get(key)
    if manager is None or manager.follower.loop is not asyncio.get_running_loop():
        manager = _managers[key] = Manager(conn_id, driver_name)
    return manager


@cache
def _lookers() -> ThreadPoolExecutor:
    """Give looks threads of their own; made when first needed, after the triggerer's fork."""
    return ThreadPoolExecutor(_LOOKS_AT_ONCE, thread_name_prefix="preheat-look")
