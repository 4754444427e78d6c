"""Errors as RFC 9457 has them: ``application/problem+json``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi.responses import JSONResponse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from preheat.errors import Problem

__all__ = ["SAFE_HEADERS", "problem"]

SAFE_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


def problem(
    status: int,
    title: str,
    problems: Sequence[Problem] = (),
    headers: dict[str, str] | None = None,
) -> JSONResponse:
    """Make an answer that says what is wrong.

    :param title: one sentence; says nothing of secrets, nor whether something exists.
    :param problems: all that is wrong with the body.
    """
    content: dict[str, object] = {"status": status, "title": title}
    if problems:
        content["errors"] = [
            {"pointer": each.path, "detail": each.message[:500]} for each in problems
        ]
    return JSONResponse(
        content, status, {**SAFE_HEADERS, **(headers or {})}, "application/problem+json"
    )
