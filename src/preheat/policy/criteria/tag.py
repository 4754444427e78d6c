r"""Tags that speak for an artifact: any of ``allow``, none of ``deny`` (deny wins).

Each tag is judged for itself: an image tagged ``v2`` and ``v2-debug`` is kept for its ``v2``. An
artifact without any tag is never selected, as in Harbor.

::

    tags:
      allow: [{glob: "v*"}, {regex: 'release-\d+'}]
      deny: [{glob: "*-debug"}]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

from pydantic import Field, model_validator

from preheat.plan import Reason, ReasonCode
from preheat.policy.fields import (
    SOME_KEYS,
    Strict,
    require_any,
)
from preheat.policy.matchers import Matcher, any_of, first_match
from preheat.policy.part import Part
from preheat.policy.patterns import Matchers, build_matchers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from preheat.artifact import Artifact, Tag
    from preheat.policy.candidate import Candidate
    from preheat.policy.part import At

__all__ = ["PART", "TagCriterion", "TagsSpec"]

_NAMED = 5


class TagsSpec(Strict, json_schema_extra=SOME_KEYS):
    """``tags`` of a rule."""

    shape: ClassVar[str] = 'a map such as {allow: [{glob: "v*"}]}'
    allow: Matchers = Field((), description="Any of these; left out, every tag.")
    deny: Matchers = Field((), description="None of these; wins over `allow`.")

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        require_any(self, "allow and deny")
        return self

    def build(self, at: At) -> TagCriterion:
        """Make the criterion."""
        return TagCriterion(
            at.rule,
            build_matchers(self.allow, at / "allow"),
            build_matchers(self.deny, at / "deny"),
            at.line,
        )


@dataclass(frozen=True, slots=True)
class TagCriterion:
    """Keeps the tags that are allowed and not denied.

    :param allow: empty means every tag.
    """

    rule: str
    allow: tuple[Matcher, ...] = ()
    deny: tuple[Matcher, ...] = ()
    line: int | None = None
    name: ClassVar[str] = "tags"

    @staticmethod
    def likeness(artifact: Artifact, tags: tuple[Tag, ...]) -> str | None:
        """Give the name of a single tag: nothing else counts."""
        del artifact
        return tags[0].name if len(tags) == 1 else None

    def judge(self, candidate: Candidate) -> tuple[Tag, ...] | Reason:
        """Give the tags that match, or say what was met and wanted."""
        tags = candidate.tags
        if not tags:
            detail = "the artifact has no tag; only tagged ones are warmed"
            return Reason(ReasonCode.UNTAGGED, detail, self.rule, self.line)
        allowed = tags
        if self.allow:
            allowed = tuple(tag for tag in tags if first_match(self.allow, tag.name))
            if not allowed:
                return self._not_allowed(tags)
        if not self.deny:
            return allowed
        kept = tuple(tag for tag in allowed if first_match(self.deny, tag.name) is None)
        return kept or self._denied(allowed)

    def _not_allowed(self, tags: Sequence[Tag]) -> Reason:
        detail = f"{_met(tags)}; the rule wants {any_of(self.allow)}"
        return Reason(ReasonCode.TAG_NOT_ALLOWED, detail, self.rule, self.line)

    def _denied(self, tags: Sequence[Tag]) -> Reason:
        matcher = first_match(self.deny, tags[0].name) or self.deny[0]
        detail = f"{_met(tags)}; the rule denies {matcher}"
        return Reason(ReasonCode.TAG_DENIED, detail, self.rule, matcher.line)


def _met(tags: Sequence[Tag]) -> str:
    if len(tags) == 1:
        return f"the tag is {tags[0].name!r}"
    names = ", ".join(repr(tag.name) for tag in tags[:_NAMED])
    more = f" and {len(tags) - _NAMED} more" if len(tags) > _NAMED else ""
    return f"the tags are {names}{more}"


PART = Part(
    "spec.rules[].tags",
    __name__,
    TagsSpec,
    (ReasonCode.UNTAGGED, ReasonCode.TAG_NOT_ALLOWED, ReasonCode.TAG_DENIED),
)
