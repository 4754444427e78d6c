"""All that a plan depends on besides its policy, so that every policy is evaluated on the same."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from preheat.artifact import Image
from preheat.cli.preview import Preview, Sizes, without_byte_limits
from preheat.facts import Kind, Question
from preheat.plan import Disposition
from preheat.planning import complete
from preheat.policy.engine import Evaluation

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from preheat.cli.catalogues import Known
    from preheat.cli.remembered import Remembered
    from preheat.facts import Facts
    from preheat.plan import Plan, PlannedPlacement
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

    def preview(self, policy: Policy, clusters: Clusters) -> Preview:
        """Evaluate a policy, answer all that it asks, and tell what of it is certain."""
        evaluation, plan = self._evaluate(policy, clusters)
        preview = Preview(evaluation, plan, self._sizes(plan))
        budget = policy.budget
        if budget is None or not budget.counts_bytes or not preview.sizes.finer:
            return preview
        counted = replace(policy, budget=without_byte_limits(budget))
        _, free = self._evaluate(counted, clusters)
        return preview.doubted(free, self.memory.spent.get(policy.name, {}))

    def _evaluate(self, policy: Policy, clusters: Clusters) -> tuple[Evaluation, Plan]:
        evaluation = Evaluation(
            policy,
            self.known.catalogue,
            clusters,
            self.at,
            warm=self.memory.warm.get(policy.verify.demand),
            spent=self.memory.spent.get(policy.name),
        )
        plan = self._complete(evaluation)
        if self.weighs and self._weigh(plan):
            plan = self._complete(evaluation)
        if self._remember(plan):
            plan = self._complete(evaluation)
        return evaluation, plan

    def _complete(self, evaluation: Evaluation) -> Plan:
        return complete(evaluation, self._answer, self.known.facts)

    def _answer(self, questions: Sequence[Question]) -> Facts:
        """Look into the ledger first: what a run read there is exact, and costs no request."""
        found = self.memory.images(questions)
        return found | self.known.answer([each for each in questions if each not in found])

    def _weigh(self, plan: Plan) -> bool:
        """Find out what the images of a plan consist of; says whether anything was new."""
        asked = {_question(planned) for planned in plan.placements}
        new = sorted(asked - self.known.facts.keys())
        self.known.facts.update(self._answer(new))
        return bool(new)

    def _remember(self, plan: Plan) -> bool:
        """Put what a ledger knows in place of sizes alone; says whether anything was new."""
        found = self.memory.images(dict.fromkeys(self._inexact(plan)))
        self.known.facts.update(found)
        return bool(found)

    def _sizes(self, plan: Plan) -> Sizes:
        if not any(self._inexact(plan)):
            return Sizes()
        where = "" if self.known.clients else "a catalogue saved with "
        return Sizes(f"{where}--manifests tells exactly")

    def _inexact(self, plan: Plan) -> Iterator[Question]:
        """Give the images that may be asked for and of which nobody told the blobs."""
        for planned in plan.placements:
            if planned.disposition is not Disposition.ALREADY_WARM:
                question = _question(planned)
                answer = self.known.facts.get(question)
                unreadable = answer is None and question in self.known.facts
                if isinstance(answer, Image):
                    if not answer.tells_blobs:
                        yield question
                elif not (unreadable and self.known.reads_manifests):
                    yield question


def _question(planned: PlannedPlacement) -> Question:
    """Ask what an image of a plan consists of."""
    key = planned.key
    project, _, repository = key.repository.partition("/")
    registry = planned.settings.registry
    return Question(Kind.IMAGE, registry, project, repository, key.digest, key.platform)
