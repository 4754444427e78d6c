"""Looking again at what must stay warm: the peers are asked what they hold, nothing is heated."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from preheat.errors import NotFoundError
from preheat.proving import look_now
from preheat.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Collection

    from preheat.drivers.base import Driver
    from preheat.harbor.client import HarborClient
    from preheat.ledger import Ledger
    from preheat.upkeep.keeping import Due
    from preheat.verdict import Finding

__all__ = ["Rechecked", "State", "recheck"]


class State(StrEnum):
    """What a second look found."""

    WARM = "still warm"
    DECAYED = "decayed"
    UNPROVED = "not provable by asking the peers"
    """All that answered hold it, and nobody says how many should: a job would name them all."""
    GONE = "not in Harbor any more"
    BUSY = "asked for just now"

    @property
    def must_be_asked(self) -> bool:
        """Whether Dragonfly is to be asked for it again; peers fetch only what they lack."""
        return self in {State.DECAYED, State.UNPROVED}


@dataclass(frozen=True, slots=True)
class Rechecked:
    """One placement after the look.

    :param finding: what was counted; None when nobody was asked.
    """

    due: Due
    state: State
    finding: Finding | None = None


def recheck(
    ledger: Ledger, driver: Driver, harbor: HarborClient, due: Due, *, busy: Collection[int] = ()
) -> Rechecked:
    """Look at one placement and write down what was counted.

    What Harbor does not hold any more is kept warm no more: nobody can pull it.

    :param busy: placements that somebody asks for at this moment.
    :raises RemoteError: when Harbor cannot be asked.
    """
    if due.placement.id in busy:
        return Rechecked(due, State.BUSY)
    placement = ledger.placement(due.placement.id)
    key = placement.key
    project, _, repository = key.repository.partition("/")
    try:
        harbor.artifact(project, repository, key.digest)
    except NotFoundError:
        ledger.upkeep.forget([placement.id])
        return Rechecked(due, State.GONE)
    image = ledger.image(key.digest)
    if image is None:
        image = harbor.resolve(key.repository, key.digest, key.platform)
        ledger.record_image(image)
    finding = look_now(driver, placement, image, harbor)
    if finding.verdict is Verdict.UNKNOWN:
        # What was proved before is not disproved by this.
        return Rechecked(due, State.UNPROVED, finding)
    ledger.upkeep.record_check(placement.id, finding)
    is_well = finding.verdict is Verdict.WARM or (
        due.accept_partial and finding.verdict is Verdict.PARTIAL
    )
    return Rechecked(due, State.WARM if is_well else State.DECAYED, finding)
