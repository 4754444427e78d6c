"""Named groups of a tag's pattern as ``$variables``: sort keys and group keys are made of them."""

from __future__ import annotations

from functools import lru_cache
from string import Template
from typing import TYPE_CHECKING

from preheat.policy.matchers import Matcher, MatcherKind, captured

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Text", "variables", "variables_of"]


def variables_of(matcher: Matcher) -> frozenset[str]:
    """Tell the names a pattern captures; exact names and globs capture none."""
    if matcher.kind is not MatcherKind.REGEX:
        return frozenset()
    return frozenset(captured(matcher.pattern, None))


def variables(text: str) -> tuple[str, ...]:
    """Tell the names that a text uses.

    :raises ValueError: for a ``$`` that begins no name.
    """
    template = Template(text)
    if not template.is_valid():
        raise ValueError(f"{text!r}: write $name for a group of the tag's regex, and $$ for a $")
    return tuple(template.get_identifiers())


class Text:
    """A text made of a tag: its captures filled in, or the tag itself.

    :param text: such as ``$year$week``; empty for the tag as it is.
    :param allow: the rule's tag patterns; the first that matches a tag gives its captures.
    """

    __slots__ = ("_fill", "_patterns", "text")

    def __init__(self, text: str, allow: Sequence[Matcher]) -> None:
        self.text = text
        self._patterns = tuple(m.pattern for m in allow if m.kind is MatcherKind.REGEX)
        name = text.removeprefix("$")
        # One name alone is what most texts are: no template is run for each tag then.
        is_one = text != name and name.isascii() and name.isidentifier()
        self._fill = name if is_one else None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Text):
            return NotImplemented
        return (self.text, self._patterns) == (other.text, other._patterns)

    def __hash__(self) -> int:
        return hash((self.text, self._patterns))

    def of(self, tag: str) -> str:
        """Give the text for a tag; a group that took no part is empty."""
        if not self.text:
            return tag
        found = _captures(self._patterns, tag)
        if self._fill is not None:
            return found[self._fill]
        return Template(self.text).substitute(found)


@lru_cache(maxsize=32768)
def _captures(patterns: tuple[str, ...], tag: str) -> Mapping[str, str]:
    for pattern in patterns:
        found = captured(pattern, tag)
        if found:
            return found
    return {}
