"""Connections for triggers: hundreds of them run in one process and want the same two."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow.sdk import BaseHook

if TYPE_CHECKING:
    from airflow.sdk import Connection

__all__ = ["KEPT_SECONDS", "shared_connection"]

KEPT_SECONDS = 30.0


@dataclass(frozen=True)
class _Lookup:
    """One lookup under way or done.

    :param until: when its answer is too old to be used.
    """

    task: asyncio.Task[Connection]
    until: float

    def is_usable(self) -> bool:
        """Tell whether it may be awaited here and has not failed."""
        task = self.task
        failed = task.done() and (task.cancelled() or task.exception() is not None)
        here = task.get_loop() is asyncio.get_running_loop()
        return here and not failed and time.monotonic() < self.until


_lookups: dict[str, _Lookup] = {}


async def shared_connection(conn_id: str) -> Connection:
    """Return a connection, looked up at most once in ``KEPT_SECONDS`` for all triggers together.

    Every lookup goes to the triggerer's parent, which serves all triggers one after the other and
    took a tenth of a second for each: 200 triggers that end together waited for it for 40 s.

    :raises AirflowNotFoundException: if there is none; the next call looks again.
    """
    lookup = _lookups.get(conn_id)
    if lookup is None or not lookup.is_usable():
        task = asyncio.create_task(BaseHook.aget_connection(conn_id))
        lookup = _lookups[conn_id] = _Lookup(task, time.monotonic() + KEPT_SECONDS)
    return await asyncio.shield(lookup.task)  # one cancelled trigger must not fail the others
