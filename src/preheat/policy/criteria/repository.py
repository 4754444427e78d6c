"""Repositories a rule looks at: any of ``include``, none of ``exclude``; names without the project.

::

    repositories:
      include: [{glob: "train/**"}, {exact: notebook}]
      exclude: [{glob: "train/tmp-*"}]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from preheat.plan import Reason, ReasonCode
from preheat.policy.matchers import Matcher, any_of, first_match

if TYPE_CHECKING:
    from preheat.artifact import Tag
    from preheat.policy.candidate import Candidate

__all__ = ["RepositoryCriterion"]


@dataclass(frozen=True, slots=True)
class RepositoryCriterion:
    """Keeps artifacts whose repository is included and not excluded.

    :param include: empty means every repository.
    """

    rule: str
    include: tuple[Matcher, ...] = ()
    exclude: tuple[Matcher, ...] = ()
    line: int | None = None

    def judge(self, candidate: Candidate) -> tuple[Tag, ...] | Reason:
        """Give all tags, or say which pattern decided."""
        name = candidate.artifact.repository
        if self.include and first_match(self.include, name) is None:
            return Reason(
                ReasonCode.REPO_NOT_INCLUDED,
                f"the repository is {name!r}; the rule wants {any_of(self.include)}",
                self.rule,
                self.line,
            )
        excluded = first_match(self.exclude, name) if self.exclude else None
        if excluded is not None:
            return Reason(
                ReasonCode.REPO_EXCLUDED,
                f"the repository is {name!r}; the rule excludes {excluded}",
                self.rule,
                excluded.line,
            )
        return candidate.tags
