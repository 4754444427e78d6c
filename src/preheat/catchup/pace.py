"""How often to look: soon after something was found, less and less often while nothing is."""

from __future__ import annotations

__all__ = [
    "FAILED_SECONDS",
    "FASTEST_SECONDS",
    "SLOWEST_SECONDS",
    "next_interval",
    "sweep_interval",
]

FASTEST_SECONDS = 5.0
SLOWEST_SECONDS = 60.0
GROWTH = 1.5
OFTEN_SECONDS = 300.0
SELDOM_SECONDS = 3600.0
FAILED_SECONDS = 300.0
"""After a sweep that failed: it is dear, and what failed once is likely to fail again."""


def next_interval(previous: float, *, found: bool) -> float:
    """Tell after how many seconds to look again for what is new; jitter is the caller's.

    :param previous: what this said last; 0 at the start.
    :param found: whether anything new was found since.
    """
    if found:
        return FASTEST_SECONDS
    return min(max(previous * GROWTH, FASTEST_SECONDS), SLOWEST_SECONDS)


def sweep_interval(*, often: bool) -> float:
    """Tell how many seconds lie between two sweeps.

    :param often: whether something is wanted that nothing but a sweep tells.
    """
    return OFTEN_SECONDS if often else SELDOM_SECONDS
