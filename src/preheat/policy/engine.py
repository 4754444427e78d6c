"""Which images should be warm where, and why not the others. Pure: values in, a plan out.

Order of evaluation: source and type, repository, tags, labels, versions, age, gates, newest of each
group, pins, platforms, clusters, freshness, budget, windows. An artifact is in if any rule takes
it, or a pin.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from preheat.catalogue import Catalogue
from preheat.facts import Inquiry
from preheat.plan import Plan
from preheat.policy.choosing import Choosing
from preheat.policy.decisions import Decisions, Judged, Rejected
from preheat.policy.limiting import Limiting
from preheat.policy.matching import Matching
from preheat.policy.model import OnPartial
from preheat.policy.placing import Placing
from preheat.policy.taking import Gates, Taking

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from preheat.artifact import Artifact
    from preheat.facts import Facts
    from preheat.placement import PlacementKey
    from preheat.policy.model import Clusters, Policy

__all__ = ["Evaluation", "evaluate"]


class Evaluation:
    """One policy on one catalogue at one moment.

    The same values give the same plan, in whatever order the artifacts came.

    :param warm: placements found warm, with the time of that proof; fresh ones are not asked for.
    :param spent: bytes that the policy asked of each cluster in the last day, by cluster name.
    :param max_map_length: most placements of one cluster in one run (Airflow: ``max_map_length``).
    :param partial: whether the catalogue holds some repositories only: then it is no wonder that a
        source or rule matches nothing.
    :raises ProblemsError: when ``clusters`` lacks one that the policy names.
    """

    def __init__(
        self,
        policy: Policy,
        catalogue: Catalogue,
        clusters: Clusters,
        now: datetime,
        *,
        warm: Mapping[PlacementKey, datetime] | None = None,
        spent: Mapping[str, int] | None = None,
        max_map_length: int = 1024,
        partial: bool = False,
    ) -> None:
        self._partial = partial
        self.policy = policy
        self.now = now
        self._used = {cluster.name: cluster for cluster in clusters.named(policy.cluster_names)}
        self._spent = spent or {}
        self._placing = Placing(
            clusters=self._used,
            targets=policy.targets,
            include=policy.platforms.include,
            submit=policy.submit,
            now=now,
            accept_partial=policy.verify.on_partial is OnPartial.ACCEPT,
            demand=policy.verify.demand,
            warm=warm or {},
            max_map_length=max_map_length,
        )
        self.matching = Matching(policy, catalogue, now)

    def plan(self, facts: Facts | None = None) -> Plan:
        """Give the plan as these facts make it; it is final once it has no questions."""
        policy, inquiry = self.policy, Inquiry(facts or {})
        choosing = Choosing(policy.platforms, self._wanted())
        gates = Gates(policy.gates, inquiry, self.now, choosing.wanted)
        taking = Taking(self.matching, policy.rules, gates)
        decisions = Decisions(self._decisions(choosing, taking))
        placed = self._placing.place(choosing.chosen())
        limits = Limiting(policy, self._placing, placed, inquiry, self._spent)
        return Plan(
            policy=policy.name,
            evaluated_at=self.now,
            decisions=decisions,
            placements=limits.placements,
            policy_text=policy.text,
            policy_hash=policy.hash,
            clusters=tuple(cluster.as_data() for cluster in self._used.values()),
            accept_partial=self._placing.accept_partial,
            warnings=(
                *(() if self._partial else self.matching.warnings),
                *(warning for gate in policy.gates for warning in gate.warnings(self.now)),
                *taking.warnings,
                *limits.warnings,
            ),
            failures=(*taking.failures, *choosing.failures, *limits.failures),
            questions=tuple(sorted(inquiry.open)),
            bytes=limits.bytes,
            opens_at=limits.opens_at,
            over_budget=limits.question,
            keep_warm=policy.keep_warm,
            partial=self._partial,
        )

    def _wanted(self) -> list[tuple[str, ...]]:
        return [self._placing.wanted(cluster) for cluster in self._used.values()]

    def _decisions(self, choosing: Choosing, taking: Taking) -> Iterator[Rejected | Judged]:
        """Give every candidate its decision, in reading order."""
        matching = self.matching
        for part in matching.parts:
            if isinstance(part, Rejected):
                yield part
                continue
            judged = Judged()
            for index in part:
                artifact = matching.artifacts[index]
                more = taking.reasons.get(index)
                reasons = matching.reasons[index]
                reasons = reasons + more if more else reasons
                if index in taking.picks:
                    chosen = choosing.choose(artifact, taking.picks[index], reasons)
                    judged.entries.append(chosen)
                else:
                    judged.entries.append((artifact, reasons))
            yield judged


def evaluate(
    policy: Policy,
    artifacts: Iterable[Artifact] | Catalogue,
    clusters: Clusters,
    now: datetime,
    *,
    facts: Facts | None = None,
    warm: Mapping[PlacementKey, datetime] | None = None,
    spent: Mapping[str, int] | None = None,
    max_map_length: int = 1024,
) -> Plan:
    """Decide on every artifact that the policy's sources cover; see :class:`Evaluation`.

    :raises ProblemsError: when ``clusters`` lacks one that the policy names.
    """
    catalogue = artifacts if isinstance(artifacts, Catalogue) else Catalogue.of(artifacts)
    return Evaluation(
        policy, catalogue, clusters, now, warm=warm, spent=spent, max_map_length=max_map_length
    ).plan(facts)
