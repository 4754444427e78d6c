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
        found: dict[tuple[str, str], dict[str, list[Artifact]]] = {}
        for artifact in artifacts:
            place = (artifact.registry, artifact.project)
            if place not in found:
                found[place] = defaultdict(list)
            found[place][artifact.repository].append(artifact)
        return cls({
            place: [
                _repository(place, name, listed) for name, listed in sorted(found[place].items())
            ]
            for place in sorted(found)
        })

    def __iter__(self) -> Iterator[Repository]:
        for repositories in self.projects.values():
            yield from repositories

    def __len__(self) -> int:
        """Count the artifacts."""
        return sum(len(repository.artifacts) for repository in self)


def _repository(place: tuple[str, str], name: str, listed: list[Artifact]) -> Repository:
    by_digest: dict[str, Artifact] = {}
    for artifact in listed:
        known = by_digest.setdefault(artifact.digest, artifact)
        if known is not artifact:
            # Any fixed choice does, if it does not depend on the order of the listing.
            by_digest[artifact.digest] = max(known, artifact, key=repr)
    types = frozenset([artifact.type for artifact in by_digest.values()])
    return Repository(*place, name, _newest_first(list(by_digest.values())), types)


def _newest_first(artifacts: list[Artifact]) -> tuple[Artifact, ...]:
    """Order by push time, those pushed together by digest."""
    artifacts.sort(key=attrgetter("digest"))
    artifacts.sort(key=_pushed, reverse=True)
    return tuple(artifacts)


def _pushed(artifact: Artifact) -> datetime:
    return artifact.push_time or _NEVER
