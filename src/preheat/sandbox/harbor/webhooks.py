"""Webhook policies of projects and what is kept of their executions.

Source: harbor: src/server/v2.0/handler/webhook.go, src/pkg/notification (recorded:
webhook-policy-create-default and its neighbours, webhook-executions, webhook-tasks). The credential
of a target is kept and shown in clear, as Harbor does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit

from preheat.sandbox.harbor.errors import bad_request, conflict, not_found, unprocessable
from preheat.sandbox.harbor.events import Event
from preheat.sandbox.harbor.payloads import CLOUD_TYPES, FORMATS
from preheat.sandbox.harbor.rows import Project

__all__ = ["Execution", "Target", "Task", "WebhookPolicy", "Webhooks"]

KEPT_EXECUTIONS: Final = 50
"""How many a policy keeps (harbor: ``WEBHOOK_EXECUTION_RETENTION_COUNT``)."""
REFRESH_SECONDS: Final = 17.0
"""How long an execution still says Running when its task has ended (recorded: webhook-executions,
preheat-builtin-measurements: tasks after 11.1 s, execution after 27.9 s)."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a policy delivers.

    :param kind: ``http`` or ``slack``; the stand-in sends nothing to the latter.
    """

    kind: str
    address: str
    format: str = ""
    auth_header: str = field(default="", repr=False)
    skip_cert_verify: bool = False

    def to_json(self) -> dict[str, Any]:
        """Write the target; what is empty is left out (recorded: webhook-policies-list)."""
        told = {
            "address": self.address,
            "auth_header": self.auth_header,
            "payload_format": self.format,
            "skip_cert_verify": self.skip_cert_verify,
            "type": self.kind,
        }
        return {key: value for key, value in told.items() if value}


@dataclass(slots=True)
class Task:
    """The job that delivers; ``run_count`` is its attempts so far."""

    id: int
    execution_id: int
    created_at: datetime
    status: str = "Pending"
    run_count: int = 0
    started_at: datetime | None = None
    updated_at: datetime | None = None
    ended_at: datetime | None = None


@dataclass(slots=True)
class Execution:
    """One payload for one target; without a task it stays Running for ever.

    Recorded: webhook-executions-jobservice-back.
    """

    id: int
    policy_id: int
    event_type: str
    payload: str = field(repr=False)
    started_at: datetime
    task: Task | None = None

    def ended_at(self, now: datetime, refresh: timedelta) -> datetime | None:
        """Tell when it ended, as its row says by now: that follows the task's with a delay."""
        ended = self.task.ended_at if self.task else None
        return ended if ended is not None and ended + refresh <= now else None


@dataclass(slots=True, eq=False)
class WebhookPolicy:
    """A policy of one project.

    :param triggered: when it last fired, by event type.
    """

    id: int
    project_id: int
    name: str
    event_types: tuple[str, ...]
    targets: tuple[Target, ...]
    enabled: bool
    description: str
    created_at: datetime | None
    updated_at: datetime
    triggered: dict[str, datetime] = field(default_factory=dict)
    executions: dict[int, Execution] = field(default_factory=dict)

    def begin(self, execution: Execution) -> None:
        """Enter an execution; the oldest beyond those kept are forgotten."""
        self.executions[execution.id] = execution
        self.triggered[execution.event_type] = execution.started_at
        for stale in sorted(self.executions)[:-KEPT_EXECUTIONS]:
            del self.executions[stale]


class Webhooks:
    """The policies of all projects.

    :param next_id: hands out ids, by table.
    :param clock: tells the time of rows.
    """

    def __init__(self, next_id: Callable[[str], int], clock: Callable[[], datetime]) -> None:
        self._next_id = next_id
        self._clock = clock
        self._policies: dict[int, WebhookPolicy] = {}

    def of_project(self, project: Project) -> list[WebhookPolicy]:
        """Give a project's policies, oldest first."""
        return [row for row in tuple(self._policies.values()) if row.project_id == project.id]

    def find(self, project: Project, policy_id: int) -> WebhookPolicy:
        """Find one policy of a project.

        :raises HarborError: 404 in Harbor's words, which tell whether another project has it.
        """
        policy = self._policies.get(policy_id)
        if policy is None:
            raise not_found(f"notificationPolicy {policy_id} not found")
        if policy.project_id != project.id:
            raise not_found(f"project id:{project.id}, webhook policy id: {policy_id} not found")
        return policy

    def add(self, project: Project, told: Mapping[str, Any]) -> WebhookPolicy:
        """Create a policy.

        :raises HarborError: 400 for what is not valid, 409 for a name that the project has.
        """
        now = self._clock()
        name, event_types, targets = _read(told)
        policy_id = self._next_id(
            "webhook policy"
        )  # a refused row uses up its id, as in PostgreSQL
        self._refuse_taken(project, name)
        made = WebhookPolicy(
            policy_id,
            project.id,
            name,
            event_types,
            targets,
            bool(told.get("enabled")),
            str(told.get("description") or ""),
            now,
            now,
        )
        self._policies[made.id] = made
        return made

    def replace(self, policy: WebhookPolicy, project: Project, told: Mapping[str, Any]) -> None:
        """Replace a policy whole, its creation time too: what is not told is lost.

        :raises HarborError: as :meth:`add`.

        Source: harbor: UpdateWebhookPolicyOfProject writes every column.
        """
        name, event_types, targets = _read(told)
        self._refuse_taken(project, name, policy)
        policy.name, policy.event_types, policy.targets = name, event_types, targets
        policy.enabled = bool(told.get("enabled"))
        policy.description = str(told.get("description") or "")
        policy.created_at = _time_of(told.get("creation_time"))
        policy.updated_at = self._clock()

    def remove(self, policy: WebhookPolicy) -> None:
        """Delete a policy with its executions."""
        del self._policies[policy.id]

    def wanting(self, event: Event) -> Iterator[tuple[WebhookPolicy, Target]]:
        """Go through the targets that are to be told of an event."""
        if event.project is None or event.type not in CLOUD_TYPES:
            return
        for policy in self.of_project(event.project):
            if policy.enabled and event.type in policy.event_types:
                for target in policy.targets:
                    if target.kind == "http":
                        yield policy, target

    def begin(self, policy: WebhookPolicy, event: Event, payload: str) -> Execution:
        """Enter an execution for one target of a policy."""
        made = Execution(self._next_id("execution"), policy.id, event.type, payload, self._clock())
        policy.begin(made)
        return made

    def begin_task(self, execution: Execution) -> Task:
        """Give an execution its task."""
        execution.task = Task(self._next_id("task"), execution.id, self._clock())
        return execution.task

    def _refuse_taken(
        self, project: Project, name: str, itself: WebhookPolicy | None = None
    ) -> None:
        if any(row.name == name and row is not itself for row in self.of_project(project)):
            raise conflict(f"notification policy named {name} already exists")


def _read(told: Mapping[str, Any]) -> tuple[str, tuple[str, ...], tuple[Target, ...]]:
    name = str(told.get("name") or "")
    return name, _event_types(told.get("event_types")), _targets(name, told.get("targets"))


def _event_types(told: Any) -> tuple[str, ...]:
    if not isinstance(told, list) or not told:
        raise bad_request("empty event type")
    names = tuple(map(str, told))
    for name in names:
        if name not in CLOUD_TYPES:
            raise bad_request(f"unsupported event type {name}")
    return names


def _targets(policy: str, told: Any) -> tuple[Target, ...]:
    if not isinstance(told, list) or not told:
        raise bad_request(f"empty notification target with policy {policy}")
    if not all(isinstance(entry, dict) for entry in told):
        raise unprocessable("targets in body must be of type object")
    return tuple(_target(policy, entry) for entry in told)


def _target(policy: str, told: Mapping[str, Any]) -> Target:
    """Check one target; an address without a scheme passes and is kept as it is.

    Recorded: webhook-policy-create-no-scheme, -bad-format, -slack-cloudevents.
    """
    kind, address = str(told.get("type") or ""), str(told.get("address") or "")
    wanted = str(told.get("payload_format") or "")
    _check_address(address)
    if kind not in {"http", "slack"}:
        raise bad_request(f"unsupported target type {kind} with policy {policy}")
    if wanted and kind == "slack":
        raise bad_request("set payload format is not allowed for slack")
    if wanted and wanted not in FORMATS:
        raise bad_request(f"unsupported payload format type: {wanted}")
    return Target(
        kind,
        address,
        wanted or ("Default" if kind == "http" else ""),
        str(told.get("auth_header") or ""),
        bool(told.get("skip_cert_verify")),
    )


def _check_address(address: str) -> None:
    """Refuse what is no address (harbor: src/common/utils/utils.go, ParseEndpoint)."""
    bare = address.strip(" ").rstrip("/")
    if not bare:
        raise bad_request("empty URL")
    scheme, mark, _ = bare.partition("://")
    if mark and scheme not in {"http", "https"}:
        raise bad_request(f"invalid scheme: {scheme}")
    try:
        urlsplit(bare if mark else f"http://{bare}")
    except ValueError:
        raise bad_request(f'parse "{bare}": invalid URL') from None


def _time_of(told: Any) -> datetime | None:
    try:
        time = datetime.fromisoformat(str(told))
    except ValueError:
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)
