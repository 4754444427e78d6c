"""Which projects the sources of a policy file list, as far as the file can be read."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from preheat.policy.matchers import Matcher, MatcherKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["Coverage"]

_PLAIN = re.compile(r"[\w.-]+", re.ASCII)


class Coverage:
    """Projects by the sources of a plain document; each is looked up once.

    :param sources: entries of ``spec.sources`` that are maps, right or not.
    """

    def __init__(self, sources: Iterable[Mapping[str, object]]) -> None:
        self._names: dict[str, set[str]] = {}
        self._globs: dict[tuple[Matcher, str], None] = {}
        self._known: dict[tuple[str, str], bool] = {}
        for entry in sources:
            patterns, registry = entry.get("projects"), _text(entry.get("registry"))
            for pattern in patterns if isinstance(patterns, list) else ():
                if isinstance(pattern, str) and _PLAIN.fullmatch(pattern):
                    self._names.setdefault(pattern, set()).add(registry)
                elif isinstance(pattern, str):
                    self._globs[Matcher(MatcherKind.GLOB, pattern), registry] = None

    def __call__(self, project: str, registry: object = None) -> bool:
        """Whether any source lists a project.

        :param registry: of which Harbor; what is no text stands for any.
        """
        wanted = project, _text(registry)
        if wanted not in self._known:
            self._known[wanted] = self._lists(*wanted)
        return self._known[wanted]

    def _lists(self, project: str, registry: str) -> bool:
        registries = self._names.get(project, set())
        if registry in registries or (registries and not registry):
            return True
        return any(
            registry in {"", own} and _matches(matcher, project) for matcher, own in self._globs
        )


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _matches(matcher: Matcher, project: str) -> bool:
    try:
        return matcher(project)
    except ValueError:  # the field itself tells
        return False
