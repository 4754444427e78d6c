"""Who may call: whoever sends the ``Authorization`` that the connection names.

Harbor signs nothing; the header's value is all that tells it from anybody else (harbor:
src/jobservice/job/impl/notification). Connections are looked up off the event loop and kept for a
few seconds, failures too, and lookups of ids that were never known are few in a second: so nobody
can make us ask the database, or a secrets backend that counts, as often as he likes.

Where something could not be looked up, the caller is asked to come again, whoever he is: nobody
learns from that which connections there are.
"""

from __future__ import annotations

import asyncio
import hmac
import re
import secrets
import time
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import TYPE_CHECKING

from preheat.web.lookups import LookedUp, TokenBucket, look_up

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["KEPT_SECONDS", "Callers", "Denial"]

KEPT_SECONDS = 15.0
_PATIENCE_SECONDS = 1.5  # Harbor waits for 3 s, and the ledger needs some of them
_MOST_KEPT = 1000
_MOST_STRANGERS = 64
_STRANGERS_A_SECOND = 20.0
_STRANGERS_AT_ONCE = 100.0  # after a start every Harbor is one, and all may call at once
_CONNECTION_ID = re.compile(r"[A-Za-z0-9_.:#!()-]{1,200}")
_VALUES = 2  # the current one and the previous one


@dataclass(frozen=True, slots=True)
class Denial:
    """Why somebody is not let in.

    :param reason: for the log.
    :param may_pass: whether the same call may be let in soon.
    """

    reason: str
    may_pass: bool


@dataclass(frozen=True, slots=True)
class _Found:
    """What a lookup brought, for a while.

    :param digests: always of two values, so that comparing takes the same time for everybody.
    :param words: why nobody can be let in; "" where somebody can.
    :param is_sure: False where it could not be looked up: what was known before holds, if anything.
    """

    digests: tuple[bytes, ...]
    words: str
    until: float
    is_sure: bool = True


class Callers:
    """Knows who may call; in one event loop."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._known: OrderedDict[str, _Found] = OrderedDict()
        self._strangers: OrderedDict[str, _Found] = OrderedDict()
        self._bucket = TokenBucket(_STRANGERS_A_SECOND, _STRANGERS_AT_ONCE)
        self._troubled_until = float("-inf")
        self._under_way: dict[str, asyncio.Future[_Found]] = {}
        # Who asks for names that nobody knows must not keep the others waiting.
        self._pool = ThreadPoolExecutor(2, "preheat-callers")
        self._pool_of_strangers = ThreadPoolExecutor(2, "preheat-strangers")

    async def deny(self, connection_id: str, sent: Sequence[bytes]) -> Denial | None:
        """Tell why a caller is not let in; None where he is.

        :param connection_id: as it stands in the path.
        :param sent: the values of all headers ``Authorization``.
        """
        found = await self._find(connection_id)
        digest = self._digest(sent[0] if sent else b"")
        # All are compared, whatever comes out: time tells nothing.
        matches = sum(hmac.compare_digest(digest, one) for one in found.digests)
        if reason := _reason(found, len(sent), matches=bool(matches)):
            is_troubled = time.monotonic() < self._troubled_until
            return Denial(reason, may_pass=is_troubled or not found.is_sure)
        return None

    def close(self) -> None:
        """Look up no more."""
        for pool in (self._pool, self._pool_of_strangers):
            pool.shutdown(wait=False, cancel_futures=True)

    async def _find(self, connection_id: str) -> _Found:
        if not _CONNECTION_ID.fullmatch(connection_id):
            return self._keep(LookedUp(words="no connection has such an id"))
        known = self._known.get(connection_id)
        kept = known or self._strangers.get(connection_id)
        if kept is not None and time.monotonic() < kept.until:
            return kept
        lookup = self._under_way.get(connection_id)
        if lookup is None:
            if known is None and (words := self._too_many()):
                return self._unsure(connection_id, words)
            pool = self._pool_of_strangers if known is None else self._pool
            lookup = asyncio.ensure_future(self._look_up(connection_id, pool))
            self._under_way[connection_id] = lookup
        try:
            return await asyncio.wait_for(asyncio.shield(lookup), _PATIENCE_SECONDS)
        except TimeoutError:
            words = f"the connection was not found within {_PATIENCE_SECONDS:g} s"
            return self._unsure(connection_id, words)

    def _too_many(self) -> str:
        """Tell why no id that was never known is looked up now; "" where one is."""
        if len(self._under_way) >= _MOST_STRANGERS:
            return "too many connections are being looked up"
        return "" if self._bucket.take() else "too many unknown connections are asked for"

    async def _look_up(self, connection_id: str, pool: ThreadPoolExecutor) -> _Found:
        loop = asyncio.get_running_loop()
        try:
            brought = await loop.run_in_executor(pool, look_up, connection_id)
        finally:
            del self._under_way[connection_id]
        if not brought.is_sure:
            found = self._unsure(connection_id, brought.words)
            if connection_id not in self._known:
                _put(self._strangers, connection_id, found)
            return found
        found = self._keep(brought)
        mine, other = self._known, self._strangers
        if brought.words:
            mine, other = other, mine
        other.pop(connection_id, None)
        _put(mine, connection_id, found)
        return found

    def _unsure(self, connection_id: str, words: str) -> _Found:
        """Hold on to what was known of a connection that could not be looked up."""
        # From now on until it is over nobody is told a plain no, whatever he asks for.
        self._troubled_until = time.monotonic() + KEPT_SECONDS
        known = self._known.get(connection_id)
        if known is None:
            return self._keep(LookedUp(words=words, is_sure=False))
        found = replace(known, until=time.monotonic() + KEPT_SECONDS, is_sure=False)
        _put(self._known, connection_id, found)
        return found

    def _keep(self, brought: LookedUp) -> _Found:
        """Keep digests only: a secret that is not in memory cannot leak from it."""
        digests = [self._digest(value.get_secret_value().encode()) for value in brought.values]
        fillers = [secrets.token_bytes(len(self._key)) for _ in range(_VALUES - len(digests))]
        until = time.monotonic() + KEPT_SECONDS
        return _Found((*digests, *fillers), brought.words, until, brought.is_sure)

    def _digest(self, value: bytes) -> bytes:
        return blake2b(value, key=self._key, digest_size=32).digest()


def _put(kept: OrderedDict[str, _Found], connection_id: str, found: _Found) -> None:
    """Keep it as the newest one; the oldest goes where there is no room."""
    kept[connection_id] = found
    kept.move_to_end(connection_id)
    if len(kept) > _MOST_KEPT:
        kept.popitem(last=False)


def _reason(found: _Found, count: int, *, matches: bool) -> str:
    """Say why a caller is not let in; "" where he is.

    :param count: headers ``Authorization`` that he sent.
    """
    if found.words:
        return found.words
    if count != 1:
        return f"there are {count} headers Authorization" if count else "no Authorization"
    return "" if matches else "the Authorization is not that of the connection"
