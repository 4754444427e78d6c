"""Durations as a person writes them: a whole number and one unit."""

from __future__ import annotations

import re
from datetime import timedelta

__all__ = ["format_duration", "parse_duration"]

_UNITS = {"d": 86400, "h": 3600, "m": 60, "s": 1}
_DURATION = re.compile(r"([0-9]{1,9})([smhd])")
_MAX = timedelta(days=3660)


def parse_duration(text: str) -> timedelta:
    """Read ``30s``, ``15m``, ``6h`` or ``14d``.

    :raises ValueError: for anything else; a bare number has no unit and is refused.
    """
    found = _DURATION.fullmatch(text)
    if found is None:
        raise ValueError(
            f"{text!r} is not a duration; write a whole number and a unit: 30s, 15m, 6h or 14d"
        )
    duration = timedelta(seconds=int(found[1]) * _UNITS[found[2]])
    if duration > _MAX:
        raise ValueError(f"{text!r} is longer than ten years")
    return duration


def format_duration(duration: timedelta) -> str:
    """Write a duration in its two largest units, rounded down: ``3d 4h``."""
    seconds = int(duration.total_seconds())
    if seconds < 0:
        return "-" + format_duration(-duration)
    parts: list[str] = []
    for unit, length in _UNITS.items():
        count, seconds = divmod(seconds, length)
        if count:
            parts.append(f"{count}{unit}")
    return " ".join(parts[:2]) or "0s"
