"""How many images of each group are warm: the newest, and the ones before as a way back.

**Counts digests, not tags**: ``latest``, ``2`` and ``2.4.1`` on one image are one. Left out, all
that match are taken.

``plusPrevious`` takes so many more behind the newest: the images one would roll back to. ``from``
says what happens when a new one fails a gate (``gates``): with ``eligible`` the next older one that
passes takes its place; with ``matched`` nothing does, because an older image is not what the rule
means. ``onIneligible`` says whether that is fine (``skip``), worth a warning in the run (``warn``),
or makes the run red (``fail``).

::

    take: {newest: 1, plusPrevious: 1, from: matched, onIneligible: fail}
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from preheat.plan import ReasonCode
from preheat.policy.fields import Number, Strict
from preheat.policy.part import Part

if TYPE_CHECKING:
    from preheat.policy.part import At

__all__ = ["PART", "From", "OnIneligible", "Take", "TakeSpec"]


class From(StrEnum):
    """Among which images the newest are counted."""

    ELIGIBLE = "eligible"
    MATCHED = "matched"


class OnIneligible(StrEnum):
    """What it means when one of the newest fails a gate."""

    SKIP = "skip"
    WARN = "warn"
    FAIL = "fail"


class TakeSpec(Strict):
    """``take`` of a rule."""

    shape: ClassVar[str] = "a map such as {newest: 3}"
    newest: Annotated[Number, Field(ge=1)] = Field(
        description="So many digests of each group, newest first by `order`."
    )
    plus_previous: Annotated[Number, Field(ge=0)] = Field(
        0, description="So many more behind them: what one would roll back to."
    )
    from_: From = Field(
        From.ELIGIBLE,
        alias="from",
        description="`eligible`: an older one takes the place of one that fails a gate; `matched`:"
        " nothing does.",
    )
    on_ineligible: OnIneligible = Field(
        OnIneligible.WARN,
        description="What it means when one of the newest fails a gate: nothing, a warning, or a"
        " red run.",
    )

    def build(self, at: At) -> Take:
        """Make the value; its line is that of ``newest``."""
        line = (at / "newest").line
        return Take(self.newest, self.plus_previous, self.from_, self.on_ineligible, line)


@dataclass(frozen=True, slots=True)
class Take:
    """How many artifacts a group gives.

    :param newest: counts digests, not tags; None takes all.
    """

    newest: int | None = None
    plus_previous: int = 0
    from_: From = From.ELIGIBLE
    on_ineligible: OnIneligible = OnIneligible.WARN
    line: int | None = None

    @property
    def places(self) -> int | None:
        """How many are taken of a group, the previous ones included; None for all."""
        return None if self.newest is None else self.newest + self.plus_previous


PART = Part(
    "spec.rules[].take", __name__, TakeSpec, (ReasonCode.NOT_NEWEST, ReasonCode.SAME_DIGEST_AS)
)
