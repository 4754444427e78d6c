"""What a policy says against itself, so that it would quietly select nothing or less.

Read from the plain document, beside any mistake of shape. Each names the line of the other half.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from preheat.policy.problems import problem_at

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from preheat.errors import Problem
    from preheat.policy.yamltext import Document, Path

__all__ = ["contradictions"]

_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_REPOSITORY = re.compile(r"[a-z0-9]+(?:(?:\.|_{1,2}|-+|/)[a-z0-9]+)*")
_ALL = {("glob", "**"), ("glob", "**/*"), ("regex", ".*"), ("regex", ".+")}
_EVERY = {"tags": {*_ALL, ("glob", "*")}, "repositories": _ALL}  # no tag holds a slash
_NAMES = {"tags": (_TAG, "tag"), "repositories": (_REPOSITORY, "repository")}

_Pattern = tuple[str, str]


def contradictions(document: Document, source: str) -> Iterator[Problem]:
    """Tell what can never hold, and what is said twice."""
    for path, message in _found(document):
        yield problem_at(document, source, path, message)


def _found(document: Document) -> Iterator[tuple[Path, str]]:
    spec = document.data.get("spec") if isinstance(document.data, dict) else None
    if not isinstance(spec, dict):
        return
    yield from _repeated_projects(document, spec.get("sources"))
    yield from _repeated_targets(document, spec.get("targets"))
    for index, rule in _entries(spec.get("rules")):
        if isinstance(rule, dict):
            path: Path = ("spec", "rules", index)
            yield from _patterns(document, path, rule, "repositories", ("include", "exclude"))
            yield from _patterns(document, path, rule, "tags", ("allow", "deny"))
            yield from _labels(document, path, rule.get("labels"))


def _repeated_projects(document: Document, sources: object) -> Iterator[tuple[Path, str]]:
    first: dict[tuple[str, str, str], int | None] = {}
    for number, entry in _entries(sources):
        projects = entry.get("projects") if isinstance(entry, dict) else None
        for index, name in _entries(projects):
            path: Path = ("spec", "sources", number, "projects", index)
            kinds = str(entry.get("artifactTypes")) if isinstance(entry, dict) else ""
            key = str(entry.get("registry")) if isinstance(entry, dict) else "", str(name), kinds
            if key in first:
                yield path, f"The project {name!r} is already there in line {first[key]}."
            first.setdefault(key, document.line(path))


def _repeated_targets(document: Document, targets: object) -> Iterator[tuple[Path, str]]:
    first: dict[str, int | None] = {}
    for index, target in _entries(targets):
        path: Path = ("spec", "targets", index)
        key = str(sorted(target.items())) if isinstance(target, dict) else ""
        if key in first:
            yield path, f"This target is already there in line {first[key]}."
        if key:
            first.setdefault(key, document.line(path))


def _patterns(
    document: Document, path: Path, rule: dict[str, object], key: str, ends: tuple[str, str]
) -> Iterator[tuple[Path, str]]:
    """Look at one pair of lists: what comes in by patterns, and what stays out by others."""
    spec = rule.get(key)
    if not isinstance(spec, dict):
        return
    into, out = ends
    wanted: dict[_Pattern, int | None] = {}
    for index, pattern in _matchers(spec.get(into)):
        place = (*path, key, into, index)
        wanted.setdefault(pattern, document.line(place))
        yield from _impossible(key, place, pattern)
    for index, pattern in _matchers(spec.get(out)):
        place = (*path, key, out, index)
        yield from _impossible(key, place, pattern)
        if pattern in wanted:
            kind, text = pattern
            yield place, f"{kind} {text!r} is in {into} too (line {wanted[pattern]}); {out} wins."
        elif pattern in _EVERY[key]:
            yield place, f"This keeps every {_NAMES[key][1]} out: the rule would select nothing."


def _impossible(key: str, place: Path, pattern: _Pattern) -> Iterator[tuple[Path, str]]:
    kind, text = pattern
    shape, name = _NAMES[key]
    if kind != "exact" or shape.fullmatch(text):
        return
    hint = " Write glob for a pattern." if set("*?[{") & set(text) else ""
    yield (*place, "exact"), f"No {name} can be called {text!r}.{hint}"


def _labels(document: Document, path: Path, labels: object) -> Iterator[tuple[Path, str]]:
    if not isinstance(labels, dict):
        return
    wanted = {
        name: f"{key} too (line {document.line((*path, 'labels', key, index))})"
        for key in ("any", "all")
        for index, name in _entries(labels.get(key))
        if isinstance(name, str)
    }
    for index, name in _entries(labels.get("none")):
        if isinstance(name, str) and name in wanted:
            yield (*path, "labels", "none", index), f"{name!r} is in {wanted[name]}; none wins."


def _matchers(entries: object) -> Iterator[tuple[int, _Pattern]]:
    for index, entry in _entries(entries):
        if isinstance(entry, dict) and len(entry) == 1:
            ((kind, text),) = entry.items()
            if isinstance(text, str):
                yield index, (kind, text)


def _entries(value: object) -> Iterable[tuple[int, object]]:
    return enumerate(value) if isinstance(value, list) else ()
