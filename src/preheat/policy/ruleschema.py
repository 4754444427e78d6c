"""The shape of a rule: matchers, criteria, order and take."""

from __future__ import annotations

from typing import Annotated, ClassVar, Self

from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator

from preheat.policy.criteria.age import Clock
from preheat.policy.fields import (
    Duration,
    FileName,
    Number,
    Strict,
    Text,
    refuse_later,
    require_any,
    require_one,
)
from preheat.policy.matchers import Matcher, MatcherKind
from preheat.policy.model import Order

__all__ = ["Glob", "MatcherSpec", "RuleSpec"]

_LATER_ORDERS = {"semver", "calver", "numeric", "created"}


class MatcherSpec(Strict):
    """One pattern."""

    shape: ClassVar[str] = 'a matcher such as {glob: "v*"}, {exact: "v1"} or {regex: "v[0-9]+"}'
    exact: Text | None = None
    glob: Text | None = None
    regex: Text | None = None

    @field_validator("glob", "regex")
    @classmethod
    def _compile(cls, value: str | None, info: ValidationInfo) -> str | None:
        Matcher(MatcherKind(str(info.field_name)), value or "").check()
        return value

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        require_one(self, "exact, glob and regex")
        return self


Matchers = Annotated[tuple[MatcherSpec, ...], Field(min_length=1)]
Texts = Annotated[tuple[Text, ...], Field(min_length=1)]


def _check_glob(value: str) -> str:
    Matcher(MatcherKind.GLOB, value).check()
    return value


Glob = Annotated[Text, AfterValidator(_check_glob)]


class RepositoriesSpec(Strict):
    """``repositories`` of a rule."""

    shape: ClassVar[str] = 'a map such as {include: [{glob: "front/**"}]}'
    include: Matchers = ()
    exclude: Matchers = ()

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        require_any(self, "include and exclude")
        return self


class TagsSpec(Strict):
    """``tags`` of a rule."""

    shape: ClassVar[str] = 'a map such as {allow: [{glob: "v*"}]}'
    allow: Matchers = ()
    deny: Matchers = ()

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        require_any(self, "allow and deny")
        return self


class LabelsSpec(Strict):
    """``labels`` of a rule."""

    shape: ClassVar[str] = "a map such as {all: [approved]}"
    all: Texts = ()
    any: Texts = ()
    none: Texts = ()

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        require_any(self, "all, any and none")
        return self


class AgeSpec(Strict):
    """``age`` of a rule."""

    shape: ClassVar[str] = "a map such as {clock: pushed, max: 30d}"
    clock: Clock = Clock.PUSHED
    min: Duration | None = None
    max: Duration | None = None

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


class OrderSpec(Strict):
    """``order`` of a rule."""

    later: ClassVar[frozenset[str]] = frozenset({"key", "ranges", "prerelease", "strict"})
    shape: ClassVar[str] = "a map such as {by: pushed}"
    by: Order

    @field_validator("by", mode="before")
    @classmethod
    def _known_order(cls, value: object) -> object:
        refuse_later(str(value), _LATER_ORDERS)
        return value


class TakeSpec(Strict):
    """``take`` of a rule."""

    later: ClassVar[frozenset[str]] = frozenset({"plusPrevious", "from", "onIneligible"})
    shape: ClassVar[str] = "a map such as {newest: 3}"
    newest: Annotated[Number, Field(ge=1)]


class RuleSpec(Strict):
    """One entry of ``rules``."""

    later: ClassVar[frozenset[str]] = frozenset({"annotations"})
    shape: ClassVar[str] = "a map that begins with name:"
    name: FileName
    repositories: RepositoriesSpec | None = None
    tags: TagsSpec | None = None
    labels: LabelsSpec | None = None
    age: AgeSpec | None = None
    order: OrderSpec | None = None
    group_by: tuple[str, ...] = ("repository",)
    take: TakeSpec | None = None

    @field_validator("group_by")
    @classmethod
    def _only_repository(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if value != ("repository",):
            raise ValueError("'groupBy' is [repository]; captures come in a later version")
        return value
