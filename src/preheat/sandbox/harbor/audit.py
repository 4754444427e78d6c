"""The audit feed: who did what, one row for each (harbor: src/pkg/auditext).

Rows name repository and tag, pushes also the digest; a created tag has none, a deletion only that.
Labels, scans and moved tags leave no row (recorded: auditlog-ext-push, -tag, -delete, -label).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from preheat.sandbox.harbor.events import Event
from preheat.sandbox.harbor.query import Column
from preheat.sandbox.harbor.views import stamp

__all__ = ["COLUMNS", "DEFAULT_SORT", "EVENT_TYPES", "AuditFeed", "AuditRow"]

EVENT_TYPES: Final = (
    *("create_artifact", "delete_artifact", "pull_artifact", "create_project", "delete_project"),
    *("delete_repository", "login_user", "logout_user", "create_user", "delete_user"),
    *("update_user", "create_robot", "delete_robot", "update_configuration"),
)
"""What can be switched off one by one; tags cannot (recorded: auditlog-ext-events)."""
DEFAULT_SORT: Final = ("-op_time",)
COLUMNS: Final = {
    "id": Column("int", lambda row: row.id),
    "project_id": Column("int", lambda row: row.project_id),
    "operation": Column("str", lambda row: row.operation),
    "op_desc": Column("str", lambda row: row.description),
    "resource_type": Column("str", lambda row: row.resource_type),
    "resource": Column("str", lambda row: row.resource),
    "username": Column("str", lambda row: row.username),
    "op_time": Column("time", lambda row: row.op_time),
}
_TOLD: Final = {
    "PUSH_ARTIFACT": ("create", "artifact", "{reference}"),
    "PULL_ARTIFACT": ("pull", "artifact", "{reference}"),
    "DELETE_ARTIFACT": ("delete", "artifact", "{by_digest}"),
    "CREATE_TAG": ("create", "tag", "{by_tag}"),
    "DELETE_TAG": ("delete", "tag", "{by_tag}"),
    "DELETE_REPOSITORY": ("delete", "repository", "{repository}"),
    "CREATE_PROJECT": ("create", "project", "{project}"),
    "CREATE_ROBOT": ("create", "robot", "{subject}"),
    "DELETE_ROBOT": ("delete", "robot", "{subject}"),
}
"""Operation, resource type and resource (harbor: src/controller/event/topic.go)."""


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One row.

    :param project_id: never shown; 0 for none.
    :param due: by the monotonic clock, when lists begin to show it; it had its id before.
    """

    id: int
    project_id: int
    operation: str
    resource_type: str
    resource: str
    description: str
    username: str
    op_time: datetime
    due: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """Write the row (recorded: auditlog-ext-list)."""
        return {
            "id": self.id,
            "op_time": stamp(self.op_time),
            "operation": self.operation,
            "operation_description": self.description,
            "operation_result": True,
            "resource": self.resource,
            "resource_type": self.resource_type,
            "username": self.username,
        }


class AuditFeed:
    """All rows of one stand-in.

    :param next_id: hands out ids.

    ``enabled`` off is Harbor's ``skip_audit_log_database``: what happens then is told nowhere.
    """

    def __init__(self, next_id: Callable[[], int]) -> None:
        self._next_id = next_id
        self._lock = threading.Lock()
        self._rows: list[AuditRow] = []
        self._late = (0, 0.0)
        self.enabled = True

    def hear(self, events: Sequence[Event]) -> None:
        """Write the rows of one request.

        Harbor's handlers run side by side, so ids do not follow times: of one request the stand-in
        writes the last first, which is what was seen (recorded: auditlog-ext-delete, 65 and 66).
        """
        if not self.enabled:
            return
        with self._lock:
            for event in reversed(events):
                told = _told(event)
                if told is not None:
                    self._rows.append(self._row(event, *told))

    def hold(self, times: int, seconds: float) -> None:
        """Let the next rows come late, behind rows with higher ids.

        Source: ids are handed out before the commit (harbor: src/pkg/auditext/dao/dao.go).
        """
        with self._lock:
            self._late = (times, seconds)

    def rows(self) -> list[AuditRow]:
        """Give what lists show now, by id."""
        with self._lock:
            rows = tuple(self._rows)
        now = time.monotonic()
        return [row for row in rows if row.due <= now]

    def purge(self, before: datetime | None = None) -> int:
        """Delete old rows, as Harbor does by schedule; all without a time."""
        with self._lock:
            kept = [row for row in self._rows if before is not None and row.op_time >= before]
            gone = len(self._rows) - len(kept)
            self._rows = kept
        return gone

    def _row(
        self, event: Event, operation: str, kind: str, resource: str, description: str
    ) -> AuditRow:
        times, seconds = self._late
        due = 0.0
        if times > 0:
            self._late, due = (times - 1, seconds), time.monotonic() + seconds
        project_id = event.project.id if event.project else 0
        user = event.by.operator
        if not user and operation == "pull":
            user = "anonymous"
        return AuditRow(
            self._next_id(),
            project_id,
            operation,
            kind,
            resource,
            description,
            user,
            event.at,
            due,
        )


def _told(event: Event) -> tuple[str, str, str, str] | None:
    """Say an event as operation, resource type, resource and description; None for most."""
    if event.type not in _TOLD:
        return None
    operation, kind, template = _TOLD[event.type]
    by_digest, by_tag = f"{event.repository}@{event.digest}", f"{event.repository}:{event.tag}"
    resource = template.format(
        by_digest=by_digest,
        by_tag=by_tag,
        reference=by_tag if event.tag else by_digest,
        repository=event.repository,
        project=event.project.name if event.project else "",
        subject=event.subject,
    )
    verb = "push" if event.type == "PUSH_ARTIFACT" else operation
    return (
        operation,
        kind,
        resource,
        f"{verb} {kind}: {by_digest if kind == 'artifact' else resource}",
    )
