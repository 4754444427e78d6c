"""What the Harbors list, arranged once, so that many policies can be evaluated on it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from preheat.artifact import Artifact

__all__ = ["Catalogue", "Repository"]


@dataclass(frozen=True, slots=True)
class Repository:
    """One repository and all its artifacts, newest push first.

    :param name: without the project.
    """

    registry: str
    project: str
    name: str
    artifacts: tuple[Artifact, ...]


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
                Repository(*place, name, _arranged(listed))
                for name, listed in sorted(found[place].items())
            ]
            for place in sorted(found)
        })

    def __iter__(self) -> Iterator[Repository]:
        for repositories in self.projects.values():
            yield from repositories

    def __len__(self) -> int:
        """Count the artifacts."""
        return sum(len(repository.artifacts) for repository in self)


def _arranged(listed: list[Artifact]) -> tuple[Artifact, ...]:
    by_digest: dict[str, Artifact] = {}
    for artifact in listed:
        known = by_digest.get(artifact.digest)
        # Any fixed choice does, if it does not depend on the order of the listing.
        by_digest[artifact.digest] = artifact if known is None else max(known, artifact, key=repr)
    return tuple(sorted(by_digest.values(), key=_newest_push))


def _newest_push(artifact: Artifact) -> tuple[float, str]:
    pushed = artifact.push_time.timestamp() if artifact.push_time else 0.0
    return -pushed, artifact.digest
