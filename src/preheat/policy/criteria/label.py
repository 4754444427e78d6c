"""Harbor labels, by name: ``all`` of these, ``any`` of these, ``none`` of these.

A global and a project label of the same name are one to a policy, as they are to Harbor's own.

::

    labels:
      all: [approved]
      any: [team-a, team-b]
      none: [hold]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from preheat.plan import Reason, ReasonCode

if TYPE_CHECKING:
    from preheat.artifact import Artifact, Tag
    from preheat.policy.candidate import Candidate

__all__ = ["LabelCriterion"]


@dataclass(frozen=True, slots=True)
class LabelCriterion:
    """Keeps artifacts by the labels they carry."""

    rule: str
    all: tuple[str, ...] = ()
    any: tuple[str, ...] = ()
    none: tuple[str, ...] = ()
    line: int | None = None

    def judge(self, candidate: Candidate) -> tuple[Tag, ...] | Reason:
        """Give all tags, or say which label is missing or in the way."""
        artifact = candidate.artifact
        labels = artifact.labels
        missing = [label for label in self.all if label not in labels]
        if missing:
            return self._reason(ReasonCode.LABEL_MISSING, artifact, f"wants {_list(missing)}")
        if self.any and not any(label in labels for label in self.any):
            wanted = f"wants one of {_list(self.any)}"
            return self._reason(ReasonCode.LABEL_MISSING, artifact, wanted)
        unwanted = [label for label in self.none if label in labels]
        if unwanted:
            return self._reason(ReasonCode.LABEL_EXCLUDED, artifact, f"excludes {_list(unwanted)}")
        return candidate.tags

    def _reason(self, code: ReasonCode, artifact: Artifact, wanted: str) -> Reason:
        met = f"the labels are {_list(artifact.labels)}" if artifact.labels else "it has no label"
        return Reason(code, f"{met}; the rule {wanted}", self.rule, self.line)


def _list(labels: tuple[str, ...] | list[str]) -> str:
    return ", ".join(map(repr, labels))
