"""From a policy to a final plan: list, evaluate, answer what is asked, evaluate again."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeAlias

from preheat.demand import Demand
from preheat.errors import InputError, RemoteError
from preheat.placement import grounds
from preheat.plan import Disposition
from preheat.policy.criteria.label import LabelCriterion
from preheat.policy.weighing import weigh
from preheat.threads import in_this_context

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from preheat.artifact import Artifact, Image
    from preheat.facts import Facts, Question
    from preheat.harbor.client import HarborClient
    from preheat.ledger import Ledger
    from preheat.placement import PlacementKey
    from preheat.plan import ClusterBytes, Plan, PlannedPlacement
    from preheat.policy.engine import Evaluation
    from preheat.policy.model import Clusters, Policy

__all__ = [
    "Answerer",
    "complete",
    "list_artifacts",
    "proved_warm",
    "reads_labels",
    "weigh_asked",
]

Answerer: TypeAlias = "Callable[[Sequence[Question]], Facts]"
"""Finds answers; must answer every question, with None for what cannot be known."""

_MANIFESTS_AT_ONCE = 4


def list_artifacts(
    clients: Mapping[str, HarborClient],
    policies: Collection[Policy],
    progress: Callable[[str, str, int], None] | None = None,
    also: Collection[str] = (),
) -> Iterator[Artifact]:
    """List every project that any of the policies looks at, once.

    :param clients: by registry connection id.
    :param also: names of projects to list besides.
    :param progress: told registry, project and number of artifacts when a project is through.
    :raises RemoteError: if a Harbor does not answer as it should.
    """
    labels = reads_labels(policies)
    for registry, client in clients.items():
        wanted = [
            matches
            for policy in policies
            for source in policy.sources
            if source.registry == registry
            for matches in source.projects
        ]
        for project in client.projects([*wanted, also.__contains__]):
            count = 0
            for artifact in client.project_artifacts(project.name, labels=labels):
                count += 1
                yield artifact
            if progress:
                progress(registry, project.name, count)


def reads_labels(policies: Iterable[Policy]) -> bool:
    """Whether any rule reads labels: they cost Harbor a query for each artifact."""
    return any(
        isinstance(criterion, LabelCriterion)
        for policy in policies
        for rule in policy.rules
        for criterion in rule.criteria
    )


def proved_warm(
    ledger: Ledger,
    clusters: Clusters,
    demand: Demand | None = None,
    *,
    repositories: Collection[str] | None = None,
) -> dict[PlacementKey, datetime]:
    """Tell what was proved warm, and when, on the clusters as they are described now.

    What was proved under other settings of a cluster is no proof, nor is less than is demanded.

    :param repositories: only of these, by full name; None for all.
    """
    wanted = demand or Demand()
    settings = {cluster.name: cluster.settings() for cluster in clusters}
    return {
        key: proof.checked_at
        for key, proof in ledger.warm(repositories=repositories).items()
        if key.cluster in settings
        and proof.grounds == grounds(key.scope, settings[key.cluster])
        and proof.seen.is_warm_under(wanted)
    }


def complete(evaluation: Evaluation, answer: Answerer, facts: Facts | None = None) -> Plan:
    """Evaluate until no question is open.

    Ends, because each round asks only what no round asked before, and each adds an answer.

    :param facts: answers known before; more are added to it.
    :raises LookupError: if a question was left without answer.
    """
    known: Facts = {} if facts is None else facts
    plan = evaluation.plan(known)
    while plan.questions:
        known.update(answer(plan.questions))
        left = [question for question in plan.questions if question not in known]
        if left:
            message = f"no answer to {left[0]}, and to {len(left) - 1} more"
            raise LookupError(message)
        plan = evaluation.plan(known)
    return plan


def weigh_asked(
    plan: Plan,
    ledger: Ledger,
    open_harbor: Callable[[str], HarborClient],
    tell: Callable[[str], None],
) -> dict[str, ClusterBytes]:
    """Find out what the images to ask for consist of, and count the bytes, shared blobs once.

    :param open_harbor: gives the client of a registry.
    :param tell: told of each image whose manifest could not be read: its own task tries again.
    """
    asked = [p for p in plan.placements if p.disposition is Disposition.ASK]
    images = ledger.images(placement.key.digest for placement in asked)
    unread = {(p.settings.registry, p.key.digest): p for p in asked if p.key.digest not in images}
    clients = {registry: open_harbor(registry) for registry, _ in unread}

    def read(placement: PlannedPlacement) -> Image | None:
        key = placement.key
        client = clients[placement.settings.registry]
        try:
            return client.resolve(key.repository, key.digest, key.platform)
        except (RemoteError, InputError) as error:
            tell(f"{placement.label}: its manifest could not be read now: {error}")
            return None

    with ThreadPoolExecutor(_MANIFESTS_AT_ONCE) as pool:
        for image in pool.map(in_this_context(read), unread.values()):
            if image is not None:
                ledger.record_image(image)
                images[image.digest] = image
    return weigh(asked, lambda key: images.get(key.digest))
