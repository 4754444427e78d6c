"""Looking again at what must stay warm: the peers are asked what they hold, nothing is heated."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from preheat.demand import Demand, MinHosts
from preheat.errors import NotFoundError, PreheatError
from preheat.proving import look_now
from preheat.upkeep.keeping import strictest, strictness
from preheat.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Collection

    from preheat.drivers.base import Driver
    from preheat.harbor.client import HarborClient
    from preheat.ledger import Ledger
    from preheat.upkeep.keeping import Due
    from preheat.verdict import Finding

__all__ = ["Rechecked", "State", "recheck"]

# Any other demand can be judged from what is seen under this one: it leaves nothing out.
_ANY_HOST = Demand(min_hosts=MinHosts(count=1))


class State(StrEnum):
    """What a second look found."""

    WARM = "still warm"
    ACCEPTED = "PARTIAL, which its policy accepts"
    """Nobody wants it asked for again (``onPartial: accept``), and nobody may call it warm."""
    DECAYED = "decayed"
    UNPROVED = "not provable by asking the peers"
    """All that answered hold it, and nobody says how many should: a job would name them all."""
    GONE = "not in Harbor any more"
    BUSY = "asked for just now"
    FAILED = "could not be looked at"

    @property
    def must_be_asked(self) -> bool:
        """Whether Dragonfly is to be asked for it again; peers fetch only what they lack."""
        return self in {State.DECAYED, State.UNPROVED}


@dataclass(frozen=True, slots=True)
class Rechecked:
    """One placement after the look.

    :param finding: what was counted, under the demand; None when nobody was asked.
    :param demand: what is enough for all whose wishes are not met.
    :param accept_partial: whether PARTIAL is enough for all of those.
    :param error: why it could not be looked at: what was proved before still stands.
    """

    due: Due
    state: State
    finding: Finding | None = None
    demand: Demand = field(default_factory=Demand)
    accept_partial: bool = False
    error: PreheatError | None = None


def recheck(
    ledger: Ledger, driver: Driver, harbor: HarborClient, due: Due, *, busy: Collection[int] = ()
) -> Rechecked:
    """Look at one placement and write down what was counted; an error is a state too.

    What Harbor does not hold any more is kept warm no more: nobody can pull it.

    :param busy: placements that somebody asks for at this moment.
    """
    if due.placement.id in busy:
        return Rechecked(due, State.BUSY)
    try:
        return _looked(ledger, driver, harbor, due)
    except PreheatError as error:
        return Rechecked(due, State.FAILED, error=error)


def _looked(ledger: Ledger, driver: Driver, harbor: HarborClient, due: Due) -> Rechecked:
    placement = ledger.placement(due.placement.id)
    key = placement.key
    project, _, repository = key.repository.partition("/")
    try:
        harbor.artifact(project, repository, key.digest)
    except NotFoundError:
        ledger.inbox.mark_deleted([placement.id])
        return Rechecked(due, State.GONE)
    image = ledger.image(key.digest)
    if image is None:
        image = harbor.resolve(key.repository, key.digest, key.platform)
        ledger.record_image(image)
    seen = look_now(driver, placement, image, harbor, _ANY_HOST)
    known = [wish.demand for wish in due.wishes if _is_known(seen.under(wish.demand))]
    if known:  # what cannot be shown is not disproved by this
        strict = max(known, key=lambda demand: strictness(demand, seen.hosts_expected))
        if not ledger.upkeep.record_check(placement.id, seen.under(strict), seen=placement):
            return Rechecked(due, State.BUSY)
    return _judged(due, seen)


def _judged(due: Due, seen: Finding) -> Rechecked:
    unmet = due.unmet(seen)
    if not unmet:
        return _well(due, seen)
    demand = strictest([wish.demand for wish in unmet], seen.hosts_expected)
    is_shown = any(_is_known(seen.under(wish.demand)) for wish in unmet)
    return Rechecked(
        due,
        State.DECAYED if is_shown else State.UNPROVED,
        seen.under(demand),
        demand,
        accept_partial=all(wish.accept_partial for wish in unmet),
    )


def _well(due: Due, seen: Finding) -> Rechecked:
    """Tell what is warm from what is only accepted, where every wish is met."""
    short = [
        wish.demand for wish in due.wishes if seen.under(wish.demand).verdict is not Verdict.WARM
    ]
    if not short:
        return Rechecked(due, State.WARM, seen.under(due.demand))
    demand = strictest(short, seen.hosts_expected)
    return Rechecked(due, State.ACCEPTED, seen.under(demand), demand, accept_partial=True)


def _is_known(finding: Finding) -> bool:
    return finding.verdict is not Verdict.UNKNOWN
