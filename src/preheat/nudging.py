"""When to say that events wait. Pure: times come from outside.

Whoever is told may be told late or never, and takes up everything when it comes. So what is new is
told at once, while somebody is on the way only now and then, and what still waits is told again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from preheat.ledger import DueEvents

__all__ = ["Nudging"]

_ON_THE_WAY_SECONDS = 3.0
_AGAIN_SECONDS = 15.0
_LONGEST_SECONDS = 300.0


@dataclass
class Nudging:
    """What was told so far.

    :ivar told: the newest event that was due when somebody was told last.
    """

    told: int = 0
    _at: float = float("-inf")
    _pause: float = _AGAIN_SECONDS
    _was_empty: bool = True

    def wants(self, due: DueEvents, now: float) -> bool:
        """Whether to tell now; what it says yes to, it takes as told.

        :param due: the events that are due.
        :param now: seconds on a clock that never goes back.
        """
        if not due.count:
            self._was_empty = True
            return False
        # After an empty inbox, also an older event is new: one that had to wait for its time.
        is_new = self._was_empty or due.latest_id > self.told
        on_the_way = not self._was_empty and due.oldest_id <= self.told
        pause = (_ON_THE_WAY_SECONDS if on_the_way else 0.0) if is_new else self._pause
        if now - self._at < pause:
            return False
        self._pause = _AGAIN_SECONDS if is_new else min(2 * self._pause, _LONGEST_SECONDS)
        self.told, self._at = max(self.told, due.latest_id), now
        self._was_empty = False
        return True
