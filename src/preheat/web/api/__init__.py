"""The REST API ``/preheat/api/v1``: what the pages show, for programs; and two things to start."""

from __future__ import annotations

from fastapi import APIRouter

from preheat.web.api import placements

__all__ = ["API", "make_router"]

API = "/api/v1"


def make_router() -> APIRouter:
    """Put the routes together."""
    router = APIRouter(prefix=API)
    router.include_router(placements.router)
    return router
