"""Keeping other sites out: a browser sends Airflow's cookie along with whatever they make it send.

Airflow itself took a POST with a foreign ``Origin`` (tried on 3.3.2). So whoever comes with the
cookie must send a header that no form can, and must not say that he comes from elsewhere. Whoever
comes with a token in ``Authorization`` was sent by no other site; with any other scheme there, such
as that of a URL with a name and a password in it, Airflow goes by the cookie still.
"""

from __future__ import annotations

from http import HTTPStatus
from urllib.parse import urlsplit

from fastapi import Request

from preheat.web.refusing import Refusal

__all__ = ["HEADER", "bearer_of", "not_from_another_site"]

HEADER = "X-Preheat-Request"
"""What a changing request with a cookie must send, with any value."""

_OWN_SITE = {"same-origin", "none"}


def not_from_another_site(request: Request) -> None:
    """Refuse a changing request that another site may have made a browser send.

    :raises Refusal: 403.
    """
    if bearer_of(request):
        return
    site = request.headers.get("sec-fetch-site", "none")
    origin = request.headers.get("origin")
    is_foreign = site not in _OWN_SITE or (origin is not None and not _is_own(request, origin))
    if is_foreign or HEADER not in request.headers:
        raise Refusal(
            HTTPStatus.FORBIDDEN,
            f"A change with Airflow's cookie needs the header {HEADER}, from this site. "
            "Programs send a token in Authorization instead.",
        )


def bearer_of(request: Request) -> str:
    """Give the header that carries a token, as Airflow would read it; "" where there is none."""
    told = request.headers.get("authorization", "")
    scheme, _, token = told.partition(" ")
    return told if scheme.lower() == "bearer" and token.strip() else ""


def _is_own(request: Request, origin: str) -> bool:
    """Compare hosts only: what ends TLS before us may hide the scheme."""
    return urlsplit(origin).netloc == request.headers.get("host", "")
