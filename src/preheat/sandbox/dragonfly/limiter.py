"""Job rate limits: GCRA for each listed cluster, in real seconds.

dragonfly: internal/ratelimiter/job_ratelimiter.go.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from preheat.sandbox.dragonfly.settings import Clock

__all__ = ["RELOAD_SECONDS", "RateLimiter"]

RELOAD_SECONDS = 180.0


class RateLimiter:
    """Lets through ``rate`` jobs a second for each cluster, with a burst of as many.

    A cluster is known only after the next reload (every 3 min); until then it is refused like one
    that does not exist. A refused request has used up tokens of the clusters listed before.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._due: dict[int, float] = {}
        self._rates: dict[int, tuple[int, float]] = {}

    def know(self, cluster_id: int, rate: int, *, at_once: bool) -> None:
        """Announce a cluster, or change its rate."""
        since = self._clock.monotonic()
        if not at_once:
            since += self._clock.real(RELOAD_SECONDS)
        with self._lock:
            self._rates[cluster_id] = (rate, since)

    def take(self, cluster_ids: Iterable[int]) -> bool:
        """Use up a token of each cluster; an empty list is not limited at all."""
        with self._lock:
            return all(self._take(cluster_id) for cluster_id in cluster_ids)

    def _take(self, cluster_id: int) -> bool:
        rate, since = self._rates.get(cluster_id, (0, 0.0))
        now = self._clock.monotonic()
        if not rate or now < since:
            return False
        interval = 1.0 / rate
        due = max(self._due.get(cluster_id, now), now)
        if due - now > interval * (rate - 1) + 1e-9:
            return False
        self._due[cluster_id] = due + interval
        return True
