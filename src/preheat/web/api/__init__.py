"""The REST API ``/preheat/api/v1``: what the pages show, for programs; and what they may start."""

from __future__ import annotations

from fastapi import APIRouter

from preheat.web.api import (
    attempts,
    coverage,
    events,
    gate,
    health,
    images,
    placements,
    plans,
    policies,
    runs,
    starting,
    validating,
)

__all__ = ["API", "make_router"]

API = "/api/v1"


def make_router() -> APIRouter:
    """Put the routes together."""
    router = APIRouter(prefix=API)
    for part in (
        *(gate, images, coverage, placements, attempts, plans, policies, validating),
        *(starting, runs, events, health),
    ):
        router.include_router(part.router)
    return router
