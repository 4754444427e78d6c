"""Repositories a rule looks at: any of ``include``, none of ``exclude``; names without the project.

::

    repositories:
      include: [{glob: "train/**"}, {exact: notebook}]
      exclude: [{glob: "train/tmp-*"}]
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
    from preheat.policy.part import At

__all__ = ["PART", "RepositoriesSpec", "RepositoryCriterion"]


class RepositoriesSpec(Strict, json_schema_extra=SOME_KEYS):
    """``repositories`` of a rule."""

    shape: ClassVar[str] = 'a map such as {include: [{glob: "front/**"}]}'
    include: Matchers = Field((), description="Any of these; left out, every repository.")
    exclude: Matchers = Field((), description="None of these; wins over `include`.")

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        require_any(self, "include and exclude")
        return self

    def build(self, at: At) -> RepositoryCriterion:
        """Make the criterion."""
        return RepositoryCriterion(
            at.rule,
            build_matchers(self.include, at / "include"),
            build_matchers(self.exclude, at / "exclude"),
            at.line,
        )


@dataclass(frozen=True, slots=True)
class RepositoryCriterion:
    """Keeps artifacts whose repository is included and not excluded.

    :param include: empty means every repository.
    """

    rule: str
    include: tuple[Matcher, ...] = ()
    exclude: tuple[Matcher, ...] = ()
    line: int | None = None

    def judge(self, name: str) -> Reason | None:
        """Say which pattern keeps the repository out; None if it is in."""
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
        return None


PART = Part(
    "spec.rules[].repositories",
    __name__,
    RepositoriesSpec,
    (ReasonCode.REPO_NOT_INCLUDED, ReasonCode.REPO_EXCLUDED),
)
