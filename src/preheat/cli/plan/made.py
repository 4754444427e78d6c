"""A plan arranged for a reader: one entry an image, with why, where and how big."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from preheat.artifact import Child, Image
from preheat.cli.times import next_run
from preheat.facts import Kind, Question

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime
    from pathlib import Path

    from preheat.artifact import Artifact
    from preheat.cli.preview import Preview, Sizes
    from preheat.cli.world import World
    from preheat.placement import PlacementKey
    from preheat.plan import Decision, Disposition, Plan, PlannedPlacement, Reason
    from preheat.policy.folder import PolicyEntry
    from preheat.policy.model import Clusters, Policy
    from preheat.policy.windows import WindowState

__all__ = ["Made", "PlannedImage", "make"]

ImageKey = tuple[str, str, str, str]


@dataclass(frozen=True)
class PlannedImage:
    """One image and all places where it should be warm.

    :param name: repository with its first tag, for people.
    :param digest: of the platform's manifest.
    :param listed: digest of the artifact that Harbor lists.
    :param size: bytes that a node downloads; None where nobody knows.
    :param doubtful: those of its places that are over the budget only at most.
    """

    name: str
    registry: str
    repository: str
    digest: str
    listed: str
    platform: str
    tags: tuple[str, ...]
    why: tuple[Reason, ...]
    size: int | None
    places: tuple[PlannedPlacement, ...]
    doubtful: frozenset[PlacementKey] = frozenset()


@dataclass(frozen=True)
class Made:
    """One policy and its plan.

    :param sizes: how well its sizes are known.
    :param spent: bytes asked of each cluster earlier in the day, by cluster name.
    """

    entry: PolicyEntry
    policy: Policy
    plan: Plan
    images: tuple[PlannedImage, ...]
    sizes: Sizes
    spent: Mapping[str, int] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Name of the policy."""
        return self.policy.name

    @property
    def file(self) -> Path:
        """Path of its file."""
        return self.entry.path

    @property
    def next_run(self) -> datetime | None:
        """When it runs by itself, after the moment of the plan."""
        return next_run(self.policy, self.plan.evaluated_at)

    @property
    def window(self) -> WindowState | None:
        """Whether it may warm at the moment of the plan; None without windows."""
        return self.policy.windows.state(self.plan.evaluated_at) if self.policy.windows else None

    @property
    def rejected(self) -> Iterator[Decision]:
        """Candidates that are not warmed."""
        return (decision for decision in self.plan.decisions if not decision.selected)

    def count(self, cluster: str, *dispositions: Disposition) -> int:
        """How many placements of a cluster the plan does that with."""
        return sum(
            planned.key.cluster == cluster and planned.disposition in dispositions
            for planned in self.plan.placements
        )


def make(entry: PolicyEntry, policy: Policy, clusters: Clusters, world: World) -> Made:
    """Evaluate one policy and arrange its plan."""
    preview = world.preview(policy, clusters)
    spent = world.memory.spent.get(policy.name, {})
    images = tuple(_images(preview, world))
    return Made(entry, policy, preview.plan, images, preview.sizes, spent)


def _images(preview: Preview, world: World) -> Iterator[PlannedImage]:
    plan = preview.plan
    places: dict[ImageKey, list[PlannedPlacement]] = {}
    for planned in plan.placements:
        key = planned.key
        name = (planned.settings.registry, key.repository, key.digest, key.platform)
        places.setdefault(name, []).append(planned)
    chosen = _chosen(plan, places, world)
    for (registry, repository, digest, platform), own in places.items():
        artifact, decision = chosen[registry, repository, digest, platform]
        yield PlannedImage(
            name=own[0].label.removesuffix(f" {platform}"),
            registry=registry,
            repository=repository,
            digest=digest,
            listed=artifact.digest,
            platform=platform,
            tags=decision.tags,
            why=decision.reasons,
            size=_size(artifact, digest, platform, world),
            places=tuple(own),
            doubtful=preview.doubtful.intersection(planned.key for planned in own),
        )


def _chosen(
    plan: Plan, wanted: Mapping[ImageKey, object], world: World
) -> dict[ImageKey, tuple[Artifact, Decision]]:
    """Find the artifact that brought each image, with its decision.

    Several artifacts of a repository may share a platform's manifest; the plan took one of them.
    """
    listed = _listed(wanted, world)
    found: dict[ImageKey, tuple[Artifact, Decision]] = {}
    for decision in plan.decisions:
        if not decision.selected:
            continue
        registry, repository, platform = decision.registry, decision.repository, decision.platform
        artifact = listed[registry, repository, decision.digest]
        for child in artifact.children or (Child(artifact.digest, ""),):
            if child.platform == platform:
                name = registry, repository, child.digest, platform
                found.setdefault(name, (artifact, decision))
    return found


def _listed(
    wanted: Mapping[ImageKey, object], world: World
) -> dict[tuple[str, str, str], Artifact]:
    """Give the artifacts of the repositories that images are of, by their listed digest."""
    repositories = {(registry, name) for registry, name, _, _ in wanted}
    return {
        (repository.registry, artifact.full_name, artifact.digest): artifact
        for repository in world.known.catalogue
        if (repository.registry, f"{repository.project}/{repository.name}") in repositories
        for artifact in repository.artifacts
    }


def _size(artifact: Artifact, digest: str, platform: str, world: World) -> int | None:
    question = Question(
        Kind.IMAGE, artifact.registry, artifact.project, artifact.repository, digest, platform
    )
    image = world.known.facts.get(question)
    if isinstance(image, Image):
        return image.size
    return artifact.size or None if artifact.digest == digest else None
