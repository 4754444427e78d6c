"""Whose word is believed: what a Harbor must send as ``Authorization``, by connection."""

from __future__ import annotations

import asyncio
import hmac
import logging
import re
import time
from dataclasses import dataclass

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowException

from preheat.errors import InputError
from preheat.provider.hooks.harbor import HarborHook

__all__ = ["Authorities"]

LOG = logging.getLogger(__name__)
KEPT_SECONDS = 15.0
MOST_KEPT = 1000
_LOOKUPS_AT_ONCE = 4
_CONNECTION_ID = re.compile(r"[\w.-]{1,200}", re.ASCII)
_NOBODY = (b"\x00" * 32,)


@dataclass(frozen=True)
class _Known:
    """What a lookup found.

    :param until: when it is too old to be used.
    """

    values: tuple[bytes, ...]
    until: float


class Authorities:
    """Compares what callers send with what their connections say.

    A connection is looked up once in ``KEPT_SECONDS``, an unknown one too: a stranger's guesses
    must not become queries without end. For a value that was taken out of a connection the same
    time passes until it is refused.
    """

    def __init__(self) -> None:
        self._known: dict[str, _Known] = {}
        self._lookups = asyncio.Semaphore(_LOOKUPS_AT_ONCE)

    async def knows(self, conn_id: str, authorization: str) -> bool:
        """Tell whether this is what the Harbor of that connection sends; in constant time."""
        values = await self._values(conn_id) or _NOBODY
        sent = authorization.encode("latin-1")  # as it came over the wire
        matches = [hmac.compare_digest(sent, value) for value in values]
        return any(matches)

    async def _values(self, conn_id: str) -> tuple[bytes, ...]:
        if not _CONNECTION_ID.fullmatch(conn_id):
            return ()
        known = self._known.get(conn_id)
        if known is None or known.until < time.monotonic():
            async with self._lookups:
                known = self._known.get(conn_id)
                if known is None or known.until < time.monotonic():
                    values = await asyncio.to_thread(_look_up, conn_id)
                    self._keep(conn_id, known := _Known(values, time.monotonic() + KEPT_SECONDS))
        return known.values

    def _keep(self, conn_id: str, known: _Known) -> None:
        self._known.pop(conn_id, None)
        while len(self._known) >= MOST_KEPT:
            del self._known[next(iter(self._known))]
        self._known[conn_id] = known


def _look_up(conn_id: str) -> tuple[bytes, ...]:
    """Read what a Harbor may send; nothing where there is no such Harbor."""
    try:
        connection = BaseHook.get_connection(conn_id)
        if connection.conn_type != HarborHook.conn_type:
            return ()
        found = HarborHook(conn_id).webhook_authorizations(connection)
    except InputError as error:
        LOG.warning("No webhook of this connection is believed. %s", error)
        return ()
    except AirflowException:
        return ()
    return tuple(value.get_secret_value().encode() for value in found)
