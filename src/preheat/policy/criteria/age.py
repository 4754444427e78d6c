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
from typing import TYPE_CHECKING

from preheat.plan import Reason, ReasonCode
from preheat.policy.units import format_duration

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from preheat.artifact import Artifact, Tag
    from preheat.policy.candidate import Candidate

__all__ = ["AgeCriterion", "Clock"]


class Clock(StrEnum):
    """Which of Harbor's times an age is counted from."""

    PUSHED = "pushed"
    PULLED = "pulled"


@dataclass(frozen=True, slots=True)
class AgeCriterion:
    """Keeps tags, or artifacts, whose age lies within bounds (both ends included)."""

    rule: str
    clock: Clock = Clock.PUSHED
    min: timedelta | None = None
    max: timedelta | None = None
    line: int | None = None

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
