"""Routes of Harbor's own preheat configuration: providers, instances and policies; nothing runs."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

from fastapi import APIRouter, Response

from preheat.sandbox.harbor.call import Call, Opened, empty, listing, reply
from preheat.sandbox.harbor.errors import not_found
from preheat.sandbox.harbor.preheating import PreheatInstance, PreheatPolicy
from preheat.sandbox.harbor.query import Column
from preheat.sandbox.harbor.views import stamp

__all__ = ["router"]

INSTANCES: Final = "/api/v2.0/p2p/preheat/instances"
PROJECT: Final = "/api/v2.0/projects/{project}/preheat"
COLUMNS: Final = {
    "id": Column("int", lambda row: row.id),
    "name": Column("str", lambda row: row.name),
}
DRIVERS: Final = (
    {
        "icon": "https://raw.githubusercontent.com/dragonflyoss/Dragonfly2/master/docs/images/logo/"
        "dragonfly-linear.png",
        "id": "dragonfly",
        "maintainers": ["chlins.zhang@gmail.com", "gaius.qi@gmail.com"],
        "name": "Dragonfly",
        "source": "https://github.com/dragonflyoss/Dragonfly2",
        "version": "2.1.59",
    },
    {
        "icon": "https://github.com/uber/kraken/blob/master/assets/kraken-logo-color.svg",
        "id": "kraken",
        "maintainers": ["mmpei/peimingming@corp.netease.com"],
        "name": "Kraken",
        "source": "https://github.com/uber/kraken",
        "version": "0.1.3",
    },
)

router = APIRouter()


@router.get("/api/v2.0/p2p/preheat/providers")
async def list_drivers(call: Opened) -> Response:
    """Tell the drivers that Harbor was built with (recorded: preheat-providers)."""
    call.system("preheat-instance:list")
    return reply(DRIVERS)


@router.get(INSTANCES)
async def list_instances(call: Opened) -> Response:
    """List the instances, without their credentials (recorded: preheat-instances-list)."""
    call.system("preheat-instance:list")
    query = call.query()
    rows, total = query.select(call.state.preheating.instances.values(), COLUMNS, ("id",))
    return listing(call, [_instance_json(row) for row in rows], total, query)


@router.post(INSTANCES)
async def create_instance(call: Opened) -> Response:
    """Create an instance (recorded: preheat-instance-create and its neighbours)."""
    call.system("preheat-instance:create")
    made = call.state.preheating.add_instance(call.state, await call.body())
    return empty(HTTPStatus.CREATED, {"location": f"{INSTANCES}/{made.name}"})


@router.get(f"{INSTANCES}/{{name}}")
async def read_instance(call: Opened, name: str) -> Response:
    """Read one instance."""
    call.system("preheat-instance:read")
    found = call.state.preheating.instances.get(name)
    if found is None:
        raise not_found(f"instance {name} not found")
    return reply(_instance_json(found))


@router.get(f"{PROJECT}/providers")
async def list_providers(call: Opened, project: str) -> Response:
    """Tell the instances as a project sees them (recorded: preheat-project-providers)."""
    call.project(project, "preheat-policy:list")
    return reply([
        {
            "enabled": row.enabled,
            "id": row.id,
            "provider": f"{row.vendor} {row.name}-{row.endpoint}",
        }
        | ({"default": True} if row.default else {})
        for row in call.state.preheating.instances.values()
    ])


@router.get(f"{PROJECT}/policies")
async def list_policies(call: Opened, project: str) -> Response:
    """List a project's policies (recorded: preheat-policies-list)."""
    found = call.project(project, "preheat-policy:list")
    query = call.query()
    rows, total = query.select(call.state.preheating.of_project(found).values(), COLUMNS, ("id",))
    return listing(call, [_policy_json(row) for row in rows], total, query)


@router.post(f"{PROJECT}/policies")
async def create_policy(call: Opened, project: str) -> Response:
    """Create a policy (recorded: preheat-policy-create and its neighbours)."""
    found = call.project(project, "preheat-policy:create")
    made = call.state.preheating.add_policy(call.state, found, await call.body())
    where = f"/api/v2.0/projects/{found.name}/preheat/policies/{made.name}"
    return empty(HTTPStatus.CREATED, {"location": where})


@router.get(f"{PROJECT}/policies/{{name}}")
async def read_policy(call: Opened, project: str, name: str) -> Response:
    """Read one policy (recorded: preheat-policy-get, -get-missing)."""
    return reply(_policy_json(_find(call, project, name)))


def _find(call: Call, project: str, name: str) -> PreheatPolicy:
    found = call.project(project, "preheat-policy:read")
    policy = call.state.preheating.of_project(found).get(name)
    if policy is None:
        raise not_found(f"policy {name} not found")
    return policy


def _instance_json(row: PreheatInstance) -> dict[str, Any]:
    body = {
        "auth_mode": row.auth_mode,
        "default": row.default,
        "enabled": row.enabled,
        "endpoint": row.endpoint,
        "id": row.id,
        "insecure": row.insecure,
        "name": row.name,
        "setup_timestamp": int(row.made_at.timestamp()),
        "status": "Unknown",
        "vendor": row.vendor,
    }
    return body | ({"description": row.description} if row.description else {})


def _policy_json(row: PreheatPolicy) -> dict[str, Any]:
    made = stamp(row.made_at)
    body = {
        "creation_time": made,
        "enabled": row.enabled,
        "filters": row.filters,
        "id": row.id,
        "name": row.name,
        "project_id": row.project_id,
        "provider_id": row.provider.id,
        "provider_name": row.provider.name,
        "trigger": row.trigger,
        "update_time": made,
    }
    told = {"description": row.description, "extra_attrs": row.extra_attrs}
    return body | {key: value for key, value in told.items() if value}
