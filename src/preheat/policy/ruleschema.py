"""The shape of a rule: each key is a criterion with a module of its own."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from preheat.policy.criteria.age import AgeSpec
from preheat.policy.criteria.group import GroupBy
from preheat.policy.criteria.label import LabelsSpec
from preheat.policy.criteria.order import OrderSpec
from preheat.policy.criteria.repository import RepositoriesSpec
from preheat.policy.criteria.tag import TagsSpec
from preheat.policy.criteria.take import TakeSpec
from preheat.policy.fields import FileName, Strict

__all__ = ["RuleSpec"]


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
