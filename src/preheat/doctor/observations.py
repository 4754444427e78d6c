"""What the doctor sees: one observation for each thing looked at, well or not."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from preheat.checks import CheckItem

__all__ = ["Examination", "Observation", "State", "of_item"]


class State(StrEnum):
    """How one thing stands."""

    OK = "ok"
    LOOK = "look"
    """It works, and something about it is worth a look."""
    WRONG = "wrong"
    SKIPPED = "skipped"
    """There is nothing to look at, or not from here."""
    UNKNOWN = "unknown"
    """Looking itself failed."""


@dataclass(frozen=True, slots=True)
class Observation:
    """One thing looked at.

    :param about: what it belongs to: a connection, a cluster, ``ledger``.
    :param check: what was looked at.
    :param advice: what to do; empty when there is nothing to do.
    """

    about: str
    check: str
    state: State
    detail: str
    advice: str = ""


def of_item(about: str, item: CheckItem) -> Observation:
    """Take over what a connection test found."""
    state = State.LOOK if item.advice else State.OK
    if not item.ok or item.serious:
        state = State.WRONG
    return Observation(about, item.name, state, item.detail, item.advice)


@dataclass(frozen=True, slots=True)
class Examination:
    """All that was seen at one time, in the order of what a warm image rests on."""

    observations: tuple[Observation, ...]

    @property
    def counts(self) -> Mapping[State, int]:
        """How many observations there are of each state."""
        found = Counter(observation.state for observation in self.observations)
        return {state: found[state] for state in State}

    @property
    def wrong(self) -> tuple[Observation, ...]:
        """What has to be mended."""
        return tuple(seen for seen in self.observations if seen.state is State.WRONG)

    @property
    def exit_code(self) -> int:
        """0 when all is well, 1 when something is wrong, 2 when looking itself failed."""
        if self.wrong:
            return 1
        return 2 if self.counts[State.UNKNOWN] else 0
