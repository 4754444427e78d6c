"""The three ways a policy matches a name: exact, glob, regex. Always the whole name, case counts.

Globs are those of Harbor's preheat policies (harbor: bmatcuk/doublestar v1.3.4), regular
expressions are RE2: linear in the text, so no pattern can hang a run.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING

from preheat.policy import globs
from preheat.policy.regexes import compiled_regex

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = [
    "MAX_PATTERN_LENGTH",
    "Matcher",
    "MatcherKind",
    "any_of",
    "captured",
    "first_match",
]

MAX_PATTERN_LENGTH = 1024
"""Longest pattern (harbor: filters hold at most 1024 characters)."""


class MatcherKind(StrEnum):
    """How a pattern is read; the keys of the YAML form ``{glob: "v*"}``."""

    EXACT = "exact"
    GLOB = "glob"
    REGEX = "regex"


@dataclass(frozen=True, slots=True)
class Matcher:
    """One pattern, callable on a name.

    :param line: 1-based line of the policy file that holds it.
    """

    kind: MatcherKind
    pattern: str
    line: int | None = None

    def __call__(self, text: str) -> bool:
        """Whether the whole of ``text`` matches."""
        return _matches(self.kind, self.pattern, text)

    def __str__(self) -> str:
        return f"{self.kind} {self.pattern!r}"

    def check(self) -> None:
        """Compile the pattern now.

        :raises ValueError: when it is no valid pattern; says why.
        """
        _compiled(self.kind, self.pattern)


def first_match(matchers: Sequence[Matcher], text: str) -> Matcher | None:
    """Find the matcher that decides, to be named in a reason."""
    for matcher in matchers:
        if _matches(matcher.kind, matcher.pattern, text):
            return matcher
    return None


def any_of(matchers: Sequence[Matcher]) -> str:
    """List matchers for a reason."""
    return " or ".join([f"{matcher.kind.value} {matcher.pattern!r}" for matcher in matchers])


# Names repeat (tags over repositories, repositories over tags), and an answer never changes.
@lru_cache(maxsize=32768)
def _matches(kind: MatcherKind, pattern: str, text: str) -> bool:
    return _compiled(kind, pattern)(text)


@lru_cache(maxsize=2048)
def _compiled(kind: MatcherKind, pattern: str) -> Callable[[str], bool]:
    if len(pattern) > MAX_PATTERN_LENGTH:
        raise ValueError(f"a pattern has at most {MAX_PATTERN_LENGTH} characters")
    if kind is MatcherKind.EXACT:
        return pattern.__eq__
    if kind is MatcherKind.REGEX:
        return _compiled_regex(pattern)
    return globs.fast_test(pattern) or _compiled_regex(globs.to_regex(pattern))


def captured(pattern: str, text: str | None) -> dict[str, str]:
    """Give the named groups of a regex in a text, empty ones where a group took no part.

    :param text: None asks for the names only; a text that does not match gives no group.
    """
    regex = compiled_regex(pattern)
    if text is None:
        return dict.fromkeys(regex.groupindex, "")
    found = regex.fullmatch(text)
    return {} if found is None else {k: v or "" for k, v in found.groupdict().items()}


def _compiled_regex(pattern: str) -> Callable[[str], bool]:
    regex = compiled_regex(pattern)
    return lambda text: regex.fullmatch(text) is not None
