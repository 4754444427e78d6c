"""Refusals for people: a page in our frame, or a few words where a part of a page was asked for."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from preheat.web.pages.showing import Addresses, is_part, show

if TYPE_CHECKING:
    from fastapi import Request, Response

    from preheat.web.refusing import Refusal

__all__ = ["answer_person", "is_person"]

_FOR_PROGRAMS = ("/api/", "/webhooks/", "/openapi.json", "/static/")


def is_person(request: Request) -> bool:
    """Tell whether a browser shows the answer to somebody, and no program reads it."""
    path = request.url.path.removeprefix(Addresses.of(request).root)
    if path.startswith(_FOR_PROGRAMS):
        return False
    return is_part(request) or "text/html" in request.headers.get("accept", "")


def answer_person(request: Request, refusal: Refusal) -> Response:
    """Say why not; to whoever is not logged in, where one does that."""
    needs_login = refusal.status is HTTPStatus.UNAUTHORIZED
    return show(
        request,
        "told.html" if is_part(request) else "refused.html",
        status=refusal.status,
        headers=refusal.headers,
        refusal=refusal,
        problems=refusal.more.get("problems", ()),
        login=_login(request) if needs_login else "",
    )


def _login(request: Request) -> str:
    """Address Airflow's login so that it comes back; from a part, to the page that it is in."""
    to = Addresses.of(request)
    shown = request.headers.get("HX-Current-URL") or str(request.url)
    _, _, rest = shown.partition("://")
    path = f"/{rest.partition('/')[2]}"
    return to.login(path if path.startswith(f"{to.root}/") else f"{to.root}/")
