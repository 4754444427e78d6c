"""Keep what a policy selected warm between its runs, and for a while after it selected it last.

Peers lose images: a disk fills up, a cache is emptied at a restart, a node is replaced. Each
``recheck`` the DAG ``preheat_upkeep`` asks the peers what they hold, and only what decayed is asked
of Dragonfly again. ``until`` counts from the last plan that selected the image, so what a policy
does not select any more is kept that long, and then left to the peers' own clean-up.

Upkeep keeps to the policy's windows and to ``suspend``. It does not count against the budget: the
peers fetch only what they lost of what was within it. An image that is no longer in Harbor is not
kept, nor one whose policy says ``keepWarm`` no more at its next run.

::

    keepWarm: {recheck: 6h, until: 14d}
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, ClassVar, Self

from pydantic import Field, model_validator

from preheat.plan import KeepWarm
from preheat.policy.fields import Duration, Strict, between
from preheat.policy.part import Part

__all__ = ["PART", "KeepWarmSpec"]


class KeepWarmSpec(Strict):
    """``keepWarm``."""

    shape: ClassVar[str] = "a map such as {recheck: 6h, until: 14d}"
    recheck: Annotated[Duration, between("1h", "30d")] = Field(
        timedelta(hours=6), description="How old the proof of warmth may get."
    )
    until: Annotated[Duration, between("1h", "365d")] = Field(
        timedelta(days=14), description="For how long after a plan selected the image last."
    )

    @model_validator(mode="after")
    def _bounds(self) -> Self:
        if self.recheck > self.until:
            raise ValueError("'recheck' is longer than 'until': it would never be checked")
        return self

    def build(self) -> KeepWarm:
        """Make the value."""
        return KeepWarm(self.recheck, self.until)


PART = Part("spec.keepWarm", __name__, KeepWarmSpec)
