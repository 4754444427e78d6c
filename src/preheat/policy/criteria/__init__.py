"""What a policy can ask of an image: one small module each, with a YAML example in its docstring.

The tuple is the vocabulary, in the order of the evaluation.
"""

from __future__ import annotations

from preheat.policy import budget, keepwarm, pins, windows
from preheat.policy.criteria import (
    age,
    group,
    label,
    order,
    repository,
    signature,
    size,
    tag,
    take,
    type,  # noqa: A004 - the key's own word
    vulnerabilities,
)

__all__ = ["CRITERIA"]

CRITERIA = (
    type.PART,
    repository.PART,
    tag.PART,
    label.PART,
    order.PART,
    age.PART,
    size.PART,
    vulnerabilities.PART,
    signature.PART,
    group.PART,
    take.PART,
    pins.PART,
    budget.PART,
    windows.PART,
    keepwarm.PART,
)
