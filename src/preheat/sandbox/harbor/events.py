"""What happens in the stand-in, and the one place from which it is told.

Whatever changes the state says so to the bus; webhooks and audit feed hear it there.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from preheat.sandbox.harbor.rows import Artifact, Project, Repository

__all__ = ["JOBSERVICE", "By", "Event", "EventBus", "of_artifact", "of_repository"]

JOBSERVICE: Final = "harbor-jobservice"
"""Whom Harbor names for what its own jobs do (recorded: webhook-tag-retention)."""


@dataclass(frozen=True, slots=True)
class By:
    """Who did something, and in which request.

    :param operator: as Harbor says: a user's name, a robot's full name; "" for nobody.
    :param request_id: shared by all that one request brought about.
    """

    operator: str = "admin"
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened.

    :param type: Harbor's topic, such as ``PUSH_ARTIFACT`` or ``CREATE_TAG`` (harbor:
        src/controller/event/topic.go).
    :param project: None for what belongs to no project.
    :param repository: full name; "" when the event is about none.
    :param made_at: when the repository was made; None where Harbor does not tell it.
    :param subject: name of a robot, for events about one.
    :param overview: what a scan adds to the artifact in the payload.
    :param details: what else the payload's data holds.
    """

    type: str
    project: Project | None
    at: datetime
    by: By
    repository: str = ""
    made_at: datetime | None = None
    digest: str = ""
    tag: str = ""
    subject: str = ""
    overview: Mapping[str, Any] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)


def of_artifact(kind: str, artifact: Artifact, at: datetime, by: By, tag: str = "") -> Event:
    """Describe what happened to an artifact; its repository is there still."""
    repository = artifact.repository
    return Event(
        kind,
        repository.project,
        at,
        by,
        repository.name,
        repository.created_at,
        artifact.digest,
        tag,
    )


def of_repository(kind: str, repository: Repository, at: datetime, by: By) -> Event:
    """Describe what happened to a repository."""
    return Event(kind, repository.project, at, by, repository.name)


class EventBus:
    """Tells everybody who listens, in the order of their coming."""

    def __init__(self) -> None:
        self._hearers: list[Callable[[Sequence[Event]], None]] = []
        self._is_muted = False

    def subscribe(self, hearer: Callable[[Sequence[Event]], None]) -> None:
        """Have a listener told from now on."""
        self._hearers.append(hearer)

    def emit(self, *events: Event) -> None:
        """Tell what one request brought about, in the order of its times."""
        if self._is_muted or not events:
            return
        for hear in self._hearers:
            hear(events)

    @contextmanager
    def muted(self) -> Iterator[None]:
        """Let things happen untold: what a catalogue fills in was always there."""
        self._is_muted = True
        try:
            yield
        finally:
            self._is_muted = False
