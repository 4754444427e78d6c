"""The stand-in's tables, as plain objects: what Harbor would keep in PostgreSQL."""

from __future__ import annotations

from bisect import bisect_left, insort
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from preheat.sandbox.harbor.recipes import IndexRecipe

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from preheat.sandbox.harbor.recipes import Recipe

__all__ = [
    "Accessory",
    "Artifact",
    "ArtifactIndex",
    "CveAllowlist",
    "Label",
    "Project",
    "Repository",
    "Scan",
    "Tag",
]


@dataclass(slots=True, eq=False)
class Label:
    """A label; of the whole registry when it has no project."""

    id: int
    name: str
    created_at: datetime
    project_id: int = 0
    color: str = "#0065AB"

    @property
    def scope(self) -> str:
        """Tell ``g`` (global) from ``p`` (project)."""
        return "p" if self.project_id else "g"


@dataclass(slots=True, eq=False)
class Tag:
    """A tag; its push time moves when the tag moves, the artifact's never does."""

    id: int
    name: str
    artifact: Artifact
    push_time: datetime
    pull_time: datetime | None = None
    immutable: bool = False


@dataclass(frozen=True, slots=True)
class Scan:
    """The outcome of one vulnerability scan.

    :param status: Pending, Scheduled, Running, Stopped, Error or Success.
    :param counts: number of vulnerabilities by severity.
    :param cves: (id, severity) of each.
    """

    status: str
    severity: str
    counts: Mapping[str, int]
    fixable: int
    started_at: datetime
    ended_at: datetime
    report_id: str
    cves: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class CveAllowlist:
    """CVEs that count for nothing.

    :param expires_at: Unix seconds from which on the whole list is void; None for never.
    """

    ids: tuple[str, ...] = ()
    expires_at: int | None = None

    def at(self, now: datetime) -> frozenset[str]:
        """Give what is exempt at a moment."""
        expired = self.expires_at is not None and now.timestamp() >= self.expires_at
        return frozenset() if expired else frozenset(self.ids)


@dataclass(slots=True, eq=False)
class Accessory:
    """A signature, SBOM or other artifact attached to a subject."""

    id: int
    type: str
    artifact: Artifact
    subject: Artifact


@dataclass(slots=True, eq=False)
class Artifact:
    """One manifest in one repository.

    :param parents: how many indexes of the repository name it.
    :param subject: set when this artifact is an accessory.
    """

    id: int
    repository: Repository
    digest: str
    recipe: Recipe
    type: str
    size: int
    push_time: datetime
    pull_time: datetime | None = None
    parents: int = 0
    subject: Artifact | None = None
    scan: Scan | None = None
    tags: tuple[Tag, ...] = ()
    labels: tuple[Label, ...] = ()
    accessories: tuple[Accessory, ...] = ()

    @property
    def newest_tags(self) -> list[Tag]:
        """Its tags, the last pushed first: Harbor's order everywhere."""
        return sorted(self.tags, key=lambda tag: (tag.push_time, tag.id), reverse=True)

    @property
    def is_index(self) -> bool:
        """Whether it is a multi-arch index."""
        return isinstance(self.recipe, IndexRecipe)

    @property
    def visible(self) -> bool:
        """Whether lists show it: not an accessory, and tagged or no child of an index.

        Source: harbor: src/pkg/artifact/dao/dao.go (base set).
        """
        return self.subject is None and (bool(self.tags) or not self.parents)

    @property
    def media_type(self) -> str:
        """The config's media type, or the index's own (recorded: artifact-index-by-tag)."""
        recipe = self.recipe
        return recipe.media_type if isinstance(recipe, IndexRecipe) else recipe.config.media_type

    @property
    def artifact_type(self) -> str:
        """Harbor's artifact type; an index has none."""
        recipe = self.recipe
        if isinstance(recipe, IndexRecipe):
            return ""
        return recipe.artifact_type or recipe.config.media_type


class ArtifactIndex:
    """The artifacts of one project or repository, in the two orders that lists use.

    ``everything`` lacks accessories, which no list ever shows; ``visible`` is the base set.

    Keyset pages are found by bisection, so a page costs its own length at any size.
    """

    __slots__ = ("by_push", "everything", "visible")

    def __init__(self) -> None:
        self.everything: list[int] = []
        self.visible: list[int] = []
        self.by_push: list[tuple[datetime, int]] = []

    def add(self, artifact: Artifact) -> None:
        """Take in a new artifact; ids only grow."""
        self.everything.append(artifact.id)
        self.show(artifact)

    def show(self, artifact: Artifact) -> None:
        """Enter it in the base set or take it out, as its tags, parents and subject now say."""
        if artifact.subject is not None:
            _discard(self.everything, artifact.id)
        if not artifact.visible:
            self._hide(artifact)
            return
        at = bisect_left(self.visible, artifact.id)
        if at == len(self.visible) or self.visible[at] != artifact.id:
            self.visible.insert(at, artifact.id)
            insort(self.by_push, (artifact.push_time, artifact.id))

    def remove(self, artifact: Artifact) -> None:
        """Forget a deleted artifact."""
        _discard(self.everything, artifact.id)
        self._hide(artifact)

    def _hide(self, artifact: Artifact) -> None:
        if _discard(self.visible, artifact.id):
            del self.by_push[bisect_left(self.by_push, (artifact.push_time, artifact.id))]


def _discard(ids: list[int], wanted: int) -> bool:
    at = bisect_left(ids, wanted)
    found = at < len(ids) and ids[at] == wanted
    if found:
        del ids[at]
    return found


@dataclass(slots=True, eq=False)
class Repository:
    """A repository.

    :param name: full name, project included.
    :param blobs: digests linked to it; the registry serves no others from here.
    """

    id: int
    name: str
    project: Project
    created_at: datetime
    updated_at: datetime
    pull_count: int = 0
    by_digest: dict[str, Artifact] = field(default_factory=dict)
    tags: dict[str, Tag] = field(default_factory=dict)
    blobs: set[str] = field(default_factory=set)
    artifacts: ArtifactIndex = field(default_factory=ArtifactIndex)

    @property
    def path(self) -> str:
        """The name without the project."""
        return self.name.partition("/")[2]


@dataclass(slots=True, eq=False)
class Project:
    """A project with its metadata, whose values are strings as in Harbor."""

    id: int
    name: str
    created_at: datetime
    metadata: dict[str, str]
    allowlist: CveAllowlist = field(default_factory=CveAllowlist)
    repositories: dict[str, Repository] = field(default_factory=dict)
    artifacts: ArtifactIndex = field(default_factory=ArtifactIndex)

    @property
    def public(self) -> bool:
        """Whether anonymous callers may pull."""
        return self.metadata.get("public") == "true"
