"""What happened in a Harbor: the values that webhooks and catch-up bring, whatever their form.

An event is a hint: it says which repository to look at. What is there now, Harbor is asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["EventKind", "EventSource", "HarborEvent"]


class EventKind(StrEnum):
    """What happened; all but the last two are what a policy can run on."""

    PUSHED = "pushed"
    TAG_ADDED = "tagAdded"
    SCANNED = "scanned"
    LABEL_ADDED = "labelAdded"
    SIGNED = "signed"
    DELETED = "deleted"
    OTHER = "other"


class EventSource(StrEnum):
    """How an event came to be known."""

    WEBHOOK = "webhook"
    AUDIT = "audit"
    SWEEP = "sweep"
    # Not from Harbor: an event that a policy could not act on yet, because its window was closed.
    DEFERRED = "deferred"


@dataclass(frozen=True, slots=True)
class HarborEvent:
    """One thing that happened to one artifact.

    :param registry: Airflow connection id of the Harbor.
    :param delivery: names this telling of it; the same thing told twice by the same way has the
        same name, such as ``ce:<CloudEvents id>``, ``body:<hash>`` or ``audit:<row id>``.
    :param repository: project and repository; "" for events that concern no repository.
    :param digest: of the artifact; "" where it is not told.
    :param tag: "" where there is none, or it is not told.
    :param operator: whoever did it, as Harbor says.
    :param occurred_at: by Harbor's clock; second precision from webhooks.
    :param type: Harbor's own word, such as ``PUSH_ARTIFACT`` or ``harbor.artifact.pushed``.
    """

    registry: str
    delivery: str
    source: EventSource
    kind: EventKind
    repository: str = ""
    digest: str = ""
    tag: str = ""
    operator: str = ""
    occurred_at: datetime | None = None
    type: str = ""

    @property
    def project(self) -> str:
        """The project; "" for events that concern none."""
        return self.repository.partition("/")[0]
