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
from typing import TYPE_CHECKING, Annotated, ClassVar, Self

from pydantic import Field, model_validator

from preheat.plan import Reason, ReasonCode
from preheat.policy.fields import (
    MOST_ENTRIES,
    SOME_KEYS,
    Strict,
    Text,
    require_any,
)
from preheat.policy.part import Part

if TYPE_CHECKING:
    from preheat.artifact import Artifact, Tag
    from preheat.policy.candidate import Candidate
    from preheat.policy.part import At

__all__ = ["PART", "LabelCriterion", "LabelsSpec"]

Texts = Annotated[tuple[Text, ...], Field(min_length=1, max_length=MOST_ENTRIES)]


class LabelsSpec(Strict, json_schema_extra=SOME_KEYS):
    """``labels`` of a rule."""

    shape: ClassVar[str] = "a map such as {all: [approved]}"
    all: Texts = Field((), description="The artifact carries every one of these.")
    any: Texts = Field((), description="It carries at least one of these.")
    none: Texts = Field((), description="It carries none of these.")

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        require_any(self, "all, any and none")
        return self

    def build(self, at: At) -> LabelCriterion:
        """Make the criterion."""
        return LabelCriterion(at.rule, self.all, self.any, self.none, at.line)


@dataclass(frozen=True, slots=True)
class LabelCriterion:
    """Keeps artifacts by the labels they carry."""

    rule: str
    all: tuple[str, ...] = ()
    any: tuple[str, ...] = ()
    none: tuple[str, ...] = ()
    line: int | None = None
    name: ClassVar[str] = "labels"

    @staticmethod
    def likeness(artifact: Artifact, tags: tuple[Tag, ...]) -> tuple[str, ...]:
        """Give the labels: nothing else counts."""
        del tags
        return artifact.labels

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


PART = Part(
    "spec.rules[].labels",
    __name__,
    LabelsSpec,
    (ReasonCode.LABEL_MISSING, ReasonCode.LABEL_EXCLUDED),
)
