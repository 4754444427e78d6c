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
from typing import TYPE_CHECKING

from preheat.plan import Reason, ReasonCode
from preheat.policy.matchers import Matcher, any_of, first_match

if TYPE_CHECKING:
    from collections.abc import Sequence

    from preheat.artifact import Tag
    from preheat.policy.candidate import Candidate

__all__ = ["TagCriterion"]

_NAMED = 5


@dataclass(frozen=True, slots=True)
class TagCriterion:
    """Keeps the tags that are allowed and not denied.

    :param allow: empty means every tag.
    """

    rule: str
    allow: tuple[Matcher, ...] = ()
    deny: tuple[Matcher, ...] = ()
    line: int | None = None

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
