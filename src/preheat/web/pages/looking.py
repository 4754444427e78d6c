"""What the peers hold while a job is under way: Dragonfly tells layers only at its end.

So the peers themselves are asked, seldom and for all viewers together. What they said is kept in
memory, with the time at which they said it; nothing is heated, and nothing written down.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from preheat.demand import Demand, MinHosts
from preheat.errors import PreheatError
from preheat.provider.doors import Doors
from preheat.proving import look_now

if TYPE_CHECKING:
    from preheat.artifact import Image
    from preheat.ledger import Ledger, StoredPlacement
    from preheat.verdict import Finding

__all__ = ["Look", "PeerLooks"]

log = logging.getLogger(__name__)

_APART_SECONDS = 10.0  # by the manager's clock
_AT_ONCE = 2
_MOST_KEPT = 200
# Any other demand can be judged from what is seen under this one: it leaves nothing out.
_ANY_HOST = Demand(min_hosts=MinHosts(count=1))


@dataclass(frozen=True, slots=True)
class Look:
    """What the peers said of a placement.

    :param finding: None where they could not be asked.
    :param words: why not.
    """

    seen_at: datetime
    finding: Finding | None = None
    words: str = ""


@dataclass(slots=True)
class _Kept:
    look: Look | None = None
    not_before: float = 0.0
    is_looking: bool = False


class PeerLooks:
    """Looks for all who watch, at most so often and so many at once; safe in threads."""

    def __init__(self) -> None:
        self._kept: OrderedDict[int, _Kept] = OrderedDict()
        self._lock = threading.Lock()
        self._pool: ThreadPoolExecutor | None = None
        self._under_way = 0

    def latest(self, ledger: Ledger, placement: StoredPlacement, image: Image) -> Look | None:
        """Give what is known, at once; a new look is begun where it is time for one."""
        with self._lock:
            kept = self._kept.setdefault(placement.id, _Kept())
            self._kept.move_to_end(placement.id)
            while len(self._kept) > _MOST_KEPT:
                self._kept.popitem(last=False)
            is_due = not kept.is_looking and time.monotonic() >= kept.not_before
            if is_due and self._under_way < _AT_ONCE:
                self._begin(kept, ledger, placement, image)
            return kept.look

    def close(self) -> None:
        """Look no more."""
        with self._lock:
            if self._pool is not None:
                self._pool.shutdown(wait=False, cancel_futures=True)

    def _begin(self, kept: _Kept, ledger: Ledger, placement: StoredPlacement, image: Image) -> None:
        if self._pool is None:  # made in the process that serves: it may have been forked
            self._pool = ThreadPoolExecutor(_AT_ONCE, "preheat-look")
        kept.is_looking = True
        self._under_way += 1
        self._pool.submit(self._look, kept, ledger, placement, image)

    def _look(self, kept: _Kept, ledger: Ledger, placement: StoredPlacement, image: Image) -> None:
        factor: float = 1.0
        look: Look | None = None
        try:
            factor, look = _looked(ledger, placement, image)
        finally:
            with self._lock:
                kept.look = kept.look if look is None else look
                kept.not_before = time.monotonic() + _APART_SECONDS * factor
                kept.is_looking = False
                self._under_way -= 1


def _looked(ledger: Ledger, placement: StoredPlacement, image: Image) -> tuple[float, Look]:
    """Ask the peers; whatever stands in the way is told in words."""
    factor = 1.0
    try:
        doors = Doors(ledger)
        driver = doors.driver(placement.settings)
        factor = driver.timing.factor
        harbor = doors.harbor(placement.settings.registry)
        finding = look_now(driver, placement, image, harbor, _ANY_HOST)
    except PreheatError as error:
        return factor, Look(datetime.now(UTC), words=str(error))
    except Exception as error:  # noqa: BLE001 - what somebody else's secrets backend raises
        log.info("The peers cannot be asked: %s", type(error).__name__)
        words = f"the connections cannot be read here ({type(error).__name__})"
        return factor, Look(datetime.now(UTC), words=words)
    return factor, Look(datetime.now(UTC), finding)
