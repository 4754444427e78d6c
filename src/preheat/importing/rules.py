"""Harbor's filters, made into a rule: repository and tag globs, and labels that all must be there.

The globs are the same language (:mod:`preheat.policy.globs`), except for two spellings.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from preheat.importing.differences import Difference
from preheat.policy.matchers import MAX_PATTERN_LENGTH, Matcher, MatcherKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["rule_of"]

_EVERYTHING = {"repository": {"", "**"}, "tag": {"", "*", "**"}}
_SPECIAL = re.compile(r"[*?\[\]{}\\]")
_NEGATED = re.compile(r"(?<!\\)\[!")


def rule_of(patterns: Mapping[str, Sequence[str]]) -> tuple[dict[str, Any], list[Difference]]:
    """Make the rule of a policy, and say what it does not mean.

    :param patterns: by filter type the texts that all must match.
    """
    told: list[Difference] = []
    rule: dict[str, Any] = {"name": "imported"}
    for kind, key, way in (("repository", "repositories", "include"), ("tag", "tags", "allow")):
        matchers = list(_matchers(kind, patterns.get(kind, ()), told))
        if matchers:
            rule[key] = {way: matchers}
    labels = list(_labels(patterns.get("label", ()), told))
    if labels:
        rule["labels"] = {"all": labels}
    return rule, told


def _matchers(kind: str, texts: Sequence[str], told: list[Difference]) -> Iterator[dict[str, str]]:
    wanted = [text for text in dict.fromkeys(texts) if text not in _EVERYTHING[kind]]
    if len(wanted) > 1:
        text = f"It has several {kind} filters, of which all must match; here any is enough."
        told.append(Difference("selection", text, stops=True))
    for pattern in wanted:
        text = _NEGATED.sub(r"[\\!", pattern)
        problem = _problem(text)
        if problem:
            said = f"The {kind} filter {pattern!a} cannot be a glob here: {problem}."
            told.append(Difference("selection", said, stops=True))
            yield {"glob": _literal(text)}
        else:
            yield {"glob": text}


def _literal(text: str) -> str:
    """Write a text as a glob that means the very text, so that it stays in sight."""
    return _SPECIAL.sub(r"\\\g<0>", text.strip()[: MAX_PATTERN_LENGTH // 2]) or r"\*"


def _problem(pattern: str) -> str:
    if pattern != pattern.strip():
        return "it begins or ends with a blank, which no name has"
    if len(pattern) > MAX_PATTERN_LENGTH:
        return f"it is longer than {MAX_PATTERN_LENGTH} characters"
    try:
        Matcher(MatcherKind.GLOB, pattern).check()
    except ValueError as error:
        return str(error)
    return ""


def _labels(texts: Sequence[str], told: list[Difference]) -> Iterator[str]:
    """Split at commas and nowhere else (harbor: src/lib/selector/selectors/label)."""
    seen: set[str] = set()
    for label in ",".join(text for text in texts if text).split(","):
        name = label.strip()
        if label != name or (not name and any(texts)):
            said = f"Harbor looks for a label called {label!a}, blanks included, and finds none."
            told.append(Difference("selection", said, stops=True))
        if name and name not in seen:
            seen.add(name)
            yield name
