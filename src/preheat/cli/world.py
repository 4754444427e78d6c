"""All that a plan depends on besides its policy, so that every policy is evaluated on the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from preheat.facts import Kind, Question
from preheat.planning import complete
from preheat.policy.engine import Evaluation

if TYPE_CHECKING:
    from datetime import datetime

    from preheat.cli.catalogues import Known
    from preheat.cli.remembered import Remembered
    from preheat.placement import PlacementKey
    from preheat.plan import Plan
    from preheat.policy.model import Clusters, Policy

__all__ = ["World"]


@dataclass(frozen=True)
class World:
    """One moment.

    :param known: catalogue and answers.
    :param memory: what a ledger says.
    :param weighs: whether to find out the size of every image, also where no policy asks.
    """

    known: Known
    memory: Remembered
    at: datetime
    weighs: bool = False

    def evaluate(self, policy: Policy, clusters: Clusters) -> tuple[Evaluation, Plan]:
        """Evaluate a policy, and answer all that it asks."""
        evaluation = Evaluation(
            policy,
            self.known.catalogue,
            clusters,
            self.at,
            warm=self.memory.warm.get(policy.verify.demand),
            spent=self.memory.spent.get(policy.name),
        )
        plan = complete(evaluation, self.known.answer, self.known.facts)
        if self.weighs and self._weigh(plan):
            plan = complete(evaluation, self.known.answer, self.known.facts)
        return evaluation, plan

    def _weigh(self, plan: Plan) -> bool:
        """Find out what the images of a plan consist of; says whether anything was new."""
        asked = {
            Question(Kind.IMAGE, planned.settings.registry, *_split(key), key.digest, key.platform)
            for planned in plan.placements
            for key in (planned.key,)
        }
        new = sorted(asked - self.known.facts.keys())
        self.known.facts.update(self.known.answer(new))
        return bool(new)


def _split(key: PlacementKey) -> tuple[str, str]:
    project, _, repository = key.repository.partition("/")
    return project, repository
