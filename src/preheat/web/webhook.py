"""The webhook: a delivery of Harbor's is checked, and durable before it is answered.

Harbor waits for 3 s and takes any answer but 2xx for a failure, whatever it says; then it repeats
twice within about three minutes, and gives up (recorded: webhook-retries).
"""

from __future__ import annotations

import asyncio
import logging
import threading
from http import HTTPStatus
from typing import TYPE_CHECKING

from fastapi.responses import JSONResponse

from preheat.errors import LedgerError, ProblemsError
from preheat.harbor.webhooks import parse_delivery, payload_format
from preheat.provider.config import open_ledger
from preheat.web.bodies import read_body, unread
from preheat.web.callers import Callers
from preheat.web.refusing import Refusal, RefusalLog
from preheat.web.writing import InboxFullError, InboxWriter

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fastapi import Request, Response

    from preheat.event import HarborEvent
    from preheat.ledger import Received
    from preheat.web.callers import Denial

__all__ = ["RETRY_AFTER_SECONDS", "Webhook"]

log = logging.getLogger(__name__)

RETRY_AFTER_SECONDS = 15
_LEDGER_SECONDS = 2.0
_ANSWER_SECONDS = 2.7  # but for the time that the body takes
_READ_AT_ONCE = 64 * 1024  # bytes that may keep the event loop busy


class Webhook:
    """Takes deliveries; in one event loop."""

    def __init__(self) -> None:
        self._callers = Callers()
        self._writer = InboxWriter(_receive)
        self._log = RefusalLog()

    @staticmethod
    def start() -> None:
        """Open the ledger already, so that the first delivery need not wait for it."""
        threading.Thread(target=_open_ahead, name="preheat-ledger", daemon=True).start()

    async def take(self, request: Request, connection_id: str) -> Response:
        """Answer one delivery; one line in the log where it is refused."""
        try:
            received = await self._take(request, connection_id)
        except Refusal as refusal:
            self._log.note(request, connection_id, refusal)
            return refusal.answer()
        counts = {
            "received": received.new,
            "repeated": received.repeated,
            "ignored": received.ignored,
        }
        return JSONResponse(counts, HTTPStatus.ACCEPTED.value)

    async def close(self) -> None:
        """Write what waits, and stop."""
        self._callers.close()
        await asyncio.to_thread(self._writer.close)
        self._log.close()

    async def _take(self, request: Request, connection_id: str) -> Received:
        clock = asyncio.get_running_loop().time
        deadline = clock() + _ANSWER_SECONDS
        sent = [value for name, value in request.headers.raw if name == b"authorization"]
        if denial := await self._callers.deny(connection_id, sent):
            raise _not_let_in(request, denial)
        left = min(_LEDGER_SECONDS, deadline - clock())
        content_type = _readable_type(request)
        body = await read_body(request)
        events = await _read(connection_id, content_type, body)
        try:
            return await self._writer.write(events, left)
        except InboxFullError as error:
            raise _unavailable("Too much is being received.", str(error)) from None
        except TimeoutError:
            raise _unavailable("The ledger takes too long.") from None
        except LedgerError as error:
            raise _unavailable("The ledger does not work.", str(error)) from None
        except Exception as error:
            detail = "The delivery could not be kept."
            raise Refusal(HTTPStatus.INTERNAL_SERVER_ERROR, detail) from error


def _open_ahead() -> None:
    try:
        open_ledger()
    except Exception as error:  # noqa: BLE001 - told when a delivery comes, if one ever does
        log.debug("The ledger is not open yet: %s", error)


def _receive(deliveries: Sequence[Sequence[HarborEvent]]) -> list[Received]:
    return open_ledger().inbox.receive_each(deliveries)


async def _read(registry: str, content_type: str, body: bytes) -> list[HarborEvent]:
    """Read the body; a long one in another thread."""
    try:
        if len(body) <= _READ_AT_ONCE:
            return parse_delivery(registry, content_type, body)
        return await asyncio.to_thread(parse_delivery, registry, content_type, body)
    except ProblemsError as error:
        raise Refusal.of_problems(error) from None


def _readable_type(request: Request) -> str:
    content_type = request.headers.get("content-type", "")
    encoding = request.headers.get("content-encoding", "identity")
    if payload_format(content_type) is None or encoding != "identity":
        raise Refusal(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "Only application/json and application/cloudevents+json are read, in UTF-8 and not "
            "compressed.",
            headers=unread(request),
        )
    return content_type


def _not_let_in(request: Request, denial: Denial) -> Refusal:
    """Refuse; the same answer for every reason, so that nobody learns what there is."""
    if denial.may_pass:
        detail = "It cannot be told now who may call."
        return _unavailable(detail, denial.reason, headers=unread(request))
    return Refusal(
        HTTPStatus.UNAUTHORIZED,
        "The header Authorization is not that of this connection.",
        reason=denial.reason,
        headers={"WWW-Authenticate": 'Bearer realm="preheat"', **unread(request)},
    )


def _unavailable(
    detail: str, reason: str = "", *, headers: Mapping[str, str] | None = None
) -> Refusal:
    headers = {"Retry-After": str(RETRY_AFTER_SECONDS), **(headers or {})}
    return Refusal(HTTPStatus.SERVICE_UNAVAILABLE, detail, reason=reason, headers=headers)
