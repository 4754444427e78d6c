"""The shape of a rule: each key is a criterion with a module of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import BeforeValidator, Field

from preheat.policy.criteria.age import AgeSpec
from preheat.policy.criteria.group import GroupBy
from preheat.policy.criteria.label import LabelsSpec
from preheat.policy.criteria.order import OrderSpec
from preheat.policy.criteria.repository import RepositoriesSpec
from preheat.policy.criteria.tag import TagsSpec
from preheat.policy.criteria.take import TakeSpec
from preheat.policy.fields import MOST_ENTRIES, FileName, Strict

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["RuleSpec", "Rules", "too_much"]

_MOST_PATTERNS = 400
_LONGEST_PATTERNS = 32 * 1024


class RuleSpec(Strict):
    """One entry of ``rules``."""

    later: ClassVar[frozenset[str]] = frozenset({"annotations"})
    shape: ClassVar[str] = "a map that begins with name:"
    name: FileName = Field(description="Reasons and warnings go by it; each name once in a file.")
    repositories: RepositoriesSpec | None = Field(
        None, description="Which repositories; left out, all of the sources' projects."
    )
    tags: TagsSpec | None = Field(None, description="Which tags; left out, every tag.")
    labels: LabelsSpec | None = Field(None, description="Which Harbor labels.")
    age: AgeSpec | None = Field(None, description="How old.")
    order: OrderSpec | None = Field(
        None,
        description="What is newer than what, and which versions count; by push time if left out.",
    )
    group_by: GroupBy = Field(("repository",), description="What `take` counts in.")
    take: TakeSpec | None = Field(None, description="How many of each group; left out, all.")


def too_much(rules: object) -> str:
    """Say that rules hold more patterns than a person writes: each costs milliseconds to compile.

    :param rules: as the file has them.
    """
    found = tuple(_patterns(rules))
    if len(found) > _MOST_PATTERNS:
        return f"the rules hold {len(found)} globs and regexes; they may hold {_MOST_PATTERNS}"
    length = sum(map(len, found))
    if length > _LONGEST_PATTERNS:
        return (
            f"the globs and regexes of the rules have {length} characters together; they may have"
            f" {_LONGEST_PATTERNS}"
        )
    return ""


def _bounded(value: object) -> object:
    """Refuse too many patterns before any is compiled."""
    if message := too_much(value):
        raise ValueError(message)
    return value


def _patterns(value: object) -> Iterator[str]:
    """Find the globs and regexes of rules as the file has them."""
    if isinstance(value, dict):
        for key, part in value.items():
            if key in {"glob", "regex"} and isinstance(part, str):
                yield part
            else:
                yield from _patterns(part)
    elif isinstance(value, list):
        for part in value:
            yield from _patterns(part)


Rules = Annotated[
    tuple[RuleSpec, ...], BeforeValidator(_bounded), Field(min_length=1, max_length=MOST_ENTRIES)
]
