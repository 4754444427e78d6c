"""The state of one Harbor stand-in, and everything that may be done to it.

Usable straight from tests, beside the HTTP interface; every change is made under one lock.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict, Unpack

from preheat.sandbox.harbor.accesslog import AccessLog
from preheat.sandbox.harbor.accounts import Accounts
from preheat.sandbox.harbor.content import digest_of
from preheat.sandbox.harbor.errors import bad_request, conflict, not_found
from preheat.sandbox.harbor.recipes import Child, IndexRecipe
from preheat.sandbox.harbor.rows import Accessory, Artifact, Label, Project, Scan, Tag
from preheat.sandbox.harbor.settings import Settings
from preheat.sandbox.harbor.store import HarborStore, children_of
from preheat.sandbox.harbor.token import TokenMaker

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from preheat.sandbox.harbor.content import Platform
    from preheat.sandbox.harbor.recipes import Recipe

__all__ = ["HarborState"]


class PushDetails(TypedDict, total=False):
    """The optional parts of a push.

    ``type`` is Harbor's artifact type, where it is not the one derived from the media type.
    """

    tags: Iterable[str]
    at: datetime | None
    type: str


class HarborState(HarborStore):
    """Projects, repositories, artifacts, labels, accounts and the access log of one stand-in.

    :param settings: how it behaves.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        super().__init__(settings or Settings())
        self.accounts = Accounts(self.now)
        self.tokens = TokenMaker(self.settings)
        self.requests = AccessLog()

    def add_project(
        self, name: str, *, public: bool = False, at: datetime | None = None, **metadata: str
    ) -> Project:
        """Create a project, or return the one of that name with its metadata updated."""
        with self.lock:
            told = {"public": str(public).lower()} | metadata
            project = self.projects.get(name)
            if project is None:
                project = Project(self.next_id("project"), name, at or self.now(), told)
                self.projects[name] = project
            else:
                project.metadata.update(told)
            return project

    def push(self, name: str, recipe: Recipe, **details: Unpack[PushDetails]) -> Artifact:
        """Push a manifest; the same digest again only adds or moves tags.

        :raises HarborError: 404 when the project does not exist.
        """
        at = details.get("at") or self.now()
        with self.lock:
            repository = self.touch_repository(name, at)
            body = recipe.read()
            digest = digest_of(body)
            artifact = repository.by_digest.get(digest)
            if artifact is None:
                artifact = self.insert(repository, recipe, digest, len(body), at)
                artifact.type = details.get("type", artifact.type)
            for tag in details.get("tags", ()):
                self.tag(artifact, tag, at=at)
            return artifact

    def push_index(
        self,
        name: str,
        children: Sequence[tuple[Artifact, Platform]],
        *,
        annotations: Mapping[str, str] | None = None,
        **details: Unpack[PushDetails],
    ) -> Artifact:
        """Push an index over artifacts that are already in the repository."""
        entries = tuple(
            Child(child.recipe.media_type, child.digest, len(child.recipe.read()), platform)
            for child, platform in children
        )
        return self.push(name, IndexRecipe(entries, annotations), **details)

    def tag(self, artifact: Artifact, name: str, *, at: datetime | None = None) -> Tag:
        """Set a tag or move it here; its push time changes only when it moves.

        Source: harbor: src/controller/tag/controller.go (recorded: retag-step3, retag-step5).
        """
        with self.lock:
            repository, at = artifact.repository, at or self.now()
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

    def untag(self, artifact: Artifact, name: str) -> None:
        """Delete a tag.

        :raises HarborError: 404 when the artifact has no such tag.
        """
        with self.lock:
            tag = next((t for t in artifact.tags if t.name == name), None)
            if tag is None:
                raise not_found(f"tag {name} attached to artifact {artifact.id} not found")
            del artifact.repository.tags[name]
            self.detach(tag)

    def delete(self, artifact: Artifact) -> None:
        """Delete an artifact with its tags."""
        with self.lock:
            for tag in artifact.tags:
                del artifact.repository.tags[tag.name]
            artifact.tags = ()
            del artifact.repository.by_digest[artifact.digest]
            del self.artifacts[artifact.id]
            for index in (artifact.repository.artifacts, artifact.repository.project.artifacts):
                index.remove(artifact)
            for child in children_of(artifact):
                child.parents -= 1
                self.show(child)

    def add_label(self, name: str, project: Project | None = None) -> Label:
        """Create a label, global without a project.

        :raises HarborError: 409 when it is there already.
        """
        with self.lock:
            project_id = project.id if project else 0
            if any(x.name == name and x.project_id == project_id for x in self.labels.values()):
                raise conflict(f"label {name} already exists")
            label = Label(self.next_id("label"), name, self.now(), project_id)
            self.labels[label.id] = label
            return label

    def label(self, artifact: Artifact, label: Label) -> None:
        """Put a label on an artifact; no timestamp tells of it (recorded: retag-step6-labelled).

        :raises HarborError: 409 when it is on already, 404 when it is another project's.
        """
        with self.lock:
            if label.project_id not in {0, artifact.repository.project.id}:
                raise not_found(f"label {label.id} not found")
            if label in artifact.labels:
                raise conflict(f"label {label.id} is already added to the artifact {artifact.id}")
            artifact.labels = (*artifact.labels, label)

    def unlabel(self, artifact: Artifact, label_id: int) -> None:
        """Take a label off.

        :raises HarborError: 404 when it is not on.
        """
        with self.lock:
            if all(label.id != label_id for label in artifact.labels):
                raise not_found(f"reference with label {label_id} not found")
            artifact.labels = tuple(label for label in artifact.labels if label.id != label_id)

    def attach(self, artifact: Artifact, subject: Artifact, kind: str) -> Accessory:
        """Make an artifact an accessory, such as ``signature.cosign``, of another."""
        with self.lock:
            artifact.subject = subject
            accessory = Accessory(self.next_id("accessory"), kind, artifact, subject)
            subject.accessories = (*subject.accessories, accessory)
            self.show(artifact)
            return accessory

    def set_scan(self, artifact: Artifact, scan: Scan | None) -> None:
        """Record the outcome of a scan, or forget it."""
        with self.lock:
            artifact.scan = scan

    def note_pull(self, artifact: Artifact, tag: str = "") -> None:
        """Move the pull times and counts that a manifest GET moves.

        Source: harbor: src/controller/event/handler/internal (recorded: retag-step7-pulled). Harbor
        flushes them after 10 s; the stand-in at once.
        """
        with self.lock:
            now, repository = self.now(), artifact.repository
            artifact.pull_time = now
            if tag in repository.tags:
                repository.tags[tag].pull_time = now
            repository.pull_count += 1
            repository.updated_at = now

    def set_blob(self, digest: str, state: str) -> None:
        """Break a blob (``missing``, ``unreadable``) or repair it (``ok``).

        :raises HarborError: 404 for an unknown blob, 400 for another word.
        """
        if self.contents.get(digest) is None:
            raise not_found(f"no blob {digest} in any repository")
        if state not in {"ok", "missing", "unreadable"}:
            raise bad_request(f"state {state!r} is not one of ok, missing, unreadable")
        with self.lock:
            self.contents.broken.pop(digest, None)
            if state != "ok":
                self.contents.broken[digest] = state
