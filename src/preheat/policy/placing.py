"""From chosen images to placements: which cluster, what scope, now or later."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from preheat.artifact import Child
from preheat.demand import Demand
from preheat.facts import Question
from preheat.placement import PlacementKey, TrackSettings
from preheat.plan import Disposition, PlannedPlacement
from preheat.policy.platforms import normal_platform
from preheat.policy.units import format_duration

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from preheat.artifact import Artifact
    from preheat.policy.model import Cluster, Submit, Target

__all__ = ["Chosen", "Placed", "Placing", "label_of", "limit_run"]

_NEVER = datetime.min.replace(tzinfo=UTC)
_SHORT_DIGEST = 12


@dataclass(frozen=True, slots=True)
class Chosen:
    """One image on one platform that should be warm.

    :param digest: digest of the platform's manifest.
    :param tags: the tag that speaks for it comes first.
    :param pinned: whether a pin brought it; it is the last to fall out of a budget.
    """

    artifact: Artifact
    digest: str
    platform: str
    tags: tuple[str, ...] = ()
    pinned: bool = False

    @property
    def question(self) -> Question:
        """What it consists of."""
        return Question.of_image(self.artifact, Child(self.digest, self.platform))


def label_of(repository: str, tags: Sequence[str], digest: str, platform: str = "") -> str:
    """Name an image for a person: ``library/app:1.2 linux/amd64``; untagged by short digest."""
    algorithm, _, value = digest.partition(":")
    name = f":{tags[0]}" if tags else f"@{algorithm}:{value[:_SHORT_DIGEST]}"
    return f"{repository}{name} {platform}".rstrip()


@dataclass(frozen=True, slots=True)
class Placed:
    """A placement and the image it is of."""

    planned: PlannedPlacement
    image: Chosen


@dataclass(frozen=True, slots=True)
class Placing:
    """Where chosen images go, and which of them are asked for in this run.

    :param include: platforms that hold for every cluster; empty means each cluster's own.
    :param demand: what must be shown before one counts as warm.
    :param warm: placements found warm, with the time of that proof.
    :param max_map_length: most placements of one cluster in one run.
    """

    clusters: Mapping[str, Cluster]
    targets: Sequence[Target]
    include: Sequence[str]
    submit: Submit
    now: datetime
    accept_partial: bool = False
    demand: Demand = field(default_factory=Demand)
    warm: Mapping[PlacementKey, datetime] = field(default_factory=dict)
    max_map_length: int = 1024

    def wanted(self, cluster: Cluster) -> tuple[str, ...]:
        """Platforms to warm there; empty means whatever the image has."""
        return tuple(map(normal_platform, self.include or cluster.platforms))

    def place(self, chosen: Iterable[Chosen]) -> list[Placed]:
        """Make the placements, cluster by cluster, each key once, in the order of the images."""
        images = tuple(chosen)
        placements: list[Placed] = []
        for cluster in self.clusters.values():
            found: dict[PlacementKey, Placed] = {}
            for target in self.targets:
                if cluster.name in target.clusters:
                    self._add(found, images, cluster, target)
            placements.extend(found.values())
        return placements

    def _add(
        self,
        found: dict[PlacementKey, Placed],
        images: Iterable[Chosen],
        cluster: Cluster,
        target: Target,
    ) -> None:
        wanted = self.wanted(cluster)
        settings: dict[str, TrackSettings] = {}
        for image in images:
            if wanted and image.platform and normal_platform(image.platform) not in wanted:
                continue
            registry = image.artifact.registry
            if registry not in settings:
                settings[registry] = cluster.settings(registry, self.submit, self.demand)
            key = PlacementKey(
                cluster=cluster.name,
                pull_endpoint=cluster.pull_endpoints[registry],
                repository=image.artifact.full_name,
                digest=image.digest,
                platform=image.platform,
                scope=target.scope,
                peers=str(target.peers),
            )
            if key not in found:
                planned = self._planned(key, settings[registry], image.tags)
                found[key] = Placed(planned, image)

    def _planned(
        self, key: PlacementKey, settings: TrackSettings, tags: tuple[str, ...]
    ) -> PlannedPlacement:
        label = label_of(key.repository, tags, key.digest, key.platform)
        planned = PlannedPlacement(key, settings, label, tags)
        proved = self.warm.get(key)
        fresh_for = timedelta(seconds=self.submit.fresh_for_seconds)
        if proved is None or self.now - proved >= fresh_for:
            return planned
        ago = format_duration(max(self.now - proved, timedelta()))
        detail = f"found warm {ago} ago; freshFor is {format_duration(fresh_for)}"
        return replace(planned, disposition=Disposition.ALREADY_WARM, detail=detail)

    def limit(self, placements: Sequence[PlannedPlacement]) -> tuple[PlannedPlacement, ...]:
        """Leave for the next run what is too much for one; what never was warm goes first.

        Else, with a short ``freshFor``, the same first ones would be asked for in every run and the
        others never.
        """
        return limit_run(placements, self.max_map_length, self.warm)


def limit_run(
    placements: Sequence[PlannedPlacement],
    most: int,
    seen: Mapping[PlacementKey, datetime] | None = None,
    room: Mapping[str, int] | None = None,
) -> tuple[PlannedPlacement, ...]:
    """Ask for at most so many placements of each cluster; the others wait for the next run.

    :param seen: when each was found warm, or asked for: the earliest goes first, the others keep
        their order.
    :param room: what other plans of the run have left of it, by cluster; None for all.
    """
    before = seen or {}
    asked: dict[str, list[PlannedPlacement]] = {}
    for planned in placements:
        if planned.disposition is Disposition.ASK:
            asked.setdefault(planned.key.cluster, []).append(planned)
    late: dict[PlacementKey, str] = {}
    for cluster, own in asked.items():
        own.sort(key=lambda planned: before.get(planned.key, _NEVER))
        rest = own[most if room is None else room[cluster] :]
        detail = f"one run takes {most} placements of {cluster}; {len(rest)} wait for the next"
        late |= dict.fromkeys((planned.key for planned in rest), detail)
    return tuple(
        replace(planned, disposition=Disposition.NEXT_RUN, detail=late[planned.key])
        if planned.key in late
        else planned
        for planned in placements
    )
