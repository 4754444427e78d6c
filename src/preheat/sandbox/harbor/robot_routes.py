"""Routes of robot accounts: create, read, rotate, disable, delete."""

from __future__ import annotations

import re
import secrets
from datetime import timedelta
from http import HTTPStatus
from typing import Any, Final

from fastapi import APIRouter, Response

from preheat.sandbox.harbor.accounts import Permission, Robot
from preheat.sandbox.harbor.call import Call, Opened, empty, listing, reply
from preheat.sandbox.harbor.errors import bad_request, conflict, not_found
from preheat.sandbox.harbor.events import Event
from preheat.sandbox.harbor.query import Column
from preheat.sandbox.harbor.system_routes import CATALOGUE
from preheat.sandbox.harbor.views import robot_json, stamp

__all__ = ["router"]

ROBOTS: Final = "/api/v2.0/robots"
ROBOT: Final = f"{ROBOTS}/{{robot_id}}"
COLUMNS: Final = {
    "id": Column("int", lambda r: r.id),
    "name": Column("str", lambda r: r.name),
    "creation_time": Column("time", lambda r: r.created_at),
}
NAME: Final = re.compile(r"[a-z0-9]+(?:[._-][a-z0-9]+)*")

router = APIRouter()


def _find(call: Call, robot_id: str) -> Robot:
    robot = call.state.accounts.robot(int(robot_id)) if robot_id.isdecimal() else None
    if robot is None:
        raise not_found(f"robot {robot_id} not found")
    return robot


def _permissions(told: list[dict[str, Any]]) -> list[Permission]:
    permissions = []
    for entry in told:
        kind = entry["kind"]
        rights = [f"{a['resource']}:{a['action']}" for a in entry["access"]]
        for right in rights:
            resource, _, action = right.partition(":")
            if action not in CATALOGUE.get(kind, {}).get(resource, ()):
                raise bad_request(f"bad request permission: {right}")
        permissions.append(Permission(kind, entry["namespace"], frozenset(rights)))
    return permissions


@router.get(ROBOTS)
async def list_robots(call: Opened) -> Response:
    """List the robots of the system level."""
    call.system("robot:list")
    query = call.query()
    shown = [r for r in tuple(call.state.accounts.robots.values()) if r.level == "system"]
    rows, total = query.select(shown, COLUMNS, ("-creation_time", "-id"))
    return listing(call, [robot_json(row) for row in rows], total, query)


@router.post(ROBOTS)
async def create_robot(call: Opened) -> Response:
    """Create a robot and tell its secret, once (recorded: robot-create-project)."""
    call.system("robot:create")
    body = await call.body()
    name, level = str(body.get("name", "")), str(body.get("level", ""))
    duration = body.get("duration", 0)
    if not NAME.fullmatch(name):
        raise bad_request("robot name is not in lower case or contains illegal characters")
    if duration != -1 and not (isinstance(duration, int) and duration > 0):
        raise bad_request(
            f"bad request error duration input: {duration}, duration must be either -1(Never) or "
            "a positive integer"
        )
    permissions = _permissions(body.get("permissions") or [])
    project = permissions[0].namespace if level == "project" and permissions else ""
    full_name = f"robot${project}+{name}" if project else f"robot${name}"
    if full_name in call.state.accounts.robots:
        found = call.state.project(project) if project else None
        raise conflict(f"robot account {found.id if found else 0}:{name} already exists")
    end = None if duration == -1 else call.state.now() + timedelta(days=duration)
    robot = call.state.accounts.add_robot(
        full_name,
        secrets.token_urlsafe(24),
        permissions,
        level=level,
        description=str(body.get("description", "")),
        duration=duration,
        expires_at=end,
    )
    call.state.events.emit(_event(call, "CREATE_ROBOT", robot))
    told = {
        "creation_time": stamp(robot.created_at),
        "expires_at": int(end.timestamp()) if end else -1,
        "id": robot.id,
        "name": robot.name,
        "secret": robot.secret,
    }
    return reply(told, status=HTTPStatus.CREATED, headers={"location": f"{ROBOTS}/{robot.id}"})


@router.get(ROBOT)
async def read_robot(call: Opened, robot_id: str) -> Response:
    """Read a robot."""
    call.system("robot:read")
    return reply(robot_json(_find(call, robot_id)))


@router.put(ROBOT)
async def update_robot(call: Opened, robot_id: str) -> Response:
    """Disable or enable a robot, or give it other permissions (recorded: robot-disable)."""
    call.system("robot:create")
    robot, body = _find(call, robot_id), await call.body()
    robot.permissions = tuple(_permissions(body.get("permissions") or []))
    robot.disabled = bool(body.get("disable", False))
    return empty()


@router.patch(ROBOT)
async def rotate_secret(call: Opened, robot_id: str) -> Response:
    """Give a robot a new secret (recorded: robot-refresh-secret)."""
    call.system("robot:create")
    robot = _find(call, robot_id)
    robot.secret = str((await call.body()).get("secret") or secrets.token_urlsafe(24))
    return reply({"secret": robot.secret})


@router.delete(ROBOT)
async def delete_robot(call: Opened, robot_id: str) -> Response:
    """Delete a robot; tokens it was given stay good until they expire."""
    call.system("robot:delete")
    robot = _find(call, robot_id)
    del call.state.accounts.robots[robot.name]
    call.state.events.emit(_event(call, "DELETE_ROBOT", robot))
    return empty()


def _event(call: Call, kind: str, robot: Robot) -> Event:
    """Describe what became of a robot: of its project, or of none."""
    of_project = robot.level == "project" and robot.permissions
    project = call.state.projects.get(robot.permissions[0].namespace) if of_project else None
    return Event(kind, project, call.state.now(), call.by(), subject=robot.name)
