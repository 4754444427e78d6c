"""How long ago: since the push of the *tag* (``pushed``), or since anybody pulled (``pulled``).

``pushed`` is the tag's own time, so a promotion by retag counts as new; ``min`` is a cooldown, and
a tag whose time Harbor does not tell counts as too young. ``pulled`` is the artifact's time, with
pulls by digest; it takes ``max`` only.

::

    age: {clock: pushed, min: 12h, max: 60d}
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar, Self

from pydantic import Field, field_validator, model_validator

from preheat.plan import Reason, ReasonCode
from preheat.policy.fields import Duration, Strict, refuse_later
from preheat.policy.part import Part
from preheat.policy.units import format_duration

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from preheat.artifact import Artifact, Tag
    from preheat.policy.candidate import Candidate
    from preheat.policy.part import At

__all__ = ["PART", "AgeCriterion", "AgeSpec", "Clock"]


class Clock(StrEnum):
    """Which of Harbor's times an age is counted from."""

    PUSHED = "pushed"
    PULLED = "pulled"


class AgeSpec(Strict):
    """``age`` of a rule."""

    shape: ClassVar[str] = "a map such as {clock: pushed, max: 30d}"
    clock: Clock = Field(
        Clock.PUSHED,
        description="`pushed`: since the tag was pushed or moved; `pulled`: since anybody pulled.",
    )
    min: Duration | None = Field(
        None, description="At least this old: a cooldown. With `clock: pushed` only."
    )
    max: Duration | None = Field(None, description="At most this old.")

    @field_validator("clock", mode="before")
    @classmethod
    def _known_clock(cls, value: object) -> object:
        refuse_later(str(value), {"created"})
        return value

    @model_validator(mode="after")
    def _bounds(self) -> Self:
        if self.min is None and self.max is None:
            raise ValueError("write at least one of min and max")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError("'min' is larger than 'max': no image could ever pass")
        if self.clock is Clock.PULLED and self.min is not None:
            raise ValueError("'min' goes with clock: pushed only")
        return self

    def build(self, at: At) -> AgeCriterion:
        """Make the criterion."""
        return AgeCriterion(at.rule, self.clock, self.min, self.max, at.line)


@dataclass(frozen=True, slots=True)
class AgeCriterion:
    """Keeps tags, or artifacts, whose age lies within bounds (both ends included)."""

    rule: str
    clock: Clock = Clock.PUSHED
    min: timedelta | None = None
    max: timedelta | None = None
    line: int | None = None
    name: ClassVar[str] = "age"

    @staticmethod
    def likeness(artifact: Artifact, tags: tuple[Tag, ...]) -> None:
        """Give nothing: no two ages are alike."""
        del artifact, tags

    def judge(self, candidate: Candidate) -> tuple[Tag, ...] | Reason:
        """Give the tags of the right age, or say how old the youngest is."""
        tags, now = candidate.tags, candidate.now
        if self.clock is Clock.PULLED:
            artifact = candidate.artifact
            return tags if self._recently_pulled(artifact, now) else self._not_pulled(artifact, now)
        kept = tuple(tag for tag in tags if self._is_right(tag, now))
        return kept or self._wrong_age(tags, now)

    def _is_right(self, tag: Tag, now: datetime) -> bool:
        if tag.push_time is None:
            return False
        age = now - tag.push_time
        return (self.min is None or age >= self.min) and (self.max is None or age <= self.max)

    def _recently_pulled(self, artifact: Artifact, now: datetime) -> bool:
        pulled = artifact.pull_time
        return pulled is not None and (self.max is None or now - pulled <= self.max)

    def _wrong_age(self, tags: tuple[Tag, ...], now: datetime) -> Reason:
        """Speak of the tag that comes nearest: a young one will pass later, an old one never."""
        known = [(now - tag.push_time, tag.name) for tag in tags if tag.push_time is not None]
        if not known:
            return self._reason(ReasonCode.TOO_YOUNG, "Harbor tells no push time of its tags")
        age, name = min(known)
        met = f"the tag {name!r} was pushed {format_duration(age)} ago"
        if self.min is not None and age < self.min:
            wanted = f"the rule waits for {format_duration(self.min)}"
            return self._reason(ReasonCode.TOO_YOUNG, f"{met}; {wanted}")
        wanted = f"the rule wants at most {format_duration(self.max)}" if self.max else ""
        return self._reason(ReasonCode.TOO_OLD, f"{met}; {wanted}")

    def _not_pulled(self, artifact: Artifact, now: datetime) -> Reason:
        pulled = artifact.pull_time
        met = "nobody pulled it yet"
        if pulled is not None:
            met = f"it was last pulled {format_duration(now - pulled)} ago"
        wanted = f"within {format_duration(self.max)}" if self.max else "once"
        return self._reason(
            ReasonCode.NOT_RECENTLY_PULLED, f"{met}; the rule wants a pull {wanted}"
        )

    def _reason(self, code: ReasonCode, detail: str) -> Reason:
        return Reason(code, detail, self.rule, self.line)


PART = Part(
    "spec.rules[].age",
    __name__,
    AgeSpec,
    (ReasonCode.TOO_YOUNG, ReasonCode.TOO_OLD, ReasonCode.NOT_RECENTLY_PULLED),
)
