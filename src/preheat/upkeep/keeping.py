"""Which placements are due: their proof is too old, or would be before the next look. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from preheat.demand import Demand, VerifyMode
from preheat.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime, timedelta

    from preheat.ledger import Kept, StoredPlacement
    from preheat.verdict import Finding

__all__ = ["Due", "Wish", "due", "strictest", "strictness"]


@dataclass(frozen=True, slots=True)
class Wish:
    """What one policy wants shown of a placement.

    :param accept_partial: whether PARTIAL is well enough for it.
    """

    demand: Demand
    accept_partial: bool = False

    def is_met_by(self, verdict: Verdict) -> bool:
        """Tell whether a verdict is well enough; it must be one under this demand."""
        return verdict is Verdict.WARM or (self.accept_partial and verdict is Verdict.PARTIAL)


@dataclass(frozen=True, slots=True)
class Due:
    """One placement whose proof must be renewed.

    :param label: as the latest plan that wants it called it.
    :param policies: whose wish it is.
    :param wishes: what they want shown; each is judged by itself.
    """

    placement: StoredPlacement
    label: str
    policies: tuple[str, ...]
    wishes: tuple[Wish, ...]
    due_at: datetime

    @property
    def demand(self) -> Demand:
        """What is enough for all of them."""
        key, settings = self.placement.key, self.placement.settings
        hosts = len(settings.hosts_of(key.scope)) or None
        return strictest([wish.demand for wish in self.wishes], hosts)

    def unmet(self, finding: Finding) -> tuple[Wish, ...]:
        """Tell which wishes a finding does not fulfil."""
        return tuple(
            wish for wish in self.wishes if not wish.is_met_by(finding.under(wish.demand).verdict)
        )


def strictest(demands: Sequence[Demand], hosts: int | None) -> Demand:
    """Make the demand that is enough for all of these.

    :param hosts: in scope; where nobody knows how many, a percentage is stricter than a count.
    """
    by_peers = any(demand.mode is VerifyMode.PEERS for demand in demands)
    most = max(demands, key=lambda demand: strictness(demand, hosts))
    return Demand(VerifyMode.PEERS if by_peers else VerifyMode.LAYERS, most.min_hosts)


def strictness(demand: Demand, hosts: int | None) -> tuple[bool, int]:
    """Measure a demand by the hosts that it wants, of so many in scope."""
    wanted = demand.min_hosts
    if hosts is None and wanted.count is None:
        return True, wanted.percent
    return False, wanted.wanted_of(hosts or 0)


def due(wishes: Iterable[Kept], now: datetime, *, ahead: timedelta) -> list[Due]:
    """Find what is due, the oldest proof first; of several wishes for one placement all count.

    :param wishes: by placement, as the ledger gives them.
    :param ahead: what gets too old within this time is due too: the time until the next look.
    """
    found = [_merged(list(some)) for _, some in groupby(wishes, key=lambda wish: wish.placement.id)]
    late = [one for one in found if one.due_at <= now + ahead]
    return sorted(late, key=lambda one: (one.due_at, one.placement.id))


def _merged(wishes: list[Kept]) -> Due:
    latest = max(wishes, key=lambda wish: wish.selected_at)
    return Due(
        placement=latest.placement,
        label=latest.label,
        policies=tuple(wish.policy for wish in wishes),
        wishes=tuple(Wish(wish.demand, wish.accept_partial) for wish in wishes),
        due_at=min(wish.due_at for wish in wishes),
    )
