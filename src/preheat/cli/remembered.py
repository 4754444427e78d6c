"""What a ledger remembers that a plan depends on: what is warm, and what was asked for today."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from preheat.cli.ledgers import current_ledger
from preheat.facts import Kind
from preheat.planning import proved_warm

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from datetime import datetime

    from preheat.demand import Demand
    from preheat.facts import Facts, Question
    from preheat.placement import PlacementKey
    from preheat.policy.model import Clusters, Policy

__all__ = ["Remembered", "remembered"]


@dataclass(frozen=True)
class Remembered:
    """Nothing, unless a ledger was read.

    :param warm: placements proved warm, with the time of that proof, by what is demanded of it.
    :param spent: by policy, the bytes asked of each cluster so far on the policy's calendar day.
    :param url: of the ledger; empty for none.
    """

    warm: Mapping[Demand, Mapping[PlacementKey, datetime]] = field(default_factory=dict)
    spent: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    url: str = ""

    def images(self, questions: Iterable[Question]) -> Facts:
        """Answer those that ask what an image consists of, as far as a run read its manifest."""
        asked = [question for question in questions if question.kind is Kind.IMAGE]
        if not self.url or not asked:
            return {}
        from preheat.ledger import Ledger  # noqa: PLC0415 - only where a ledger is read

        with Ledger.at(self.url) as ledger:
            found = ledger.images({question.digest for question in asked})
        return {each: found[each.digest] for each in asked if each.digest in found}


def remembered(
    url: str, clusters: Clusters, policies: Collection[Policy], at: datetime
) -> Remembered:
    """Read a ledger, without making or changing one.

    :param url: empty for no ledger.
    :raises LedgerError: when it is not there, or not one of this Preheat.
    """
    if not url:
        return Remembered()
    with current_ledger(url) as ledger:
        demands = {policy.verify.demand for policy in policies}
        return Remembered(
            {demand: proved_warm(ledger, clusters, demand) for demand in demands},
            {policy.name: ledger.spent(policy.name, policy.day_of(at), at) for policy in policies},
            url,
        )
