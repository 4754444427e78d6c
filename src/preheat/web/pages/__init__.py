"""The pages that people see in Airflow's UI: each a query, a model of what it shows, a template."""

from __future__ import annotations

from fastapi import APIRouter

from preheat.web.pages import (
    assets,
    coverage,
    events,
    health,
    image,
    plans,
    policies,
    runs,
    starting,
    warming,
)

__all__ = ["make_pages"]

_PARTS = (assets, coverage, image, policies, plans, runs, events, health, warming, starting)


def make_pages() -> APIRouter:
    """Put the routes together."""
    router = APIRouter(include_in_schema=False)
    for part in _PARTS:
        router.include_router(part.router)
    return router
