"""Matchers as the file writes them: ``{glob: "v*"}``, ``{exact: v1}`` or ``{regex: "v[0-9]+"}``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Self

from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator

from preheat.policy.fields import (
    MOST_ENTRIES,
    ONE_KEY,
    Strict,
    Text,
    require_one,
)
from preheat.policy.matchers import Matcher, MatcherKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from preheat.policy.part import At

__all__ = ["Glob", "MatcherSpec", "Matchers", "build_matchers"]


class MatcherSpec(Strict, json_schema_extra=ONE_KEY):
    """One pattern; it must match the whole name, and case counts."""

    shape: ClassVar[str] = 'a matcher such as {glob: "v*"}, {exact: "v1"} or {regex: "v[0-9]+"}'
    exact: Text | None = Field(None, description="The name itself.")
    glob: Text | None = Field(
        None,
        description="As in Harbor's own policies: `*` and `?` within a path part, `**` over"
        " parts, `{a,b}` for either.",
    )
    regex: Text | None = Field(
        None,
        description="An RE2 expression. Of a tag, its named groups can be used in `order.key` and"
        " `groupBy`.",
    )

    @field_validator("glob", "regex")
    @classmethod
    def _compile(cls, value: str | None, info: ValidationInfo) -> str | None:
        Matcher(MatcherKind(str(info.field_name)), value or "").check()
        return value

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        require_one(self, "exact, glob and regex")
        return self

    def matcher(self, line: int | None = None) -> Matcher:
        """Give what the map means."""
        kind = next(iter(self.model_fields_set))
        return Matcher(MatcherKind(kind), getattr(self, kind), line)


Matchers = Annotated[tuple[MatcherSpec, ...], Field(min_length=1, max_length=MOST_ENTRIES)]


def _check_glob(value: str) -> str:
    Matcher(MatcherKind.GLOB, value).check()
    return value


Glob = Annotated[Text, AfterValidator(_check_glob)]


def build_matchers(specs: Sequence[MatcherSpec], at: At) -> tuple[Matcher, ...]:
    """Give the matchers of a list, each with its line."""
    return tuple(spec.matcher((at / n).line) for n, spec in enumerate(specs))
