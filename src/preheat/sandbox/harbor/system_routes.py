"""Routes about Harbor itself: liveness, version, systeminfo, permissions, the current user."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Response

from preheat.sandbox.harbor.call import Opened, reply, state_of, text
from preheat.sandbox.harbor.errors import HarborError, forbidden, unauthorized
from preheat.sandbox.harbor.state import HarborState
from preheat.sandbox.harbor.views import stamp

__all__ = ["router"]

COMPONENTS: Final = (
    "core",
    "database",
    "jobservice",
    "portal",
    "redis",
    "registry",
    "registryctl",
)
JOBSERVICE_DOWN: Final = (
    'failed to check health: Get "http://127.0.0.1:8089/api/v1/stats": dial tcp 127.0.0.1:8089: '
    "connect: connection refused"
)
CATALOGUE: Final = {
    "project": {
        "project": ("read", "delete", "update"),
        "metadata": ("read", "create", "delete", "list", "update"),
        "repository": ("read", "update", "delete", "list", "pull", "push"),
        "artifact": ("read", "create", "list", "delete"),
        "scan": ("create", "read", "stop"),
        "tag": ("create", "list", "delete"),
        "accessory": ("list",),
        "artifact-addition": ("read",),
        "artifact-label": ("create", "delete"),
        "label": ("read", "create", "delete", "list", "update"),
        "log": ("list",),
        "robot": ("create", "read", "list", "delete"),
        "preheat-policy": ("read", "create", "delete", "list", "update"),
        "notification-policy": ("read", "create", "delete", "list", "update"),
    },
    "system": {
        "project": ("list", "create"),
        "catalog": ("read",),
        "label": ("read", "create", "delete", "update"),
        "audit-log": ("list",),
        "preheat-instance": ("read", "create", "delete", "list", "update"),
        "robot": ("create", "read", "list", "delete"),
    },
}
"""Rights that robots may hold, as far as known here (harbor: src/common/rbac/const.go)."""

router = APIRouter()


@router.get("/api/version")
async def api_version() -> Response:
    """Tell the API's version."""
    return text('{"version":"v2.0"}\n')


@router.get("/api/v2.0/ping")
async def ping() -> Response:
    """Tell that the stand-in lives."""
    return reply("Pong")


@router.get("/api/v2.0/health")
async def health(state: Annotated[HarborState, Depends(state_of)]) -> Response:
    """Tell the health of all components, always with 200 (recorded: health-jobservice-down)."""
    is_well = state.deliveries.jobservice.is_running
    components = [
        {"name": name, "status": "healthy"}
        if is_well or name != "jobservice"
        else {"error": JOBSERVICE_DOWN, "name": name, "status": "unhealthy"}
        for name in COMPONENTS
    ]
    return reply({"components": components, "status": "healthy" if is_well else "unhealthy"})


@router.get("/api/v2.0/systeminfo")
async def systeminfo(call: Opened) -> Response:
    """Tell what Harbor is; most of it only to a known caller (recorded: systeminfo-anonymous)."""
    body: dict[str, Any] = {
        "auth_mode": "db_auth",
        "banner_message": "",
        "oidc_provider_name": "",
        "primary_auth_mode": False,
        "self_registration": False,
    }
    if call.caller.known:
        settings = call.state.settings
        host = call.request.headers.get("host", "")
        external = settings.external_url or f"{call.request.url.scheme}://{host}"
        body |= {
            "current_time": stamp(call.state.now()),
            "external_url": external,
            "harbor_version": f"v{settings.version}-sandbox",
            "has_ca_root": False,
            "notification_enable": True,
            "project_creation_restriction": "everyone",
            "read_only": False,
            "registry_storage_provider_name": "filesystem",
            "registry_url": external.partition("://")[2],
        }
    return reply(body)


@router.get("/api/v2.0/permissions")
async def permissions(call: Opened) -> Response:
    """Tell which rights there are; not to robots (recorded: permissions-robot)."""
    if not call.caller.known:
        raise unauthorized()
    if not call.caller.admin:
        raise forbidden("forbidden: only admins(system and project) can access permissions")
    return reply({
        level: [
            {"action": action, "resource": resource}
            for resource, actions in resources.items()
            for action in actions
        ]
        for level, resources in CATALOGUE.items()
    })


@router.get("/api/v2.0/users/current")
async def current_user(call: Opened) -> Response:
    """Tell who the caller is; robots get 412 (recorded: users-current-robot)."""
    if not call.caller.known:
        raise unauthorized()
    if call.caller.robot:
        raise HarborError(
            HTTPStatus.PRECONDITION_FAILED,
            "PRECONDITION",
            "get current user not available for security context: robot",
        )
    return reply({
        "admin_role_in_auth": False,
        "sysadmin_flag": call.caller.admin,
        "user_id": 1 if call.caller.admin else 3,
        "username": call.caller.name,
    })
