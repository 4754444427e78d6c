"""``Retry-After``: how long the other side asks us to stay away (RFC 9110, 10.2.3)."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

__all__ = ["LONGEST_SECONDS", "retry_after_of"]

LONGEST_SECONDS = 3600.0
_MOST_DIGITS = 9


def retry_after_of(headers: Mapping[str, str]) -> float | None:
    """Read it as seconds, at most ``LONGEST_SECONDS``; None where nothing that counts was sent.

    A date is measured by the other side's own clock, its ``Date``; without that it says nothing.
    """
    text = headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        seconds = float(text) if len(text) <= _MOST_DIGITS else LONGEST_SECONDS
    else:
        until, now = _date(text), _date(headers.get("Date", ""))
        if until is None or now is None:
            return None
        seconds = max((until - now).total_seconds(), 0.0)
    return min(seconds, LONGEST_SECONDS)


def _date(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return found if found.tzinfo else None
