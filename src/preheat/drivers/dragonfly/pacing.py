"""The pace of asking: what a manager's rate limit turns away waits a little, and tries again.

A manager takes as many jobs a second as ``job_rate_limit`` of their scheduler cluster says, 10 by
default, and answers 429 to the rest (dragonfly: internal/ratelimiter/job_ratelimiter.go). That is
no nuisance but what keeps seeds from losing layers: 200 jobs within a second left 175 of 800 layers
behind, at 9.5 jobs a second not one of 1,400 was missing (recorded scale-concurrent-jobs). It also
answers 429 now and then while it reads its clusters anew, every three minutes.
"""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

from preheat.errors import RateLimitedError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from preheat.drivers.dragonfly.manager import Manager
    from preheat.errors import RemoteError
    from preheat.transport import Answer

__all__ = ["paced_post"]

PAUSE_SECONDS = (0.2, 2.0)
SHARE = 0.25
_random = random.SystemRandom()


def paced_post(
    manager: Manager,
    body: Mapping[str, object],
    *,
    wait: Callable[[float], object],
    explain: Callable[[RateLimitedError], RemoteError],
) -> Answer:
    """Create a job and give its 200 answer, at the pace that the manager allows.

    All of it takes no longer than one POST may, so that whoever wrote down its beginning knows its
    end. Nobody waits any more once a quarter of that has passed, POSTs included, or would have with
    the next pause. A ``Retry-After`` that fits into it is honoured here, a longer one is the
    caller's.

    :param wait: waits so many seconds.
    :param explain: finds out, at the first 429, what it stands for; an error of another kind, or
        the last one, is raised.
    :raises RemoteError: as :meth:`Manager.post`.
    """
    longest = manager.post_timeout_seconds
    began = time.monotonic()
    waited = 0.0
    told: RemoteError | None = None
    while True:
        spent = max(waited, time.monotonic() - began)
        try:
            return manager.post(body, within=longest - spent)
        except RateLimitedError as error:
            told = explain(error) if told is None else error
            pause = max(_random.uniform(*PAUSE_SECONDS), error.retry_after_seconds or 0.0)
        waited += pause
        is_late = max(waited, time.monotonic() - began + pause) > longest * SHARE
        if is_late or not isinstance(told, RateLimitedError):
            raise told
        wait(pause)
