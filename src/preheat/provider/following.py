"""The followers of a triggerer: one for each connection, shared by all its triggers."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from preheat.following import Follower
from preheat.provider.connections import shared_connection
from preheat.provider.hooks.dragonfly import DragonflyHook

if TYPE_CHECKING:
    from airflow.sdk import Connection

    from preheat.drivers.base import Driver

__all__ = ["Manager", "manager_of"]

_PROOFS_AT_ONCE = 8


class Manager:
    """One manager, as the triggers of one event loop share it.

    It has threads of its own, so that one that hangs holds up nobody else: one for looks, which
    the follower takes one at a time, and a few for proofs, of which one can take a minute. Made
    when the first trigger needs them, so never before the triggerer's fork.

    :param conn_id: Airflow connection of the manager.
    :param driver_name: how it is driven.
    """

    def __init__(self, conn_id: str, driver_name: str) -> None:
        self._conn_id = conn_id
        self._driver_name = driver_name
        self._connection: Connection | None = None
        self._driver: Driver | None = None
        self._looker = ThreadPoolExecutor(1, thread_name_prefix="preheat-look")
        self.provers = ThreadPoolExecutor(_PROOFS_AT_ONCE, thread_name_prefix="preheat-proof")
        self.follower = Follower(self.driver, executor=self._looker)

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

    def close(self) -> None:
        """Let the threads end with what they do."""
        self._looker.shutdown(wait=False)
        self.provers.shutdown(wait=False)


_managers: dict[tuple[str, str], Manager] = {}


def manager_of(conn_id: str, driver_name: str) -> Manager:
    """Give the manager that all triggers in this event loop share."""
    key = (conn_id, driver_name)
    manager = _managers.get(key)
    if manager is None or manager.follower.loop is not asyncio.get_running_loop():
        if manager is not None and manager.follower.loop.is_closed():
            manager.close()
        manager = _managers[key] = Manager(conn_id, driver_name)
    return manager
