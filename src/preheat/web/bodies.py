"""Bodies of requests, read no further than we take them: in bytes and in time."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING

from starlette.requests import ClientDisconnect

from preheat.web.refusing import Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastapi import Request

__all__ = ["MOST_BYTES", "SECONDS", "read_body", "unread"]

MOST_BYTES = 1024 * 1024
"""A delivery has less than a kilobyte, one with scan reports a few (recorded: webhook-…)."""

SECONDS = 5.0
_CLOSE = {"Connection": "close"}


async def read_body(request: Request) -> bytes:
    """Read the body, counting what really comes.

    :raises Refusal: 413 if it is too long, 408 if it takes too long, 400 if it ends early.
    """
    if _told_length(request) > MOST_BYTES:
        raise _too_large()
    body = bytearray()
    try:
        async with asyncio.timeout(SECONDS):
            async for part in request.stream():
                body += part
                if len(body) > MOST_BYTES:
                    raise _too_large()
    except TimeoutError:
        detail = f"The body was not there after {SECONDS:g} s."
        raise Refusal(HTTPStatus.REQUEST_TIMEOUT, detail, headers=_CLOSE) from None
    except ClientDisconnect:
        raise Refusal(HTTPStatus.BAD_REQUEST, "The sender went away.") from None
    return bytes(body)


def unread(request: Request) -> Mapping[str, str]:
    """Give the headers of an answer that comes before the body is read.

    What is short may still come, so that its sender hears the answer; nobody reads on for ever.
    """
    return {} if 0 <= _told_length(request) <= MOST_BYTES else _CLOSE


def _told_length(request: Request) -> int:
    """Give what ``Content-Length`` says; -1 where it says nothing, which chunked bodies do."""
    told = request.headers.get("content-length", "")
    if not (told.isascii() and told.isdecimal()):
        return -1
    return int(told) if len(told) < len(str(MOST_BYTES)) + 1 else MOST_BYTES + 1


def _too_large() -> Refusal:
    detail = f"At most {MOST_BYTES:,} bytes are read."
    return Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail, headers=_CLOSE)
