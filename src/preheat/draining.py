"""From events that wait to plans: each policy they touch, over the repositories they touch.

What an event says is not believed: the repository is listed anew. So events that come late, twice
or out of order lead to the same plans.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, TypeAlias

from preheat.catalogue import Catalogue
from preheat.errors import PreheatError, RefusedError
from preheat.event import EventKind
from preheat.ledger import EventOutcome, Handled
from preheat.plan import Disposition
from preheat.planning import complete, proved_warm, reads_labels
from preheat.policy.engine import Evaluation
from preheat.rendering import count_of
from preheat.touching import touch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime

    from preheat.artifact import Artifact
    from preheat.harbor.client import HarborClient
    from preheat.ledger import Ledger, StoredEvent
    from preheat.placement import PlacementKey
    from preheat.plan import Plan
    from preheat.planning import Answerer
    from preheat.policy.model import Clusters, Policy
    from preheat.touching import Touched

__all__ = ["Drained", "Draining"]

Place: TypeAlias = "tuple[str, str]"
"""Registry and full name of a repository."""

_NEXT_RUN = timedelta(seconds=30)


@dataclass(frozen=True)
class Drained:
    """What became of the events that waited.

    :param plans: one for each policy that was touched.
    :param handled: events that need nobody any more; the others wait on.
    :param errors: why some wait on, in the words of whatever did not answer.
    """

    plans: tuple[Plan, ...] = ()
    handled: tuple[Handled, ...] = ()
    errors: tuple[PreheatError, ...] = ()


@dataclass(frozen=True)
class Draining:
    """All that plans depend on besides the events.

    :param open_harbor: gives the client of a registry; may raise.
    :param answerer: answers the questions of plans with these clients.
    :param policies: those with events.
    :param most: placements of one cluster in one run.
    """

    ledger: Ledger
    open_harbor: Callable[[str], HarborClient]
    answerer: Callable[[Mapping[str, HarborClient]], Answerer]
    policies: Sequence[Policy]
    clusters: Clusters
    now: datetime
    most: int = 1024
    _clients: dict[str, HarborClient] = field(default_factory=dict)

    def drain(self, waiting: Sequence[StoredEvent]) -> Drained:
        """Plan for all that waits.

        What one Harbor does not answer keeps only what hangs on it waiting.
        """
        touched = {
            one.id: touch(one.event, self.policies, only=one.policy)
            for one in waiting
            if one.event.kind is not EventKind.DELETED
        }
        results = {
            policy.name: self._evaluate(policy, _places(policy, waiting, touched))
            for policy in self.policies
            if any(policy in found.policies for found in touched.values())
        }
        handled: list[Handled] = []
        errors = [result for result in results.values() if isinstance(result, PreheatError)]
        for one in waiting:
            if one.id not in touched:
                done = self._deleted(one)
                if isinstance(done, PreheatError):
                    errors.append(done)
                else:
                    handled.append(done)
            elif not any(_waits(results[p.name]) for p in touched[one.id].policies):
                handled.append(_handled(one, touched[one.id], results))
        plans = [each for each in results.values() if not isinstance(each, PreheatError)]
        return Drained(
            tuple(plan for plan in plans if plan.opens_at is None), tuple(handled), tuple(errors)
        )

    def _client(self, registry: str) -> HarborClient:
        if registry not in self._clients:
            self._clients[registry] = self.open_harbor(registry)
        return self._clients[registry]

    def _evaluate(self, policy: Policy, places: Sequence[Place]) -> Plan | PreheatError:
        """Evaluate a policy over these repositories as Harbor lists them now."""
        try:
            clients = {registry: self._client(registry) for registry, _ in places}
            catalogue = self._list(policy, clients, places)
            evaluation = Evaluation(
                _narrowed(policy, catalogue, places),
                catalogue,
                self.clusters,
                self.now,
                warm=self._warm(policy),
                spent=self.ledger.spent(policy.name, policy.day_of(self.now), self.now),
                max_map_length=self.most,
            )
            return replace(complete(evaluation, self.answerer(clients)), partial=True)
        except PreheatError as error:
            return error

    def _warm(self, policy: Policy) -> dict[PlacementKey, datetime]:
        return proved_warm(self.ledger, self.clusters, policy.verify.demand)

    def _list(
        self, policy: Policy, clients: Mapping[str, HarborClient], places: Sequence[Place]
    ) -> Catalogue:
        """List the repositories; the whole project where images of several are compared."""
        labels = reads_labels([policy])
        found: list[Artifact] = []
        projects = dict.fromkeys((registry, name.partition("/")[0]) for registry, name in places)
        if any(not rule.group.by_repository for rule in policy.rules):
            for registry, project in projects:
                found += clients[registry].project_artifacts(project, labels=labels)
        else:
            for registry, name in places:
                found += clients[registry].repository_artifacts(name, labels=labels)
        listed = Catalogue.of(found).projects
        # A project that is empty now is no project that nobody knows.
        return Catalogue({**dict.fromkeys(projects, ()), **listed})

    def _deleted(self, one: StoredEvent) -> Handled | PreheatError:
        """Mark what was made warm of an artifact that is gone, if it really is."""
        event = one.event
        try:
            client = self._client(event.registry)
            stored = self.ledger.inbox.placements_in(event.registry, event.repository)
            known = {placement.key.digest for placement in stored}
            gone = known - client.still_has(event.repository, known) if known else set[str]()
        except PreheatError as error:
            return error
        ids = [placement.id for placement in stored if placement.key.digest in gone]
        self.ledger.inbox.mark_deleted(ids)
        words = f"{count_of(len(ids), 'placement')} of it marked deleted" if ids else ""
        return Handled(one.id, words=words or "nothing of it was made warm, or it is still there")


def _places(
    policy: Policy, waiting: Iterable[StoredEvent], touched: Mapping[int, Touched]
) -> list[Place]:
    found = (
        (one.event.registry, one.event.repository)
        for one in waiting
        if one.id in touched and policy in touched[one.id].policies
    )
    return list(dict.fromkeys(found))


def _narrowed(policy: Policy, catalogue: Catalogue, places: Sequence[Place]) -> Policy:
    """Take out what says something about other repositories, which nobody listed."""
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
            if (pin.registry, f"{pin.project}/{pin.repository}") in places
        ),
    )


def _waits(result: Plan | PreheatError) -> bool:
    """Whether a policy's events must come again: what was refused would be so again."""
    return isinstance(result, PreheatError) and not isinstance(result, RefusedError)


def _handled(
    one: StoredEvent, touched: Touched, results: Mapping[str, Plan | PreheatError]
) -> Handled:
    outcomes: list[EventOutcome] = []
    postponed: dict[str, datetime] = {}
    for policy in touched.policies:
        result = results[policy.name]
        if isinstance(result, PreheatError):
            outcomes.append(EventOutcome(policy.name, words=str(result)))
            continue
        again = _again(result)
        words = ""
        if again is not None:
            postponed[policy.name] = again
            words = f"waits until {again:%Y-%m-%d %H:%M %Z}"
        outcomes.append(EventOutcome(policy.name, words=words))
    return Handled(one.id, tuple(outcomes), touched.words, postponed)


def _again(plan: Plan) -> datetime | None:
    """When the policy's events are to be looked at again: once its window opens, or next run."""
    if plan.opens_at is not None:
        return plan.opens_at
    if any(planned.disposition is Disposition.NEXT_RUN for planned in plan.placements):
        return plan.evaluated_at + _NEXT_RUN
    return None
