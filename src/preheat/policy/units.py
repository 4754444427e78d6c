"""Durations and sizes as a person writes them: a number and one unit."""

from __future__ import annotations

import re
from datetime import timedelta
from fractions import Fraction

__all__ = ["SIZE", "format_duration", "format_size", "parse_duration", "parse_size", "tell_apart"]

_UNITS = {"d": 86400, "h": 3600, "m": 60, "s": 1}
_DURATION = re.compile(r"([0-9]{1,9})([smhd])")
_MAX = timedelta(days=3660)

_SIZES = {
    unit: base**power
    for base, units in ((1024, "KiB MiB GiB TiB"), (1000, "KB MB GB TB"))
    for power, unit in enumerate(units.split(), start=1)
}
_BINARY = ("TiB", "GiB", "MiB", "KiB")
_MAX_SIZE = 1024 * _SIZES["TiB"]

SIZE = r"([0-9]{1,9}(?:\.[0-9]{1,3})?)([KMGT]i?B)"
"""Pattern of a size, for editors too."""


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


def parse_size(text: str) -> int:
    """Read ``25GiB``, ``1.5TiB`` or ``500MB`` as bytes: KiB is 1024, KB is 1000.

    :raises ValueError: for anything else; a bare number has no unit and is refused.
    """
    found = re.fullmatch(SIZE, text)
    if found is None:
        raise ValueError(
            f"{text!r} is not a size; write a number and a unit, such as 25GiB: KiB, MiB, GiB and"
            " TiB count by 1024; KB, MB, GB and TB by 1000"
        )
    size = int(Fraction(found[1]) * _SIZES[found[2]])
    if size == 0:
        raise ValueError(f"{text!r} is nothing; write at least one byte")
    if size > _MAX_SIZE:
        raise ValueError(f"{text!r} is more than 1024TiB")
    return size


def format_size(size: int) -> str:
    """Write bytes in the largest unit that counts by 1024, with one decimal: ``25.0 GiB``."""
    for unit in _BINARY:
        if size >= _SIZES[unit]:
            return f"{size / _SIZES[unit]:.1f} {unit}"
    return f"{size} B"


def tell_apart(met: int, wanted: int) -> tuple[str, str]:
    """Write two sizes so that a reader sees which is larger: to the byte if rounding hides it."""
    texts = format_size(met), format_size(wanted)
    if met != wanted and texts[0] == texts[1]:
        return f"{met} bytes", f"{wanted} bytes"
    return texts
