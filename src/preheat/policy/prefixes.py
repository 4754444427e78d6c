"""Patterns of repositories that were written with the project: Harbor's names come without it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from preheat.catalogue import Repository
    from preheat.policy.matchers import Matcher
    from preheat.policy.rule import Rule

__all__ = ["with_project"]


def with_project(rules: Iterable[Rule], repositories: Iterable[Repository]) -> Iterator[str]:
    """Warn of patterns that match no repository, and would without the project before them.

    No problem of the file: a repository may begin as a project does, as in a proxy cache.

    :param repositories: all that the sources cover.
    """
    suspects = [(rule, matcher) for rule in rules for matcher in _slashed(rule)]
    if not suspects:
        return
    names = [(repository.project, repository.name) for repository in repositories]
    projects = {project for project, _ in names}
    for rule, matcher in suspects:
        project, _, rest = matcher.pattern.partition("/")
        if project in projects and not any(matcher(name) for _, name in names):
            yield (
                f"The rule {rule.name!r} names repositories by {matcher} (line {matcher.line}),"
                f" which matches none: {project!r} is a project, write {rest!r} without it."
            )


def _slashed(rule: Rule) -> Iterator[Matcher]:
    if rule.repositories:
        for matcher in (*rule.repositories.include, *rule.repositories.exclude):
            if "/" in matcher.pattern:
                yield matcher
