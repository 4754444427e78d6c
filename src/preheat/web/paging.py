"""Where a page of a list goes on: a key that was shown, written so that nobody takes it apart."""

from __future__ import annotations

import base64
import binascii
import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Query
from pydantic import Field

from preheat.web.refusing import Refusal

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Cursor", "Limit", "Next", "not_of_this_list", "read_cursor", "write_cursor"]

_LONGEST = 2000
Cursor = Annotated[
    str,
    Query(
        max_length=_LONGEST,
        pattern="^[A-Za-z0-9_-]*$",
        description="Where to go on: `next` of the page before.",
    ),
]
Next = Annotated[
    str | None,
    Field(description="Pass it as `cursor` for the next page; null at the end."),
]
Limit = Annotated[int, Query(ge=1, le=200, description="Rows in a page.")]


def write_cursor(after: Sequence[Any] | None) -> str | None:
    """Write the key that the next page starts behind; None where there is no next page."""
    if after is None:
        return None
    return base64.urlsafe_b64encode(json.dumps(list(after)).encode()).decode().rstrip("=")


def read_cursor(cursor: str, *kinds: type) -> tuple[Any, ...] | None:
    """Read a key; None for the first page.

    :param kinds: of its parts.
    :raises Refusal: 422 for what was not written by us.
    """
    if not cursor:
        return None
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        parts = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError):
        parts = None
    if not isinstance(parts, list) or [type(part) for part in parts] != list(kinds):
        raise not_of_this_list()
    if any(isinstance(part, int) and abs(part) >= 1 << 63 for part in parts):
        raise not_of_this_list()
    if any(isinstance(part, str) and "\0" in part for part in parts):  # PostgreSQL takes none
        raise not_of_this_list()
    return tuple(parts)


def not_of_this_list() -> Refusal:
    """Refuse a cursor that no page of this list gave."""
    return Refusal(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "The cursor is none of this list: start without one.",
        more={"problems": [{"path": "cursor", "message": "not a cursor of this list"}]},
    )
