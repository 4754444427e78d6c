"""The criteria a policy can ask for: one small module each, with a YAML example in its docstring.

The registry is the vocabulary: YAML key to criterion, in the order
they are asked, cheap ones first.
"""

from __future__ import annotations

from preheat.policy.criteria.age import AgeCriterion
from preheat.policy.criteria.label import LabelCriterion
from preheat.policy.criteria.repository import RepositoryCriterion
from preheat.policy.criteria.tag import TagCriterion
from preheat.policy.criteria.type import TypeCriterion

__all__ = ["CRITERIA"]

CRITERIA = {
    "artifactTypes": TypeCriterion,
    "repositories": RepositoryCriterion,
    "tags": TagCriterion,
    "labels": LabelCriterion,
    "age": AgeCriterion,
}
