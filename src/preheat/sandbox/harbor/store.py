"""The tables of one Harbor stand-in: lookups, and entering what was pushed."""

from __future__ import annotations

import re
from datetime import UTC
from threading import RLock
from typing import TYPE_CHECKING, Final

from preheat.sandbox.harbor.content import Contents, MediaType
from preheat.sandbox.harbor.errors import not_found
from preheat.sandbox.harbor.preheating import Preheating
from preheat.sandbox.harbor.recipes import IndexRecipe, ManifestRecipe
from preheat.sandbox.harbor.rows import Artifact, CveAllowlist, Label, Project, Repository, Tag

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from preheat.sandbox.harbor.recipes import Recipe
    from preheat.sandbox.harbor.settings import Settings

__all__ = ["HarborStore", "children_of"]

KNOWN_TYPES: Final = {
    MediaType.OCI_CONFIG: "IMAGE",
    MediaType.DOCKER_CONFIG: "IMAGE",
    MediaType.HELM_CONFIG: "CHART",
    "application/vnd.cnai.model.config.v1+json": "CNAI",
}


class HarborStore:
    """Projects, repositories, artifacts, labels and blobs, and the lock over them.

    :param settings: whose clock tells the time.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.lock = RLock()
        self.contents = Contents()
        self.projects: dict[str, Project] = {}
        self.artifacts: dict[int, Artifact] = {}
        self.labels: dict[int, Label] = {}
        self.allowlist = CveAllowlist()
        self.preheating = Preheating()
        self._counters: dict[str, int] = {}

    def now(self) -> datetime:
        """Tell the stand-in's time."""
        return self.settings.clock().astimezone(UTC)

    def next_id(self, table: str) -> int:
        """Give the next serial of a table."""
        with self.lock:
            self._counters[table] = self._counters.get(table, 0) + 1
            return self._counters[table]

    def project(self, name_or_id: str, *, is_name: bool = False) -> Project | None:
        """Find a project; digits are an id unless the caller says otherwise."""
        if name_or_id.isdecimal() and not is_name:
            return next((p for p in self.projects.values() if p.id == int(name_or_id)), None)
        return self.projects.get(name_or_id)

    def repositories(self) -> Iterator[Repository]:
        """Go through all repositories."""
        for project in tuple(self.projects.values()):
            yield from tuple(project.repositories.values())

    def repository(self, name: str) -> Repository:
        """Find a repository by its full name.

        :raises HarborError: 404 in Harbor's words.
        """
        project = self.projects.get(name.partition("/")[0])
        repository = project.repositories.get(name) if project else None
        if repository is None:
            raise not_found(f"repository {name} not found")
        return repository

    def find(self, name: str, reference: str) -> Artifact:
        """Find an artifact by tag or digest.

        :raises HarborError: 404 in Harbor's words.
        """
        repository = self.repository(name)
        artifact = repository.by_digest.get(reference)
        if artifact is None and reference in repository.tags:
            artifact = repository.tags[reference].artifact
        if artifact is None:
            by_digest = reference.startswith("sha256:") and len(reference) > len("sha256:zz")
            raise not_found(f"artifact {name}{'@' if by_digest else ':'}{reference} not found")
        return artifact

    def exempt(self, project: Project) -> frozenset[str]:
        """Give the CVEs that count for nothing in a project: the system's, unless it has its own.

        Source: harbor: src/pkg/project/models/project.go (ReuseSysCVEAllowlist).
        """
        reuses = project.metadata.get("reuse_sys_cve_allowlist", "true") == "true"
        return (self.allowlist if reuses else project.allowlist).at(self.now())

    def touch_repository(self, name: str, at: datetime) -> Repository:
        """Find a repository or make it; a push moves its update time.

        :raises HarborError: 404 when the project does not exist.
        """
        project_name, _, path = name.partition("/")
        project = self.projects.get(project_name)
        if project is None or not path:
            raise not_found(f"project {project_name} not found")
        repository = project.repositories.get(name)
        if repository is None:
            repository = Repository(self.next_id("repository"), name, project, at, at)
            project.repositories[name] = repository
        repository.updated_at = max(repository.updated_at, at)
        return repository

    def insert(
        self, repository: Repository, recipe: Recipe, digest: str, size: int, at: datetime
    ) -> Artifact:
        """Enter a new manifest with its blobs and its children."""
        kind = "IMAGE"
        if isinstance(recipe, ManifestRecipe):
            for blob in recipe.blobs:
                repository.blobs.add(self.contents.add(blob))
                size += blob.size
            kind = _type_of(recipe)
        artifact = Artifact(self.next_id("artifact"), repository, digest, recipe, kind, size, at)
        for child in children_of(artifact):
            child.parents += 1
            artifact.size += child.size
            self.show(child)
        repository.by_digest[digest] = artifact
        self.artifacts[artifact.id] = artifact
        for index in (repository.artifacts, repository.project.artifacts):
            index.add(artifact)
        return artifact

    def set_tag(self, artifact: Artifact, name: str, at: datetime) -> Tag:
        """Enter a tag or move it here; its push time changes only when it moves.

        Source: harbor: src/controller/tag/controller.go (recorded: retag-step3, retag-step5).
        """
        repository = artifact.repository
        tag = repository.tags.get(name)
        if tag is None:
            tag = Tag(self.next_id("tag"), name, artifact, at)
            repository.tags[name] = tag
        elif tag.artifact is artifact:
            return tag
        else:
            self.detach(tag)
            tag.artifact, tag.push_time, tag.pull_time = artifact, at, None
        artifact.tags = (*artifact.tags, tag)
        repository.updated_at = max(repository.updated_at, at)
        self.show(artifact)
        return tag

    def remove(self, artifact: Artifact) -> None:
        """Take one artifact out of all tables, its tags with it; children stay."""
        repository = artifact.repository
        for tag in artifact.tags:
            del repository.tags[tag.name]
        artifact.tags = ()
        del repository.by_digest[artifact.digest]
        del self.artifacts[artifact.id]
        for index in (repository.artifacts, repository.project.artifacts):
            index.remove(artifact)
        for child in children_of(artifact):
            child.parents -= 1
            self.show(child)
        subject = artifact.subject
        if subject is not None:
            subject.accessories = tuple(a for a in subject.accessories if a.artifact != artifact)

    def show(self, artifact: Artifact) -> None:
        """Enter the artifact in the lists or take it out, as it now is."""
        artifact.repository.artifacts.show(artifact)
        artifact.repository.project.artifacts.show(artifact)

    def detach(self, tag: Tag) -> None:
        """Take a tag off its artifact."""
        owner = tag.artifact
        owner.tags = tuple(other for other in owner.tags if other is not tag)
        self.show(owner)


def children_of(artifact: Artifact) -> list[Artifact]:
    """Give the artifacts that an index names; nothing for a single manifest."""
    recipe = artifact.recipe
    if not isinstance(recipe, IndexRecipe):
        return []
    known = artifact.repository.by_digest
    return [known[child.digest] for child in recipe.children if child.digest in known]


def _type_of(recipe: ManifestRecipe) -> str:
    """Derive Harbor's artifact type (harbor: src/controller/artifact/processor)."""
    kind = recipe.config.media_type
    known = KNOWN_TYPES.get(kind)
    custom = re.match(r"application/vnd\.[^.]*\.([^.]*)\.config\.", kind)
    return known or (custom[1].upper() if custom else "UNKNOWN")
