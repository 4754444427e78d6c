r"""Groups that ``take`` counts in: so many of each repository, of each CUDA line, of each project.

``repository`` (the default) and ``project`` name themselves; ``$name`` is a named group of the
tag's regex. Images of two projects, or of two Harbors, are never in one group. An image whose tags
belong to several groups counts in each.

::

    tags:
      allow: [{regex: '(?P<ver>\d+\.\d+\.\d+)-cuda(?P<cuda>\d+\.\d+)'}]
    groupBy: [repository, "$cuda"]
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, Field

from preheat.policy import captures
from preheat.policy.fields import MOST_ENTRIES
from preheat.policy.part import Part

if TYPE_CHECKING:
    from collections.abc import Sequence

    from preheat.artifact import Artifact, Tag
    from preheat.policy.matchers import Matcher

__all__ = ["PART", "Group", "GroupBy", "build_group", "key_of"]

_WORDS = {"repository", "project"}


def _word(value: str) -> str:
    if value in _WORDS:
        return value
    names = captures.variables(value) if value.startswith("$") else ()
    if len(names) != 1 or value not in {f"${names[0]}", f"${{{names[0]}}}"}:
        raise ValueError(f"{value!r} is not one of repository, project and $name of a tag's regex")
    return value


GroupBy = Annotated[
    tuple[Annotated[str, AfterValidator(_word)], ...],
    Field(min_length=1, max_length=MOST_ENTRIES),
]


@dataclass(frozen=True, slots=True)
class Group:
    """Tells the group of an artifact by one of its tags.

    :param by_repository: whether each repository has groups of its own.
    :param texts: one for each capture.
    """

    by_repository: bool = True
    texts: tuple[captures.Text, ...] = field(default=())


def build_group(words: Sequence[str], allow: Sequence[Matcher]) -> Group:
    """Make the grouping; captures come from the rule's tag patterns."""
    texts = tuple(captures.Text(word, allow) for word in words if word.startswith("$"))
    return Group("repository" in words, texts)


def key_of(group: Group, artifact: Artifact, tag: Tag) -> tuple[str, ...]:
    """Give the name of the group: registry, project, repository, captures."""
    repository = artifact.repository if group.by_repository else ""
    own = (artifact.registry, artifact.project, repository)
    return own + tuple([text.of(tag.name) for text in group.texts]) if group.texts else own


PART = Part("spec.rules[].groupBy", __name__)
