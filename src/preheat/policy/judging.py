"""Asks the criteria of a rule in turn.

Most artifacts differ in nothing that a criterion looks at: their one tag was met in another
repository, their labels are those of a thousand others. Such judgements are made once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from preheat.plan import Reason
from preheat.policy.candidate import Candidate

if TYPE_CHECKING:
    from collections.abc import Hashable
    from datetime import datetime

    from preheat.artifact import Artifact, Tag
    from preheat.policy.rule import Criterion, Rule

__all__ = ["Judge"]


class Judge:
    """Judges artifacts by one rule at one moment; the repository's name was judged before.

    :param now: the moment of the evaluation.
    """

    __slots__ = ("_now", "_steps")

    def __init__(self, rule: Rule, now: datetime) -> None:
        self._now = now
        self._steps: list[tuple[Criterion, dict[Hashable, Reason | None]]] = [
            (criterion, {}) for criterion in rule.criteria
        ]

    def __call__(self, artifact: Artifact) -> tuple[Tag, ...] | Reason:
        """Give the tags that pass all criteria, or the reason of the first that refuses."""
        tags = artifact.tags
        for criterion, known in self._steps:
            likeness = criterion.likeness(artifact, tags)
            if likeness in known:
                reason = known[likeness]
                if reason is not None:
                    return reason
                continue
            outcome = criterion.judge(Candidate(artifact, tags, self._now))
            reason = outcome if isinstance(outcome, Reason) else None
            if likeness is not None:
                known[likeness] = reason
            if isinstance(outcome, Reason):
                return outcome
            tags = outcome
        return tags
