r"""Globs as Harbor reads them, written as RE2 expressions.

Harbor uses bmatcuk/doublestar v1.3.4: ``*`` and ``?`` stay within a path element, ``**`` as a whole
element spans any number of them, ``[a-z]`` and ``[^a-z]`` are classes, ``{a,b}`` alternatives (they
nest), a backslash takes the next character as it is. ``front/**`` does not match ``front`` itself.
wcmatch was tried and differs in four ways: it matches ``front`` there, expands ``{1..3}``, takes a
lone ``[`` as text, and runs on a backtracking engine that ``*a*a*a*a*a*b`` can hang.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["fast_test", "to_regex"]

_SPECIAL = frozenset("*?[]{}\\")
_CLASS = re.compile(r"\[(\^?)((?:\\.|[^\]\\])+)\]")
_CLASS_ITEM = re.compile(r"(\\.|[^\\-])(?:-(\\.|[^\\-]))?")


def fast_test(pattern: str) -> Callable[[str], bool] | None:
    """Give a plain string test for the commonest globs (``**``, ``v*``, no wildcard), else None."""
    if pattern == "**":
        return lambda _text: True
    head = pattern.removesuffix("*")
    if _SPECIAL & set(head):
        return None
    if head == pattern:
        return pattern.__eq__
    return lambda text: text.startswith(head) and "/" not in text[len(head) :]


def to_regex(pattern: str) -> str:
    """Translate a glob.

    :raises ValueError: for what Harbor calls a bad pattern, and for forms others read otherwise.
    """
    return _Translation(pattern).run()


@dataclass(slots=True)
class _Translation:
    pattern: str
    at: int = 0
    depth: int = 0

    def run(self) -> str:
        parts: list[str] = []
        while self.at < len(self.pattern):
            parts.append(self._next())
        if self.depth:
            raise ValueError(f"the glob {self.pattern!r} opens a {{ that it does not close")
        return "".join(parts)

    def _next(self) -> str:
        char = self.pattern[self.at]
        special = {"*": self._stars, "[": self._class, "\\": self._escaped}.get(char)
        if special is not None:
            return special()
        if char == "{":
            self.depth += 1
            return self._step("(?:")
        if char == "}" and self.depth:
            self.depth -= 1
            return self._step(")")
        plain = "[^/]" if char == "?" else re.escape(char)
        return self._step("|" if char == "," and self.depth else plain)

    def _step(self, regex: str, length: int = 1) -> str:
        self.at += length
        return regex

    def _stars(self) -> str:
        stars = len(self.pattern[self.at :]) - len(self.pattern[self.at :].lstrip("*"))
        before = self.pattern[self.at - 1] if self.at else "/"
        after = self.pattern[self.at + stars : self.at + stars + 1]
        opens = before == "/" or (self.depth > 0 and before in "{,")
        closes = after in {"", "/"} or (self.depth > 0 and after in "},")
        if stars != 2 or not (opens and closes):  # noqa: PLR2004 - two stars are the doublestar
            return self._step("[^/]*", stars)
        if after == "/":
            return self._step("(?:.*/)?", 3)
        return self._step(".*" if before != "/" or self.at == 0 else ".+", 2)

    def _class(self) -> str:
        found = _CLASS.match(self.pattern, self.at)
        if found is None:
            raise ValueError(f"the glob {self.pattern!r} has a [ that opens no valid class")
        negated, body = found.groups()
        if body.startswith("!"):
            raise ValueError(f"in the glob {self.pattern!r}, write [^…] for «none of», not [!…]")
        at = 0
        items: list[str] = []
        while at < len(body):
            item = _CLASS_ITEM.match(body, at)
            if item is None:
                raise ValueError(f"in the glob {self.pattern!r}, write a dash in a class as \\-")
            items.append("-".join(re.escape(end[-1]) for end in item.groups() if end))
            at = item.end()
        return self._step(f"[{'^/' if negated else ''}{''.join(items)}]", len(found.group()))

    def _escaped(self) -> str:
        if self.at + 1 == len(self.pattern):
            raise ValueError(f"the glob {self.pattern!r} ends in a lone backslash")
        return self._step(re.escape(self.pattern[self.at + 1]), 2)
