"""The state of one Harbor stand-in, and everything that may be done to it.

Usable straight from tests, beside the HTTP interface; every change is made under one lock.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict, Unpack

from preheat.sandbox.harbor.accesslog import AccessLog
from preheat.sandbox.harbor.accounts import Accounts
from preheat.sandbox.harbor.audit import AuditFeed
from preheat.sandbox.harbor.content import digest_of
from preheat.sandbox.harbor.deleting import delete_deeply, delete_repository
from preheat.sandbox.harbor.deliveries import Deliveries
from preheat.sandbox.harbor.errors import bad_request, conflict, not_found
from preheat.sandbox.harbor.events import By, Event, EventBus, of_artifact
from preheat.sandbox.harbor.recipes import Child, IndexRecipe
from preheat.sandbox.harbor.rows import Accessory, Artifact, Label, Project, Scan, Tag
from preheat.sandbox.harbor.scan_events import scan_event, scannable
from preheat.sandbox.harbor.settings import Settings
from preheat.sandbox.harbor.store import HarborStore
from preheat.sandbox.harbor.token import TokenMaker
from preheat.sandbox.harbor.webhooks import Webhooks

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from preheat.sandbox.harbor.content import Platform
    from preheat.sandbox.harbor.recipes import Recipe

__all__ = ["HarborState"]


class PushDetails(TypedDict, total=False):
    """The optional parts of a push.

    ``by`` is whoever pushes; ``type`` is Harbor's artifact type, where it is not the one derived
    from the media type.
    """

    tags: Iterable[str]
    at: datetime | None
    by: By | None
    type: str


class HarborState(HarborStore):
    """Projects, repositories, artifacts, labels, accounts, webhooks and logs of one stand-in.

    :param settings: how it behaves.

    ``address`` is the host that payloads name while no external URL is set. Whoever does something
    is ``by``, the administrator unless told.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        super().__init__(settings or Settings())
        self.accounts = Accounts(self.now)
        self.tokens = TokenMaker(self.settings)
        self.requests = AccessLog()
        self.address = "harbor.sandbox"
        self.events = EventBus()
        self.audit = AuditFeed(lambda: self.next_id("audit row"))
        self.webhooks = Webhooks(self.next_id, self.now)
        self.deliveries = Deliveries(self)
        self.events.subscribe(self.audit.hear)
        self.events.subscribe(self.deliveries.hear)

    @property
    def host(self) -> str:
        """Host and port that Harbor tells others to reach it by."""
        return self.settings.external_url.partition("://")[2] or self.address

    def close(self) -> None:
        """End the threads that deliver webhooks."""
        self.deliveries.jobservice.close()

    def add_project(
        self,
        name: str,
        *,
        public: bool = False,
        at: datetime | None = None,
        by: By | None = None,
        **metadata: str,
    ) -> Project:
        """Create a project, or return the one of that name with its metadata updated."""
        with self.lock:
            told = {"public": str(public).lower()} | metadata
            project = self.projects.get(name)
            if project is None:
                project = Project(self.next_id("project"), name, at or self.now(), told)
                self.projects[name] = project
                event = Event("CREATE_PROJECT", project, project.created_at, by or By())
                self.events.emit(event)
            else:
                project.metadata.update(told)
            return project

    def push(self, name: str, recipe: Recipe, **details: Unpack[PushDetails]) -> Artifact:
        """Push a manifest; the same digest again only adds or moves tags.

        Each tag is a push of its own, told as such even where nothing changes; so is a push without
        any (recorded: webhook-repush-same-tag, webhook-retag-by-push, webhook-push-index).

        :raises HarborError: 404 when the project does not exist.
        """
        at, by = details.get("at") or self.now(), details.get("by") or By()
        tags = tuple(details.get("tags", ()))
        with self.lock:
            artifact = self.enter(name, recipe, tags, at=at)
            artifact.type = details.get("type", artifact.type)
            for tag in tags or ("",):
                self.events.emit(of_artifact("PUSH_ARTIFACT", artifact, at, by, tag))
            return artifact

    def enter(self, name: str, recipe: Recipe, tags: Iterable[str], *, at: datetime) -> Artifact:
        """Enter a manifest with its tags, untold.

        :raises HarborError: 404 when the project does not exist.
        """
        with self.lock:
            repository = self.touch_repository(name, at)
            body = recipe.read()
            digest = digest_of(body)
            artifact = repository.by_digest.get(digest)
            if artifact is None:
                artifact = self.insert(repository, recipe, digest, len(body), at)
            for tag in tags:
                self.set_tag(artifact, tag, at)
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

    def tag(
        self, artifact: Artifact, name: str, *, at: datetime | None = None, by: By | None = None
    ) -> Tag:
        """Set a new tag, as the API does, or move one here, which only a push can.

        The first is a row of the audit feed and no webhook, the second is told as a push (recorded:
        webhook-tag-by-api, webhook-tag-move).
        """
        at, by = at or self.now(), by or By()
        with self.lock:
            before = artifact.repository.tags.get(name)
            owner = before.artifact if before else None
            tag = self.set_tag(artifact, name, at)
            if owner is not artifact:
                kind = "PUSH_ARTIFACT" if owner else "CREATE_TAG"
                self.events.emit(of_artifact(kind, artifact, at, by, name))
            return tag

    def untag(self, artifact: Artifact, name: str, *, by: By | None = None) -> None:
        """Delete a tag; no webhook tells of it (recorded: webhook-tag-delete-by-api).

        :raises HarborError: 404 when the artifact has no such tag.
        """
        with self.lock:
            tag = next((t for t in artifact.tags if t.name == name), None)
            if tag is None:
                raise not_found(f"tag {name} attached to artifact {artifact.id} not found")
            del artifact.repository.tags[name]
            self.detach(tag)
            self.events.emit(of_artifact("DELETE_TAG", artifact, self.now(), by or By(), name))

    def delete(self, artifact: Artifact, *, by: By | None = None) -> None:
        """Delete an artifact with its tags, its accessories and the children only it needed.

        :raises HarborError: 412 while an index names it.
        """
        with self.lock:
            self.events.emit(*delete_deeply(self, artifact, by or By()))

    def delete_repository(self, name: str, *, by: By | None = None) -> None:
        """Delete a repository with all its artifacts.

        :raises HarborError: 404 when there is none.
        """
        with self.lock:
            self.events.emit(*delete_repository(self, self.repository(name), by or By()))

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

    def set_scan(self, artifact: Artifact, scan: Scan | None, *, by: By | None = None) -> None:
        """Record the outcome of a scan, or forget it; an index is scanned child by child.

        Each child is told on its own, by digest (recorded: webhook-scanning-index).
        """
        with self.lock:
            for scanned in scannable(artifact):
                scanned.scan = scan
                event = scan_event(scanned, scan, self.now(), by or By()) if scan else None
                if event is not None:
                    self.events.emit(event)

    def note_pull(self, artifact: Artifact, tag: str = "", *, by: By | None = None) -> None:
        """Move the pull times and counts that a manifest GET moves.

        Source: harbor: src/controller/event/handler/internal (recorded: retag-step7-pulled). Harbor
        flushes them after 10 s; the stand-in at once.
        """
        with self.lock:
            now, repository = self.now(), artifact.repository
            artifact.pull_time = now
            tag = tag if tag in repository.tags else ""
            if tag:
                repository.tags[tag].pull_time = now
            repository.pull_count += 1
            repository.updated_at = now
            self.events.emit(of_artifact("PULL_ARTIFACT", artifact, now, by or By(), tag))

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
