"""One line in the log for each refusal, but not more than a person would read."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field

__all__ = ["Refusals"]

LOG = logging.getLogger("preheat.web.webhook")
MOST_A_MINUTE = 60
_MINUTE_SECONDS = 60
_SHOWN_LENGTH = 80


@dataclass
class Refusals:
    """Tells of refused deliveries; what is too much is counted, and told when it is over."""

    _since: float = field(default_factory=time.monotonic)
    _told: int = 0
    _untold: int = 0

    def tell(self, conn_id: str, peer: str, why: str) -> None:
        """Write a line.

        :param conn_id: as the caller wrote it; it is escaped and cut.
        :param peer: address of the caller.
        :param why: in our own words.
        """
        now = time.monotonic()
        if now - self._since >= _MINUTE_SECONDS:
            if self._untold:
                LOG.warning("%d more deliveries were refused within a minute.", self._untold)
            self._since, self._told, self._untold = now, 0, 0
        if self._told >= MOST_A_MINUTE:
            self._untold += 1
            return
        self._told += 1
        LOG.warning("Refused a delivery for %s from %s: %s", _shown(conn_id), peer, why)


def _shown(text: str) -> str:
    return ascii(text[:_SHOWN_LENGTH])
