"""Refusals: what the caller is told, and what the log is told.

A caller who is not known learns nothing from the answer but that. The log says why, one line each;
a flood of them is counted, so that it cannot fill the disk.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from fastapi.responses import JSONResponse

from preheat.errors import ProblemsError
from preheat.harbor.untrusted import shown
from preheat.transport import redact

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastapi import Request

__all__ = ["MEDIA_TYPE", "Refusal", "RefusalLog"]

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"


class Refusal(Exception):  # noqa: N818 - no error of ours: an answer
    """An answer other than yes.

    :param detail: for the caller.
    :param reason: for the log; where it is empty, the detail.
    :param more: further members of the answer.
    """

    def __init__(
        self,
        status: HTTPStatus,
        detail: str,
        *,
        reason: str = "",
        headers: Mapping[str, str] | None = None,
        more: Mapping[str, Any] | None = None,
    ) -> None:
        self.status = status
        self.detail = detail
        self.reason = reason or detail
        self.headers = dict(headers or {})
        self.more = dict(more or {})
        super().__init__(self.reason)

    @classmethod
    def of_problems(cls, error: ProblemsError) -> Refusal:
        """Tell all that is wrong with a body."""
        problems = [
            {"path": problem.path, "message": problem.message, "line": problem.line}
            for problem in error.problems
        ]
        reason = "; ".join(str(problem) for problem in error.problems)
        detail = "The body is not a delivery of Harbor's."
        more = {"problems": problems}
        return cls(HTTPStatus.BAD_REQUEST, detail, reason=reason, more=more)

    def answer(self) -> JSONResponse:
        """Write it as RFC 9457 wants it."""
        content = {
            "title": self.status.phrase,
            "status": self.status.value,
            "detail": self.detail,
            **self.more,
        }
        return JSONResponse(content, self.status.value, self.headers, MEDIA_TYPE)


@dataclass
class _Window:
    count: int = 0


class RefusalLog:
    """Writes a line for each refusal, but only so many of a kind in a while; in one event loop.

    :param most: lines of one status in a window; the rest is told as a number at its end.
    :param seconds: length of a window.
    """

    def __init__(self, *, most: int = 20, seconds: float = 60.0) -> None:
        self._most = most
        self._seconds = seconds
        self._windows: dict[HTTPStatus, _Window] = {}

    def note(self, request: Request, connection_id: str, refusal: Refusal) -> None:
        """Write down who was refused, and why."""
        window = self._windows.get(refusal.status)
        if window is None:
            window = self._windows[refusal.status] = _Window()
            loop = asyncio.get_running_loop()
            loop.call_later(self._seconds, self._end, refusal.status)
        window.count += 1
        if window.count > self._most:
            return
        is_ours = refusal.status >= HTTPStatus.INTERNAL_SERVER_ERROR
        peer = f"{request.client.host}:{request.client.port}" if request.client else "?"
        log.warning(
            "Webhook for the connection %s, from %s: %d, %s",
            shown(connection_id),
            shown(peer),
            refusal.status,
            redact(refusal.reason),
            exc_info=refusal.__cause__ if is_ours else None,
        )

    def close(self) -> None:
        """Tell what was only counted so far."""
        for status in list(self._windows):
            self._end(status)

    def _end(self, status: HTTPStatus) -> None:
        window = self._windows.pop(status, None)
        if window is not None and window.count > self._most:
            log.warning(
                "Webhooks: %d more were refused with %d, which are not listed: only %d are in %g s",
                window.count - self._most,
                status,
                self._most,
                self._seconds,
            )
