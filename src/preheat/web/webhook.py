"""``POST /webhooks/harbor/{connection id}``: Harbor tells what happened.

Harbor waits 3 s, tells again after everything that is no 2xx, three times in all, and follows
redirects (recorded: webhook-retries). So the answer comes when the event is durable, and soon.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from preheat.errors import LedgerError, ProblemsError
from preheat.harbor.webhooks import (
    CLOUD_EVENTS,
    DEFAULT,
    CloudEvent,
    DefaultDelivery,
    parse_delivery,
)
from preheat.provider.config import open_ledger
from preheat.web.authorities import Authorities
from preheat.web.problem import problem
from preheat.web.refusals import Refusals
from preheat.web.writer import Writer

__all__ = ["MOST_BYTES", "router"]

MOST_BYTES = 1024 * 1024
BODY_SECONDS = 5.0
LEDGER_SECONDS = 2.0
_REPEAT_SECONDS = 30

router = APIRouter()
_authorities = Authorities()
_refusals = Refusals()
_writer = Writer(open_ledger)

_ANSWERS: dict[int | str, dict[str, Any]] = {
    202: {"description": "The events are kept; one that was told before is known again."},
    400: {"description": "The body is no delivery of Harbor's; all that is wrong is named."},
    401: {"description": "The Authorization header is not what the connection says."},
    408: {"description": "The body did not come in time."},
    413: {"description": f"The body is larger than {MOST_BYTES} bytes."},
    415: {"description": f"Neither {DEFAULT} nor {CLOUD_EVENTS}."},
    503: {"description": "The ledger does not answer: tell it again."},
}
_DOCUMENTED: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            DEFAULT: {"schema": DefaultDelivery.model_json_schema()},
            CLOUD_EVENTS: {"schema": CloudEvent.model_json_schema()},
        },
    },
    "security": [{"webhookAuthorization": []}],
}


class _RefusedError(Exception):
    """An answer that ends the request."""

    def __init__(self, status: HTTPStatus, title: str, **more: Any) -> None:
        super().__init__(title)
        self.status = status
        self.title = title
        self.more = more


@router.post(
    "/webhooks/harbor/{connection_id}",
    status_code=HTTPStatus.ACCEPTED,
    summary="Take a webhook of Harbor",
    responses=_ANSWERS,
    openapi_extra=_DOCUMENTED,
)
async def receive(connection_id: str, request: Request) -> JSONResponse:
    """Keep what a Harbor tells, as a hint where to look.

    The one route without a login to Airflow: the caller sends the value that the connection's
    ``webhook_authorization`` holds, or ``webhook_authorization_previous`` while values change.
    """
    try:
        count = await _receive(connection_id, request)
    except _RefusedError as refused:
        peer = request.client.host if request.client else "?"
        _refusals.tell(connection_id, peer, refused.title)
        return problem(refused.status, refused.title, **refused.more)
    return JSONResponse({"events": count}, HTTPStatus.ACCEPTED)


async def _receive(connection_id: str, request: Request) -> int:
    authorization = request.headers.get("authorization", "")
    if not await _authorities.knows(connection_id, authorization):
        raise _RefusedError(HTTPStatus.UNAUTHORIZED, "The Authorization is not right.")
    content_type = request.headers.get("content-type", "")
    if content_type.partition(";")[0].strip().lower() not in {DEFAULT, CLOUD_EVENTS}:
        raise _RefusedError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"Send {DEFAULT} or {CLOUD_EVENTS}.")
    body = await _body(request)
    try:
        events = await asyncio.to_thread(parse_delivery, connection_id, content_type, body)
    except ProblemsError as error:
        raise _RefusedError(
            HTTPStatus.BAD_REQUEST, "The body is no delivery of Harbor's.", problems=error.problems
        ) from None
    try:
        await _writer.write(events, seconds=LEDGER_SECONDS)
    except LedgerError as error:
        raise _RefusedError(
            HTTPStatus.SERVICE_UNAVAILABLE,
            f"It could not be kept: {error}",
            headers={"Retry-After": str(_REPEAT_SECONDS)},
        ) from None
    return len(events)


async def _body(request: Request) -> bytes:
    """Read the body, no more of it than is allowed; what its length claims is not believed."""
    too_large = _RefusedError(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"At most {MOST_BYTES} bytes are taken."
    )
    claimed = request.headers.get("content-length", "0")
    if claimed.isdecimal() and int(claimed[:20]) > MOST_BYTES:
        raise too_large
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MOST_BYTES:
                    raise too_large
    except TimeoutError:
        raise _RefusedError(
            HTTPStatus.REQUEST_TIMEOUT, f"The body did not come within {BODY_SECONDS:g} s."
        ) from None
    return bytes(body)
