"""Who may call: whoever sends the ``Authorization`` that the connection names.

Harbor signs nothing; the header's value is all that tells it from anybody else (harbor:
src/jobservice/job/impl/notification). Connections are looked up off the event loop and kept for a
few seconds, failures too, so that nobody can make us ask the database as often as he likes.
"""

from __future__ import annotations

import asyncio
import hmac
import re
import secrets
import time
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException

from preheat.errors import InputError
from preheat.provider.hooks.harbor import HarborHook

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic import SecretStr

__all__ = ["KEPT_SECONDS", "Callers"]

KEPT_SECONDS = 15.0
_PATIENCE_SECONDS = 1.5  # Harbor waits for 3 s, and the ledger needs some of them
_MOST_KEPT = 1000
_MOST_STRANGERS = 64
_CONNECTION_ID = re.compile(r"[A-Za-z0-9_.:#!()-]{1,200}")
_VALUES = 2  # the current one and the previous one


@dataclass(frozen=True, slots=True)
class _Found:
    """What a lookup brought, for a while.

    :param digests: always of two values, so that comparing takes the same time for everybody.
    :param words: why nobody can be let in; "" where somebody can.
    """

    digests: tuple[bytes, ...]
    words: str
    until: float


class Callers:
    """Knows who may call; in one event loop."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._known: OrderedDict[str, _Found] = OrderedDict()
        self._strangers: OrderedDict[str, _Found] = OrderedDict()
        self._under_way: dict[str, asyncio.Future[_Found]] = {}
        # Who asks for names that nobody knows must not keep the others waiting.
        self._pool = ThreadPoolExecutor(2, "preheat-callers")
        self._pool_of_strangers = ThreadPoolExecutor(2, "preheat-strangers")

    async def refuse(self, connection_id: str, sent: Sequence[bytes]) -> str:
        """Tell why a caller is refused; "" where he is not.

        :param connection_id: as it stands in the path.
        :param sent: the values of all headers ``Authorization``.
        """
        found = await self._find(connection_id)
        digest = self._digest(sent[0] if sent else b"")
        # All are compared, whatever comes out: time tells nothing.
        matches = sum(hmac.compare_digest(digest, one) for one in found.digests)
        if found.words:
            return found.words
        if len(sent) != 1:
            return f"there are {len(sent)} headers Authorization" if sent else "no Authorization"
        return "" if matches else "the Authorization is not that of the connection"

    def close(self) -> None:
        """Look up no more."""
        for pool in (self._pool, self._pool_of_strangers):
            pool.shutdown(wait=False, cancel_futures=True)

    async def _find(self, connection_id: str) -> _Found:
        if not _CONNECTION_ID.fullmatch(connection_id):
            return self._nobody("no connection has such an id")
        kept = self._known.get(connection_id) or self._strangers.get(connection_id)
        if kept is not None and time.monotonic() < kept.until:
            return kept
        lookup = self._under_way.get(connection_id)
        if lookup is None:
            is_stranger = connection_id not in self._known
            if is_stranger and len(self._under_way) >= _MOST_STRANGERS:
                return self._nobody("too many connections are being looked up")
            lookup = asyncio.ensure_future(self._look_up(connection_id, is_stranger=is_stranger))
            self._under_way[connection_id] = lookup
        try:
            return await asyncio.wait_for(asyncio.shield(lookup), _PATIENCE_SECONDS)
        except TimeoutError:
            return self._nobody(f"the connection was not found within {_PATIENCE_SECONDS:g} s")

    async def _look_up(self, connection_id: str, *, is_stranger: bool) -> _Found:
        loop = asyncio.get_running_loop()
        pool = self._pool_of_strangers if is_stranger else self._pool
        try:
            values, words = await loop.run_in_executor(pool, _authorizations, connection_id)
        finally:
            del self._under_way[connection_id]
        found = self._keep(values, words)
        mine, other = (self._strangers, self._known) if words else (self._known, self._strangers)
        other.pop(connection_id, None)
        mine[connection_id] = found
        mine.move_to_end(connection_id)
        if len(mine) > _MOST_KEPT:
            mine.popitem(last=False)
        return found

    def _keep(self, values: Sequence[SecretStr], words: str) -> _Found:
        """Keep digests only: a secret that is not in memory cannot leak from it."""
        digests = [self._digest(value.get_secret_value().encode()) for value in values]
        fillers = [secrets.token_bytes(len(self._key)) for _ in range(_VALUES - len(digests))]
        return _Found((*digests, *fillers), words, time.monotonic() + KEPT_SECONDS)

    def _nobody(self, words: str) -> _Found:
        return self._keep((), words)

    def _digest(self, value: bytes) -> bytes:
        return blake2b(value, key=self._key, digest_size=32).digest()


def _authorizations(connection_id: str) -> tuple[tuple[SecretStr, ...], str]:
    """Look up what a connection lets in, or why it lets nobody in."""
    try:
        connection = BaseHook.get_connection(connection_id)
        if connection.conn_type != HarborHook.conn_type:
            return (), "the connection is not of the type harbor"
        values = HarborHook(connection_id).webhook_authorizations(connection)
    except AirflowNotFoundException:
        return (), "there is no such connection, or Airflow cannot read it"
    except InputError as error:
        return (), str(error)
    except Exception as error:  # noqa: BLE001 - what somebody else's secrets backend raises
        return (), f"the connection cannot be read ({type(error).__name__})"
    return values, "" if values else "the connection has no webhook_authorization"
