"""Routes of webhook policies and their executions, below each project."""

from __future__ import annotations

from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any, Final

from fastapi import APIRouter, Response

from preheat.sandbox.harbor.call import Call, Opened, empty, listing, reply
from preheat.sandbox.harbor.errors import not_found, unprocessable
from preheat.sandbox.harbor.payloads import CLOUD_TYPES, FORMATS
from preheat.sandbox.harbor.query import Column
from preheat.sandbox.harbor.rows import Project
from preheat.sandbox.harbor.views import NEVER, stamp
from preheat.sandbox.harbor.webhooks import REFRESH_SECONDS, Execution, Task, WebhookPolicy

__all__ = ["router"]

BASE: Final = "/api/v2.0/projects/{project}/webhook"
POLICIES: Final = f"{BASE}/policies"
POLICY: Final = f"{POLICIES}/{{policy_id}}"
EXECUTIONS: Final = f"{POLICY}/executions"
POLICY_COLUMNS: Final = {
    "id": Column("int", lambda row: row.id),
    "name": Column("str", lambda row: row.name),
    "creation_time": Column("str", lambda row: stamp(row.created_at)),
    "update_time": Column("time", lambda row: row.updated_at),
}
EXECUTION_COLUMNS: Final = {
    "id": Column("int", lambda row: row.id),
    "start_time": Column("time", lambda row: row.started_at),
}
TASK_COLUMNS: Final = {
    "id": Column("int", lambda row: row.id),
    "status": Column("str", lambda row: row.status),
    "creation_time": Column("time", lambda row: row.created_at),
}

router = APIRouter()


@router.get(f"{BASE}/events")
async def list_event_types(call: Opened, project: str) -> Response:
    """Tell what a policy may ask for (recorded: webhook-events)."""
    call.project(project, "notification-policy:read")
    return reply({
        "event_type": list(CLOUD_TYPES),
        "notify_type": ["http", "slack"],
        "payload_formats": [{"formats": FORMATS, "notify_type": "http"}],
    })


@router.get(f"{BASE}/lasttrigger")
async def list_last_triggers(call: Opened, project: str) -> Response:
    """Tell when each policy last fired, by event type (recorded: webhook-lasttrigger)."""
    found = call.project(project, "notification-policy:read")
    return reply([
        {
            "creation_time": stamp(policy.created_at),
            "enabled": policy.enabled,
            "event_type": name,
            "last_trigger_time": stamp(policy.triggered.get(name)),
            "policy_name": policy.name,
        }
        for policy in reversed(call.state.webhooks.of_project(found))
        for name in policy.event_types
    ])


@router.get(POLICIES)
async def list_policies(call: Opened, project: str) -> Response:
    """List a project's policies, newest first (recorded: webhook-policies-list)."""
    found = call.project(project, "notification-policy:list")
    query = call.query()
    policies = reversed(call.state.webhooks.of_project(found))
    rows, total = query.select(policies, POLICY_COLUMNS, ("-creation_time",))
    return listing(call, [_policy_json(row) for row in rows], total, query)


@router.post(POLICIES)
async def create_policy(call: Opened, project: str) -> Response:
    """Create a policy (recorded: webhook-policy-create-default and its neighbours)."""
    found = call.project(project, "notification-policy:create")
    made = call.state.webhooks.add(found, await call.body("policy"))
    where = f"{call.request.url.path.rstrip('/')}/{made.id}"
    return empty(HTTPStatus.CREATED, {"location": where})


@router.get(POLICY)
async def read_policy(call: Opened, project: str, policy_id: str) -> Response:
    """Read one policy, with its credential."""
    _, policy = _find(call, project, policy_id, "read")
    return reply(_policy_json(policy))


@router.put(POLICY)
async def replace_policy(call: Opened, project: str, policy_id: str) -> Response:
    """Replace a policy whole."""
    found, policy = _find(call, project, policy_id, "update")
    call.state.webhooks.replace(policy, found, await call.body("policy"))
    return empty()


@router.delete(POLICY)
async def delete_policy(call: Opened, project: str, policy_id: str) -> Response:
    """Delete a policy with its executions."""
    _, policy = _find(call, project, policy_id, "delete")
    call.state.webhooks.remove(policy)
    return empty()


@router.get(EXECUTIONS)
async def list_executions(call: Opened, project: str, policy_id: str) -> Response:
    """List executions with their payloads, newest first (recorded: webhook-executions)."""
    _, policy = _find(call, project, policy_id, "read")
    query = call.query()
    executions = sorted(policy.executions.copy().values(), key=lambda row: -row.id)
    rows, total = query.select(executions, EXECUTION_COLUMNS, ("-start_time",))
    return listing(call, [_execution_json(call, row) for row in rows], total, query)


@router.get(f"{EXECUTIONS}/{{execution_id}}/tasks")
async def list_tasks(call: Opened, project: str, policy_id: str, execution_id: str) -> Response:
    """List an execution's one task, if it has any (recorded: webhook-tasks, -failed)."""
    _, policy = _find(call, project, policy_id, "read")
    number = _number(execution_id, "execution_id")
    execution = policy.executions.get(number)
    if execution is None:
        raise not_found(f"execution {number} not found")
    query = call.query()
    tasks = [execution.task] if execution.task else []
    rows, total = query.select(tasks, TASK_COLUMNS, ("-id",))
    return listing(call, [_task_json(row) for row in rows], total, query)


def _find(call: Call, project: str, policy_id: str, action: str) -> tuple[Project, WebhookPolicy]:
    found = call.project(project, f"notification-policy:{action}")
    number = _number(policy_id, "webhook_policy_id")
    return found, call.state.webhooks.find(found, number)


def _number(text: str, name: str) -> int:
    if not text.isdecimal():
        raise unprocessable(f'{name} in path must be of type int64: "{text}"')
    return int(text)


def _policy_json(row: WebhookPolicy) -> dict[str, Any]:
    body = {
        "creation_time": stamp(row.created_at),
        "enabled": row.enabled,
        "event_types": row.event_types,
        "id": row.id,
        "name": row.name,
        "project_id": row.project_id,
        "targets": [target.to_json() for target in row.targets],
        "update_time": stamp(row.updated_at),
    }
    return body | ({"description": row.description} if row.description else {})


def _execution_json(call: Call, row: Execution) -> dict[str, Any]:
    """Write an execution; its status is told late, its numbers are not."""
    refresh = REFRESH_SECONDS * call.state.settings.webhook_delay_factor
    ended = row.ended_at(call.state.now(), timedelta(seconds=refresh))
    metrics = {f"{row.task.status.lower()}_task_count": 1, "task_count": 1} if row.task else {}
    return {
        "end_time": _second(ended),
        "extra_attrs": {"event_type": row.event_type, "payload": row.payload},
        "id": row.id,
        "metrics": metrics,
        "start_time": _second(row.started_at),
        "status": row.task.status if row.task and ended else "Running",
        "trigger": "EVENT",
        "vendor_id": row.policy_id,
        "vendor_type": "WEBHOOK",
    }


def _task_json(row: Task) -> dict[str, Any]:
    return {
        "creation_time": _second(row.created_at),
        "end_time": _second(row.ended_at),
        "execution_id": row.execution_id,
        "id": row.id,
        "run_count": row.run_count,
        "start_time": _second(row.started_at),
        "status": row.status,
        "update_time": _second(row.updated_at or row.created_at),
    }


def _second(time: datetime | None) -> str:
    """Write a time in seconds, or Go's zero time."""
    return f"{NEVER[:19]}Z" if time is None else f"{time:%Y-%m-%dT%H:%M:%SZ}"
