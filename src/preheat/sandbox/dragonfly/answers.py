"""Answers as gin writes them: compact JSON with Go's escapes, errors, redirects, ``Link``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from fastapi import Response

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["errors_twice", "go_json", "link", "message", "moved", "wrong"]

_ESCAPES = str.maketrans({"&": "\\u0026", "<": "\\u003c", ">": "\\u003e"})
_JSON = "application/json; charset=utf-8"


def encode(value: Any) -> str:
    """Encode as Go's encoder does, HTML characters escaped."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).translate(_ESCAPES)


def go_json(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Answer a JSON value."""
    sent = {"Content-Type": _JSON, **(headers or {})}
    return Response(encode(value), status_code=status, headers=sent)


def message(status: int, text: str) -> Response:
    """Answer an error of the service or of the door."""
    return go_json({"message": text}, status)


def wrong(text: str) -> Response:
    """Answer a validation error."""
    return go_json({"errors": text}, 422)


def errors_twice(text: str) -> Response:
    """Answer the same validation error twice in one body.

    dragonfly: manager/middlewares/ratelimiter.go writes it but does not abort, so the handler
    writes again.
    """
    body = encode({"errors": text}) * 2
    return Response(body, status_code=422, headers={"Content-Type": _JSON})


def moved(status: int, location: str, method: str) -> Response:
    """Answer a redirect as Go's http.Redirect does: a page for GET only, its type for HEAD too."""
    headers = {"Location": location}
    if method not in {"GET", "HEAD"}:
        return Response(status_code=status, headers=headers)
    headers["Content-Type"] = "text/html; charset=utf-8"
    if method == "HEAD":
        return Response(status_code=status, headers=headers)
    words = {301: "Moved Permanently", 307: "Temporary Redirect"}[status]
    body = f'<a href="{location}">{words}</a>.\n\n'
    return Response(body, status_code=status, headers=headers)


def link(path: str, query: Mapping[str, str], page: int, per_page: int, total: int) -> str:
    """Build the ``Link`` header (dragonfly: manager/handlers/handlers.go).

    Relative, ``rel`` unquoted, filters and access token kept; ``next`` is never absent: the last
    page points to itself, a page beyond the end (or an empty table) to one further.
    """
    last = -(-total // per_page)
    pages = {
        "prev": max(page - 1, 1),
        "next": page if page == last else page + 1,
        "first": 1,
        "last": last,
    }
    kept = {name: value for name, value in query.items() if name not in {"page", "per_page"}}
    parts = []
    for relation, number in pages.items():
        shown = sorted({**kept, "page": str(number), "per_page": str(per_page)}.items())
        parts.append(f"<{path}?{urlencode(shown)}>;rel={relation}")
    return ",".join(parts)
