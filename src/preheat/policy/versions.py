"""Tags as versions: semantic ones, calendar ones, plain numbers; and ranges of semantic ones."""

from __future__ import annotations

import re
from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from semantic_version import SimpleSpec, Version

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Range", "calver_key", "numeric_key", "precedence", "semver"]

_SEMVER = re.compile(
    r"[vV]?(0|[1-9]\d{0,17})(?:\.(0|[1-9]\d{0,17}))?(?:\.(0|[1-9]\d{0,17}))?"
    r"(-[0-9A-Za-z.-]+)?([+_][0-9A-Za-z.-]+)?",
    re.ASCII,
)
_CALVER = re.compile(r"[vV]?(\d{2}|\d{4}|\d{6}|\d{8})(?:[._-](\d{1,9}))*", re.ASCII)
_NUMBER = re.compile(r"\d+(?:\.\d+)?", re.ASCII)
_NUMBERS = re.compile(r"\d+", re.ASCII)
_GAP = re.compile(r"(?<=[0-9*A-Za-z])[\s,]+")
_OPERATOR_GAP = re.compile(r"([<>=!~^]=?)\s+")
_CENTURY = 2000
_SHORT_YEAR = 2
_LONG_YEAR = 4
_YEARS = range(1990, 2101)


@lru_cache(maxsize=65536)
def semver(text: str, *, strict: bool = True) -> Version | None:
    """Read a semantic version; None when it is none.

    A leading ``v`` counts for nothing, and ``_`` stands for ``+``, which no tag can hold.

    :param strict: whether all three numbers must be there; else ``1.2`` is ``1.2.0``.
    """
    found = _SEMVER.fullmatch(text)
    if found is None:
        return None
    major, minor, patch, pre, build = found.groups()
    if strict and (minor is None or patch is None):
        return None
    build = f"+{build[1:]}" if build else ""
    try:
        return Version(f"{major}.{minor or 0}.{patch or 0}{pre or ''}{build}")
    except ValueError:  # such as a leading zero in 1.0.0-01
        return None


def precedence(version: Version) -> tuple[Any, ...]:
    """Give what versions are compared by: all but the build, as the specification demands."""
    return tuple(version.precedence_key[:-1])


@lru_cache(maxsize=16384)
def calver_key(text: str) -> tuple[int, ...] | None:
    """Read a calendar version: a year first, then numbers apart by ``.``, ``-`` or ``_``.

    ``24.04``, ``2024.4`` and ``2024-04-01`` compare as dates do; ``20240401`` is one too. A year of
    four digits is one of 1990 to 2100, and what is packed with it must be a month and a day:
    ``5421`` and ``12345678`` are build numbers.
    """
    if _CALVER.fullmatch(text) is None:
        return None
    first, *rest = _NUMBERS.findall(text)
    if len(first) == _SHORT_YEAR:
        return (_CENTURY + int(first), *map(int, rest))
    year, packed = first[:_LONG_YEAR], first[_LONG_YEAR:]
    parts = [int(packed[n : n + 2]) for n in range(0, len(packed), 2)]
    if not _is_day(int(year), *parts):
        return None
    return (int(year), *parts, *map(int, rest))


def _is_day(year: int, month: int = 1, day: int = 1) -> bool:
    """Whether there is such a day, in years that software is of."""
    try:
        return date(year, month, day).year in _YEARS
    except ValueError:
        return False


@lru_cache(maxsize=16384)
def numeric_key(text: str) -> tuple[int, str, str] | None:
    """Read a number, whole or decimal, of any length; exact, so that ``1.10`` is ``1.1``."""
    if _NUMBER.fullmatch(text) is None:
        return None
    whole, _, decimals = text.partition(".")
    digits = whole.lstrip("0")  # of two whole numbers the one with more digits is larger
    return len(digits), digits, decimals.rstrip("0")


class Range:
    """One range of semantic versions: all its parts must hold, such as ``>=2.3 <3`` or ``^1.2``.

    :ivar holds_releases: whether any version that is no pre-release lies in it.
    :raises ValueError: when it is no range, or no version can ever match.
    """

    __slots__ = ("_spec", "holds_releases", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        joined = _GAP.sub(",", _OPERATOR_GAP.sub(r"\1", text.strip()))
        try:
            self._spec = SimpleSpec(joined)
        except ValueError:
            message = f"{text!r} is not a range of versions; write >=2.3 <3, ^1.2, ~1.4.2 or 1.2.*"
            raise ValueError(message) from None
        found = [version for version in self._probes() if self.holds(version)]
        if not found:
            raise ValueError(f"{text!r} can never match: no version lies in it")
        self.holds_releases = not all(version.prerelease for version in found)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Range) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)

    def holds(self, version: Version) -> bool:
        """Whether the version lies within."""
        return bool(self._spec.match(version))

    def _probes(self) -> Iterator[Version]:
        """Give versions of which one lies in every range that is not empty: around each bound."""
        yield Version("0.0.0")
        yield Version("999999999.0.0")
        for word in re.findall(r"\d[0-9A-Za-z.+-]*", self.text):
            bound = Version.coerce(word)
            yield bound
            yield bound.next_patch()
            yield bound.next_minor()
            yield bound.next_major()
            if bound.prerelease:
                yield Version(f"{bound}.0")
