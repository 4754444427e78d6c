"""What the Harbors list, arranged once, so that many policies can be evaluated on it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import attrgetter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from preheat.artifact import Artifact

__all__ = ["Catalogue", "Repository"]

_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Repository:
    """One repository and all its artifacts, newest push first.

    :param name: without the project.
    :param types: the types that its artifacts have.
    """

    registry: str
    project: str
    name: str
    artifacts: tuple[Artifact, ...]
    types: frozenset[str]


class Catalogue:
    """Repositories by Harbor and project; in the same order however the artifacts came.

    :param projects: by registry connection id and project name.
    """

    __slots__ = ("projects",)

    def __init__(self, projects: Mapping[tuple[str, str], Sequence[Repository]]) -> None:
        self.projects = projects

    @classmethod
    def of(cls, artifacts: Iterable[Artifact]) -> Catalogue:
        """Arrange artifacts; one that was listed twice, around a moving tag, counts once."""
        found: dict[tuple[str, str, str], list[Artifact]] = defaultdict(list)
        for artifact in artifacts:
            found[artifact.registry, artifact.project, artifact.repository].append(artifact)
        projects: dict[tuple[str, str], list[Repository]] = defaultdict(list)
        for (registry, project, name), listed in sorted(found.items()):
            projects[registry, project].append(_repository(registry, project, name, listed))
        return cls(dict(projects))

    def __iter__(self) -> Iterator[Repository]:
        for repositories in self.projects.values():
            yield from repositories

    def __len__(self) -> int:
        """Count the artifacts."""
        return sum(len(repository.artifacts) for repository in self)


def _repository(registry: str, project: str, name: str, listed: list[Artifact]) -> Repository:
    by_digest = {artifact.digest: artifact for artifact in listed}
    if len(by_digest) < len(listed):
        for artifact in listed:
            # Any fixed choice does, if it does not depend on the order of the listing.
            by_digest[artifact.digest] = max(by_digest[artifact.digest], artifact, key=repr)
    kept = list(by_digest.values())
    types = frozenset([artifact.type for artifact in kept])
    return Repository(registry, project, name, _newest_first(kept), types)


def _newest_first(artifacts: list[Artifact]) -> tuple[Artifact, ...]:
    """Order by push time, those pushed together by digest."""
    artifacts.sort(key=attrgetter("digest"))
    artifacts.sort(key=_pushed, reverse=True)
    return tuple(artifacts)


def _pushed(artifact: Artifact) -> datetime:
    return artifact.push_time or _NEVER
