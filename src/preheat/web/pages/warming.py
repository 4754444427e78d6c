"""The form of ``preheat_images``, as Airflow tells it: which clusters, scopes and registries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from preheat.web.access import IMAGES_DAG, ReaderDep, require_run
from preheat.web.airflowcalls import AirflowCalls, AirflowCallsDep
from preheat.web.pages.showing import show

__all__ = ["WarmForm", "form_of", "router"]

router = APIRouter()


@dataclass(frozen=True, slots=True)
class WarmForm:
    """What one can choose."""

    clusters: tuple[str, ...]
    platforms: tuple[str, ...]
    scopes: tuple[str, ...]
    registries: tuple[str, ...]
    scope: str
    registry: str
    is_paused: bool


@router.get("/warm", include_in_schema=False)
async def show_warm_form(
    request: Request,
    _: ReaderDep,
    user: GetUserDep,
    calls: AirflowCallsDep,
    image: Annotated[str, Query(max_length=500)] = "",
) -> HTMLResponse:
    """Show the form for images that somebody types."""
    require_run(user, IMAGES_DAG)
    return show(request, "warm.html", form=await form_of(calls), image=image)


async def form_of(calls: AirflowCalls) -> WarmForm:
    """Read the DAG's parameters.

    :raises Refusal: with Airflow's own status where it refuses.
    """
    dag = await calls.get(f"/dags/{IMAGES_DAG}/details")
    fields = {name: _field(given) for name, given in (dag.get("params") or {}).items()}
    return WarmForm(
        clusters=_choices(fields, "clusters"),
        platforms=_choices(fields, "platforms"),
        scopes=_choices(fields, "scope"),
        registries=_choices(fields, "registry"),
        scope=str(fields.get("scope", {}).get("value") or ""),
        registry=str(fields.get("registry", {}).get("value") or ""),
        is_paused=bool(dag["is_paused"]),
    )


def _field(given: Any) -> dict[str, Any]:
    return given if isinstance(given, dict) else {}


def _choices(fields: dict[str, dict[str, Any]], name: str) -> tuple[str, ...]:
    schema = _field(fields.get(name, {}).get("schema"))
    return tuple(map(str, schema.get("enum") or schema.get("examples") or ()))
