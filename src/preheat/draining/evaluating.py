"""One policy over the places where something happened that it takes."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

from preheat.catalogue import Catalogue
from preheat.draining.places import Place, Places, is_refusal
from preheat.draining.telling import Told
from preheat.errors import PreheatError
from preheat.plan import Plan
from preheat.planning import complete, proved_warm
from preheat.policy.engine import Evaluation

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from datetime import datetime

    from preheat.artifact import Artifact
    from preheat.harbor.client import HarborClient
    from preheat.ledger import Ledger
    from preheat.planning import Answerer
    from preheat.policy.model import Clusters, Policy

__all__ = ["Circumstances", "Evaluated", "evaluate"]


@dataclass(frozen=True)
class Evaluated:
    """What came of one policy.

    :param plan: over the places that could be looked at.
    :param failed: the others, and why.
    """

    plan: Plan
    failed: Mapping[Place, PreheatError] = field(default_factory=dict)

    @cached_property
    def told(self) -> Told:
        """What the plan made of each artifact."""
        return Told(self.plan)

    def recorded(self) -> Plan | None:
        """Give the plan that the run records; None where it records none.

        While the window is closed nothing is asked for, and the events are put off; still the run
        must tell what it could not look at. A place that Harbor does not show is a warning only: it
        may be gone.
        """
        refused = [self.failed[place] for place in self.failed if is_refusal(self.failed[place])]
        broken = [error for error in self.failed.values() if not is_refusal(error)]
        plan = replace(
            self.plan,
            warnings=(*self.plan.warnings, *_told(refused)),
            failures=(*self.plan.failures, *_told(broken)),
        )
        if plan.opens_at is None:
            return plan
        return replace(plan, placements=(), opens_at=None) if broken else None


def _told(errors: Sequence[PreheatError]) -> list[str]:
    return list(dict.fromkeys(f"What happened is looked at again later: {e}" for e in errors))


@dataclass(frozen=True)
class Circumstances:
    """What all policies of a drain have in common.

    :param answerer: answers the questions of plans with these clients.
    :param most: placements of one cluster in one run.
    """

    ledger: Ledger
    answerer: Callable[[Mapping[str, HarborClient]], Answerer]
    clusters: Clusters
    now: datetime
    most: int


def evaluate(
    policy: Policy, own: Sequence[Place], places: Places, common: Circumstances
) -> Evaluated:
    """Evaluate a policy over its touched repositories as Harbor lists them now.

    Where a rule compares images of several repositories, the whole project is listed.

    :param own: the places where something happened that the policy takes.
    """
    spans = any(not rule.group.by_repository for rule in policy.rules)
    answers = {place: (places.project if spans else places.repository)(place) for place in own}
    failed = {place: got for place, got in answers.items() if isinstance(got, PreheatError)}
    listed = {place: got for place, got in answers.items() if not isinstance(got, PreheatError)}
    nothing = Plan(policy.name, common.now, (), (), policy.text, policy.hash, partial=True)
    if not listed:
        return Evaluated(nothing, failed)
    try:
        return Evaluated(_plan(policy, listed, places, common), failed)
    except PreheatError as error:
        return Evaluated(nothing, failed | dict.fromkeys(listed, error))


def _plan(
    policy: Policy,
    listed: Mapping[Place, Sequence[Artifact]],
    places: Places,
    common: Circumstances,
) -> Plan:
    """Plan over what was listed, all questions answered."""
    catalogue = _catalogue(listed)
    names = {name for _, name in listed} | {first.full_name for first in _first(catalogue)}
    ledger, now = common.ledger, common.now
    evaluation = Evaluation(
        _narrowed(policy, catalogue, set(listed)),
        catalogue,
        common.clusters,
        now,
        warm=proved_warm(ledger, common.clusters, policy.verify.demand, repositories=names),
        spent=ledger.spent(policy.name, policy.day_of(now), now),
        max_map_length=common.most,
        partial=True,
    )
    clients = {registry: places.client(registry) for registry, _ in listed}
    return complete(evaluation, common.answerer(clients))


def _first(catalogue: Catalogue) -> list[Artifact]:
    """Give one artifact of each repository."""
    return [repository.artifacts[0] for repository in catalogue]


def _catalogue(listed: Mapping[Place, Sequence[Artifact]]) -> Catalogue:
    """Arrange what was listed; a project that is empty now is no project that nobody knows."""
    found = Catalogue.of(artifact for artifacts in listed.values() for artifact in artifacts)
    projects = dict.fromkeys((registry, name.partition("/")[0]) for registry, name in listed)
    return Catalogue({**dict.fromkeys(projects, ()), **found.projects})


def _narrowed(policy: Policy, catalogue: Catalogue, listed: Collection[Place]) -> Policy:
    """Take out what says something about other places, which nobody listed."""
    return replace(
        policy,
        sources=tuple(
            source
            for source in policy.sources
            if any(source.covers(*project) for project in catalogue.projects)
        ),
        pins=tuple(
            pin
            for pin in policy.pins
            if (pin.registry, f"{pin.project}/{pin.repository}") in listed
        ),
    )
