"""Regular expressions of policies: RE2, with a word on what to write where RE2 refuses one."""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache
from typing import Any

import re2

__all__ = ["compiled_regex"]

_MAX_COMPILED_BYTES = 1 << 18
_NAMED_GROUP = re.compile(
    r"\\Q.*?(?:\\E|$)|\\."  # quoted text
    r"|\[\^?\]?(?:\[:\^?\w+:\]|\\.|[^\]\\])*\]"  # a class of characters
    r"|\(\?P?<(?P<name>\w+)>",
    re.DOTALL,
)
_LOOKS = re.compile(r"\(\?<?[=!]")
_BACK_REFERENCE = re.compile(r"\\[1-9]|\(\?P=|\\k[<{']")
_ANCHOR = re.compile(r"\\[ZG]")


def compiled_regex(pattern: str) -> Any:
    """Compile a pattern.

    :raises ValueError: when RE2 does not take it, or two groups have one name; says what to do.
    """
    found = _compiled(pattern)
    if isinstance(found, str):
        raise ValueError(found)  # noqa: TRY004 - no wrong type: the words of a refusal
    return found


@lru_cache(maxsize=2048)
def _compiled(pattern: str) -> Any:
    """Compile a pattern, or say why not: refusing one costs as much as taking it."""
    options = re2.Options()
    options.log_errors = False
    # A hostile pattern such as ((a{100}){100}){100} is refused for its size, not compiled for ever.
    options.max_mem = _MAX_COMPILED_BYTES
    try:
        found = re2.compile(pattern, options)
    except re2.error as error:
        reason = _reason(error)
        hint = _hint(pattern, reason)
        return f"not a valid RE2 expression: {_quoted(reason)}{hint}"
    return _twice(pattern) or found


def _reason(error: Exception) -> str:
    """RE2 gives its reason as bytes."""
    reason = error.args[0] if error.args else ""
    return reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)


def _quoted(reason: str) -> str:
    """Set what RE2 met apart from its words: ``invalid perl operator: '(?='``."""
    what, colon, met = reason.partition(": ")
    return f"{what}: '{met}'" if colon else reason


def _hint(pattern: str, reason: str) -> str:
    """Say what to write in place of what other engines know."""
    if _LOOKS.search(reason):
        return (
            "; RE2 looks neither ahead nor behind: name what must not match under deny or exclude"
        )
    if _BACK_REFERENCE.search(pattern):
        return "; RE2 has no back references: write out what may stand there"
    if "repetition size" in reason:
        return "; a repetition is at most 1000, multiplied by those around it"
    if "too large" in reason:
        return "; make it shorter, or repeat less"
    if _ANCHOR.search(reason):
        return "; leave it out: a pattern always matches the whole name"
    return ""


def _twice(pattern: str) -> str:
    """Say which group's name is there twice: RE2 lets that pass, and reads only one of them."""
    names = Counter(met["name"] for met in _NAMED_GROUP.finditer(pattern) if met["name"])
    for name, count in names.items():
        if count > 1:
            return (
                f"the group {name!r} is there more than once; put what it may be into one,"
                f" (?P<{name}>…|…), or name them apart"
            )
    return ""
