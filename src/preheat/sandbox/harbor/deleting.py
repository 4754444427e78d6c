"""Deleting as Harbor does: accessories are told, children that only an index needed are not.

Source: harbor: src/controller/artifact/controller.go (deleteDeeply), src/controller/repository
(recorded: webhook-delete-artifact, webhook-delete-artifact-accessories, webhook-delete-repository).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from http import HTTPStatus

from preheat.sandbox.harbor.errors import HarborError
from preheat.sandbox.harbor.events import By, Event, of_artifact, of_repository
from preheat.sandbox.harbor.rows import Artifact, Repository
from preheat.sandbox.harbor.store import HarborStore, children_of

__all__ = ["delete_deeply", "delete_repository"]


def delete_deeply(store: HarborStore, artifact: Artifact, by: By) -> list[Event]:
    """Delete an artifact with all that hangs on it, and give what is to be told of that.

    :raises HarborError: 412 while an index names it.
    """
    if artifact.parents:
        raise HarborError(
            HTTPStatus.PRECONDITION_FAILED,
            "VIOLATE_FOREIGN_KEY_CONSTRAINT",
            "the deleting artifact is referenced by others",
        )
    return _delete(store, artifact, by)


def delete_repository(store: HarborStore, repository: Repository, by: By) -> Sequence[Event]:
    """Delete a repository; as it is gone then, none of the events tells when it was made."""
    events: list[Event] = []
    while roots := [a for a in repository.by_digest.values() if not (a.parents or a.subject)]:
        for root in roots:
            events += _delete(store, root, by)
    del repository.project.repositories[repository.name]
    gone = [replace(event, made_at=None) for event in events]
    return [*gone, of_repository("DELETE_REPOSITORY", repository, store.now(), by)]


def _delete(store: HarborStore, artifact: Artifact, by: By) -> list[Event]:
    """Delete a root: its accessories come first, each told of itself."""
    events = _delete_accessories(store, artifact, by)
    tag = next((tag.name for tag in artifact.newest_tags), "")
    itself = of_artifact("DELETE_ARTIFACT", artifact, store.now(), by, tag)
    children = dict.fromkeys(children_of(artifact))
    store.remove(artifact)
    for child in children:
        events += _delete_child(store, child, by)
    return [*events, itself]


def _delete_child(store: HarborStore, child: Artifact, by: By) -> list[Event]:
    """Delete a child that neither a tag nor another index needs; only its accessories are told."""
    if child.tags or child.parents:
        return []
    events = _delete_accessories(store, child, by)
    children = dict.fromkeys(children_of(child))
    store.remove(child)
    for below in children:
        events += _delete_child(store, below, by)
    return events


def _delete_accessories(store: HarborStore, artifact: Artifact, by: By) -> list[Event]:
    return [
        event
        for accessory in artifact.accessories
        for event in _delete(store, accessory.artifact, by)
    ]
