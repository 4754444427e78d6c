"""How pages write things: sizes, moments, verdicts. Always in words too, never by colour alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from rich.filesize import decimal

from preheat.plan import Disposition
from preheat.verdict import Verdict

__all__ = ["FILTERS", "SIGNS", "ago", "disposition_words", "moment", "short", "size"]

SIGNS = {
    Verdict.WARM: "●",
    Verdict.PARTIAL: "◐",
    Verdict.COLD: "○",
    Verdict.UNKNOWN: "?",
}
"""A sign for each verdict, beside its word."""

_SHORT = 19  # of a digest: sha256: and twelve letters
_STEPS = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))
_NOW = timedelta(seconds=2)
_NOTHING = "\N{EN DASH}"


def size(number: float | None) -> str:
    """Write bytes as logs do; a dash where nobody knows."""
    return _NOTHING if number is None else decimal(int(number))


def span(seconds: float | None) -> str:
    """Write how long something took: ``4.2 s``, ``3 min``."""
    if seconds is None:
        return _NOTHING
    if seconds < 10:  # noqa: PLR2004 - below, a tenth of a second tells something
        return f"{seconds:.1f} s"
    return _in_steps(seconds)


def _in_steps(seconds: float) -> str:
    name, length = next(step for step in _STEPS if seconds >= step[1] or step[1] == 1)
    return f"{int(seconds // length)} {name}"


def lasting(since: datetime, now: datetime) -> str:
    """Write for how long something has stood: ``3 min``."""
    return _in_steps(max(0.0, (now - since).total_seconds()))


def ago(moment_: datetime, now: datetime) -> str:
    """Write how far a moment is from now: ``3 min ago``, ``in 2 h``."""
    passed = now - moment_
    if abs(passed) < _NOW:
        return "just now"
    words = _in_steps(abs(passed).total_seconds())
    return f"{words} ago" if passed > timedelta(0) else f"in {words}"


def moment(given: datetime | str | None) -> datetime | None:
    """Read a moment as the ledger or Airflow's API gives it."""
    if isinstance(given, str):
        given = datetime.fromisoformat(given)
    return given.astimezone(UTC) if given else None


def full(given: datetime) -> str:
    """Write a moment whole, with its zone."""
    return given.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def short(digest: str) -> str:
    """Cut a digest to what people compare."""
    return digest[:_SHORT]


def sign(verdict: Verdict | str | None) -> str:
    """Give the sign of a verdict; that of UNKNOWN where there is none yet."""
    return SIGNS[Verdict(verdict or Verdict.UNKNOWN)]


def count(number: float) -> str:
    """Write a number with a space between thousands, as nobody misreads it."""
    return f"{number:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def disposition_words(disposition: str) -> str:
    """Say what a plan did with a placement."""
    return "asked for" if disposition == Disposition.ASK else Disposition(disposition).words


def code_words(code: str) -> str:
    """Write a reason's code in small letters: ``label missing``."""
    return code.lower().replace("_", " ")


FILTERS: dict[str, Any] = {
    "size": size,
    "span": span,
    "short": short,
    "sign": sign,
    "full": full,
    "count_words": count,
    "disposition_words": disposition_words,
    "code_words": code_words,
    "ago_from": ago,
    "lasting_to": lasting,
}
"""By their names in templates."""
