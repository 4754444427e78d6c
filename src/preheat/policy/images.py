"""Plans for images that a person typed: no rule chooses, the person did."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from preheat.errors import Problem, ProblemsError
from preheat.placement import Peers, Scope
from preheat.plan import IMAGES_PLAN, Decision, Plan, Reason, ReasonCode
from preheat.policy.choosing import Choosing, Pick
from preheat.policy.model import Platforms, Submit, Target
from preheat.policy.placing import Placing
from preheat.policy.platforms import ATTESTATION_PLATFORM, check_platform, normal_platform

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from preheat.artifact import Artifact, Tag
    from preheat.placement import PlacementKey
    from preheat.policy.model import Cluster

__all__ = ["TypedImage", "plan_images"]


class TypedImage(Protocol):
    """What a person typed for one image (``preheat.harbor.reference.ImageReference``)."""

    @property
    def tag(self) -> str:
        """The tag, or ``""`` when only a digest was typed."""
        ...


def plan_images(
    images: Sequence[tuple[TypedImage, Artifact]],
    clusters: Sequence[Cluster],
    *,
    platforms: Sequence[str] = (),
    target: Target | None = None,
    submit: Submit | None = None,
    now: datetime,
    warm: Mapping[PlacementKey, datetime] | None = None,
    max_map_length: int = 1024,
) -> Plan:
    """Plan typed images on these clusters.

    :param clusters: see ``Clusters.named``, which refuses unknown names.
    :param platforms: empty means those of each cluster.
    :param target: scope and peers; all seed peers without it (its clusters are ignored).
    :param submit: job settings; the person wants it now, so nothing counts as fresh without it.
    :raises ProblemsError: with every platform that is none or that an image lacks, and every
        cluster that does not say how it pulls from an image's registry.
    """
    wanted = target or Target((), Scope.ALL_SEED_PEERS, Peers())
    names = tuple(cluster.name for cluster in clusters)
    placing = Placing(
        clusters={cluster.name: cluster for cluster in clusters},
        targets=[Target(names, wanted.scope, wanted.peers)],
        include=platforms,
        submit=submit or Submit(fresh_for_seconds=0),
        now=now,
        warm=warm or {},
        max_map_length=max_map_length,
    )
    _check(images, clusters, placing)
    choosing = Choosing(
        Platforms(tuple(platforms)), [placing.wanted(cluster) for cluster in clusters]
    )
    decisions: list[Decision] = []
    for index, (typed, artifact) in enumerate(images):
        decisions.extend(choosing.choose(artifact, [_pick(typed, artifact, index)]))
    return Plan(
        policy=IMAGES_PLAN,
        evaluated_at=now,
        decisions=tuple(decisions),
        placements=placing.limit([each.planned for each in placing.place(choosing.chosen())]),
        policy_text="\n".join(str(typed) for typed, _ in images),
        clusters=tuple(cluster.as_data() for cluster in clusters),
    )


def _check(
    images: Sequence[tuple[TypedImage, Artifact]], clusters: Sequence[Cluster], placing: Placing
) -> None:
    problems = list(_bad_platforms(placing.include)) or list(_missing(images, placing))
    problems.extend(_without_endpoint(images, clusters))
    if problems:
        raise ProblemsError(problems)


def _pick(typed: TypedImage, artifact: Artifact, index: int) -> Pick:
    """Take a person's word in place of a rule's; the typed tag speaks for the image."""
    first: tuple[Tag, ...] = tuple(tag for tag in artifact.tags if tag.name == typed.tag)
    reason = Reason(ReasonCode.SELECTED, f"typed as {typed}")
    return Pick(index, 0, first or artifact.tags[:1], [reason])


def _bad_platforms(platforms: Sequence[str]) -> Iterator[Problem]:
    for platform in platforms:
        try:
            check_platform(platform)
        except ValueError as error:
            yield Problem(f"{error}.", "platforms")


def _without_endpoint(
    images: Sequence[tuple[TypedImage, Artifact]], clusters: Sequence[Cluster]
) -> Iterator[Problem]:
    registries = dict.fromkeys(artifact.registry for _, artifact in images)
    for cluster in clusters:
        for registry in registries:
            if registry not in cluster.pull_endpoints:
                message = (
                    f"The cluster {cluster.name!r} has no pull endpoint for the registry"
                    f" {registry!r}; add it to pullEndpoints of that cluster."
                )
                yield Problem(message, "clusters")


def _missing(images: Sequence[tuple[TypedImage, Artifact]], placing: Placing) -> Iterator[Problem]:
    """Platforms asked for by name must exist; of a cluster's own platforms at least one."""
    for typed, artifact in images:
        had = [c.platform for c in artifact.children if c.platform != ATTESTATION_PLATFORM]
        if not artifact.children:
            continue
        normal = set(map(normal_platform, had))
        listed = ", ".join(had) or "no image at all"
        lacking = [name for name in placing.include if normal_platform(name) not in normal]
        for platform in lacking:
            yield Problem(f"{typed} has no image for {platform}; it has {listed}.", "images")
        for cluster in placing.clusters.values():
            own = placing.wanted(cluster)
            if not placing.include and own and normal.isdisjoint(own):
                message = (
                    f"{typed} has no image for {cluster.name!r}, whose nodes run"
                    f" {', '.join(own)}; it has {listed}."
                )
                yield Problem(message, "images")
