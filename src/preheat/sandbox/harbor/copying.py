"""Copying an artifact into another repository, with its children and accessories.

Source: harbor: src/controller/artifact/controller.go, copyDeeply (recorded: webhook-copy-artifact).
"""

from __future__ import annotations

from preheat.sandbox.harbor.events import By, of_artifact
from preheat.sandbox.harbor.rows import Artifact
from preheat.sandbox.harbor.state import HarborState
from preheat.sandbox.harbor.store import children_of

__all__ = ["copy_artifact"]


def copy_artifact(
    state: HarborState, source: Artifact, name: str, *, by: By | None = None
) -> Artifact:
    """Copy an artifact with all its tags; what the target repository has already is not told again.

    However many tags it has, it is told once, with one of them.

    :param name: full name of the target repository, which is made if need be.
    :raises HarborError: 404 when the project does not exist.
    """
    by = by or By()
    with state.lock:
        state.touch_repository(name, state.now())
        is_new = source.digest not in state.repository(name).by_digest
        attached = []
        if is_new:
            for child in children_of(source):
                _copy_part(state, child, name, by)
            attached = [
                (accessory.type, _copy_part(state, accessory.artifact, name, by))
                for accessory in source.accessories
            ]
        made = _enter(state, source, name, by)
        for kind, artifact in attached:
            if artifact.subject is None:
                state.attach(artifact, made, kind)
        return made


def _copy_part(state: HarborState, source: Artifact, name: str, by: By) -> Artifact:
    """Copy what belongs to another artifact, unless it is there."""
    there = state.repository(name).by_digest.get(source.digest)
    return there or copy_artifact(state, source, name, by=by)


def _enter(state: HarborState, source: Artifact, name: str, by: By) -> Artifact:
    at, tags = state.now(), [tag.name for tag in source.newest_tags]
    made = state.enter(name, source.recipe, tags, at=at)
    made.type = source.type
    state.events.emit(of_artifact("PUSH_ARTIFACT", made, at, by, tags[0] if tags else ""))
    return made
