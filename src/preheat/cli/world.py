"""All that a plan depends on besides its policy, so that every policy is evaluated on the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from preheat.planning import complete
from preheat.policy.engine import Evaluation

if TYPE_CHECKING:
    from datetime import datetime

    from preheat.cli.catalogues import Known
    from preheat.cli.remembered import Remembered
    from preheat.plan import Plan
    from preheat.policy.model import Clusters, Policy

__all__ = ["World"]


@dataclass(frozen=True)
class World:
    """One moment.

    :param known: catalogue and answers.
    :param memory: what a ledger says.
    """

    known: Known
    memory: Remembered
    at: datetime

    def evaluate(self, policy: Policy, clusters: Clusters) -> tuple[Evaluation, Plan]:
        """Evaluate a policy, and answer all that it asks."""
        evaluation = Evaluation(
            policy,
            self.known.catalogue,
            clusters,
            self.at,
            warm=self.memory.warm,
            spent=self.memory.spent.get(policy.name),
        )
        return evaluation, complete(evaluation, self.known.answer)
