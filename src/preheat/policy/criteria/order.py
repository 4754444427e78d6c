r"""What makes one image of a group newer than another, and which versions count at all.

``by`` is one of

* ``pushed`` (the default): the tag's own time, so a promotion by retag counts as new;
* ``pulled``: the last pull of the artifact;
* ``semver``: semantic versions; ``2.10.0`` comes after ``2.9.0``. A leading ``v`` is ignored, and
  ``_`` stands for the ``+`` that no tag can hold;
* ``calver``: calendar versions, a year first: ``24.04``, ``2026.11.2``, ``20261124``; a year of two
  digits is one of this century, of four digits one from 1990 to 2100;
* ``numeric``: a number, of any length;
* ``alphabetical``: the text, by code points.

``key`` says what is compared: a text made of the named groups of the tag's regex, else the whole
tag. A tag whose key is no version or number is out (``UNPARSABLE``). ``ranges``, ``prerelease`` and
``strict`` go with ``semver`` only: a version must lie in one of the ranges, whose parts must all
hold; pre-releases such as ``2.0.0-rc.1`` are out unless included. A range that ends below a release
leaves out the pre-releases of that release too: ``3.0.0-rc.1`` is not in ``<3``, but in
``<3.0.0-rc.2``.

Ties go by push time, then by digest, so that a plan can be repeated.

::

    tags:
      allow: [{regex: 'v?(?P<ver>\d+\.\d+\.\d+)-cuda(?P<cuda>\d+\.\d+)'}]
    order: {by: semver, key: "$ver", ranges: [">=2.3 <3"], prerelease: exclude}
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

from pydantic import AfterValidator, Field, field_validator, model_validator

from preheat.plan import Reason, ReasonCode
from preheat.policy import captures
from preheat.policy.fields import MOST_ENTRIES, Flag, Strict, refuse_later
from preheat.policy.fields import Text as TextField
from preheat.policy.part import Part
from preheat.policy.versions import Range, calver_key, numeric_key, precedence, semver

if TYPE_CHECKING:
    from collections.abc import Sequence

    from preheat.artifact import Artifact, Tag
    from preheat.policy.candidate import Candidate
    from preheat.policy.matchers import Matcher
    from preheat.policy.part import At

__all__ = ["PART", "By", "Order", "OrderSpec", "Prerelease"]


class By(StrEnum):
    """What makes one image newer than another."""

    PUSHED = "pushed"
    PULLED = "pulled"
    SEMVER = "semver"
    CALVER = "calver"
    NUMERIC = "numeric"
    ALPHABETICAL = "alphabetical"


class Prerelease(StrEnum):
    """Whether versions such as ``2.0.0-rc.1`` count."""

    EXCLUDE = "exclude"
    INCLUDE = "include"


_LONGEST_RANGE = 200
_WANTED = {
    By.SEMVER: "a semantic version",
    By.CALVER: "a calendar version",
    By.NUMERIC: "a number",
}


def _check_range(value: str) -> str:
    Range(value)
    return value


def _check_key(value: str) -> str:
    if not captures.variables(value):
        raise ValueError(f"{value!r} names no group of the tag's regex: write $name for one")
    return value


RangeField = Annotated[
    str, Field(min_length=1, max_length=_LONGEST_RANGE), AfterValidator(_check_range)
]


class OrderSpec(Strict):
    """``order`` of a rule."""

    shape: ClassVar[str] = "a map such as {by: semver}"
    by: By = Field(description="What makes one image newer than another.")
    key: Annotated[TextField, AfterValidator(_check_key)] | None = Field(
        None, description="What is compared, made of captures, such as `$year$week`; else the tag."
    )
    ranges: Annotated[
        tuple[RangeField, ...],
        Field(min_length=1, max_length=MOST_ENTRIES),
    ] = Field(
        (),
        description="Semantic versions that count: one of the ranges, all parts of it."
        " `>=2.3 <3`, `^1.2`, `~1.4.2`, `1.2.*`. `<3` leaves out `3.0.0-rc.1` too.",
    )
    prerelease: Prerelease = Field(
        Prerelease.EXCLUDE, description="Whether versions such as `2.0.0-rc.1` count."
    )
    strict: Flag = Field(
        True,
        description="Whether all three numbers must be there; else `1.2` is `1.2.0`.",
    )

    @field_validator("by", mode="before")
    @classmethod
    def _known_order(cls, value: object) -> object:
        refuse_later(str(value), {"created"})
        return value

    @model_validator(mode="after")
    def _fits(self) -> Self:
        extra = self.model_fields_set & {"ranges", "prerelease", "strict"}
        if extra and self.by is not By.SEMVER:
            raise ValueError(f"{min(extra)!r} goes with by: semver only")
        if self.key is not None and self.by in {By.PUSHED, By.PULLED}:
            raise ValueError(f"'key' does not go with by: {self.by}, which compares times")
        if self.prerelease is Prerelease.EXCLUDE:
            never = next((text for text in self.ranges if not Range(text).holds_releases), None)
            if never is not None:
                raise ValueError(f"{never!r} can never match without prerelease: include")
        return self

    def build(self, at: At, allow: Sequence[Matcher]) -> Order:
        """Make the order; captures come from the rule's tag patterns."""
        return Order(
            rule=at.rule,
            by=self.by,
            key=captures.Text(self.key or "", allow),
            ranges=tuple(map(Range, self.ranges)),
            prerelease=self.prerelease is Prerelease.INCLUDE,
            strict=self.strict,
            line=at.line,
        )


@dataclass(frozen=True, slots=True)
class Order:
    """Keeps tags that can be compared, and compares them.

    :param prerelease: whether pre-releases count.
    """

    rule: str = ""
    by: By = By.PUSHED
    key: captures.Text = field(default_factory=lambda: captures.Text("", ()))
    ranges: tuple[Range, ...] = ()
    prerelease: bool = False
    strict: bool = True
    line: int | None = None
    name: ClassVar[str] = "order"

    @property
    def reads_versions(self) -> bool:
        """Whether a tag can be out because of its key."""
        return self.by in _WANTED

    def version(self, tag: Tag) -> Any:
        """Give what is compared; None when the key is nothing of the kind."""
        return _compared(self.key.of(tag.name), self.by, self.strict)

    @staticmethod
    def likeness(artifact: Artifact, tags: tuple[Tag, ...]) -> str | None:
        """Give the name of a single tag: nothing else counts."""
        del artifact
        return tags[0].name if len(tags) == 1 else None

    def judge(self, candidate: Candidate) -> tuple[Tag, ...] | Reason:
        """Give the tags that are versions in range, or the reason of the one that came furthest."""
        kept: list[Tag] = []
        out: Reason | None = None
        for tag in candidate.tags:
            reason = self._refusal(tag)
            if reason is None:
                kept.append(tag)
            elif out is None or _FURTHER[reason.code] > _FURTHER[out.code]:
                out = reason
        return tuple(kept) if kept or out is None else out

    def _refusal(self, tag: Tag) -> Reason | None:
        if self.by is not By.SEMVER:
            return self._unparsable(tag) if self.version(tag) is None else None
        version = semver(self.key.of(tag.name), strict=self.strict)
        if version is None:
            return self._unparsable(tag)
        if version.prerelease and not self.prerelease:
            detail = f"{version} of tag {tag.name!r} is a pre-release; the rule excludes them"
            return Reason(ReasonCode.PRERELEASE, detail, self.rule, self.line)
        if self.ranges and not any(each.holds(version) for each in self.ranges):
            wanted = " or ".join(repr(each.text) for each in self.ranges)
            detail = f"{version} of tag {tag.name!r} is not in {wanted}"
            return Reason(ReasonCode.OUT_OF_RANGE, detail, self.rule, self.line)
        return None

    def _unparsable(self, tag: Tag) -> Reason:
        text = self.key.of(tag.name)
        met = f"the tag {tag.name!r}" if text == tag.name else f"{text!r} of tag {tag.name!r}"
        loose = "; strict: false takes fewer numbers" if self._would_do_loosely(text) else ""
        detail = f"{met} is not {_WANTED[self.by]}{loose}"
        return Reason(ReasonCode.UNPARSABLE, detail, self.rule, self.line)

    def _would_do_loosely(self, text: str) -> bool:
        return self.by is By.SEMVER and self.strict and semver(text, strict=False) is not None


@lru_cache(maxsize=65536)
def _compared(text: str, by: By, strict: bool) -> Any:  # noqa: FBT001 - positions are what is cached
    match by:
        case By.SEMVER:
            found = semver(text, strict=strict)
            return None if found is None else precedence(found)
        case By.CALVER:
            return calver_key(text)
        case By.NUMERIC:
            return numeric_key(text)
        case _:
            return text


_FURTHER = {ReasonCode.UNPARSABLE: 0, ReasonCode.PRERELEASE: 1, ReasonCode.OUT_OF_RANGE: 2}

PART = Part(
    "spec.rules[].order",
    __name__,
    OrderSpec,
    (ReasonCode.UNPARSABLE, ReasonCode.PRERELEASE, ReasonCode.OUT_OF_RANGE),
)
