"""What a caller hears when something is wrong: all faults at once.

Programs get problem details (RFC 9457), people a page.
"""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from preheat.errors import InputError, LedgerError, ProblemsError, RemoteError
from preheat.web.headers import SAFE_HEADERS
from preheat.web.pages.refused import answer_person, is_person
from preheat.web.refusing import Refusal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fastapi import FastAPI, Request, Response

__all__ = ["add_handlers", "as_refusal"]

log = logging.getLogger(__name__)

_SHOWN = 100


def add_handlers(app: FastAPI) -> None:
    """Let every failure of the app's routes be told in one way."""
    for kind in (Refusal, HTTPException, RequestValidationError, LedgerError, InputError):
        app.add_exception_handler(kind, _told)
    app.add_exception_handler(RemoteError, _told)
    app.add_exception_handler(Exception, _crashed)


def as_refusal(error: Exception) -> Refusal:
    """Say what a failure means to whoever called."""
    match error:
        case Refusal():
            answer = error
        case RequestValidationError():
            answer = _invalid(error.errors())
        case HTTPException():
            status = HTTPStatus(error.status_code)
            answer = Refusal(status, str(error.detail), headers=error.headers)
        case ProblemsError():
            answer = _wrong(error)
        case InputError():
            answer = Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, str(error))
        case LedgerError():
            log.error("%s", error)
            answer = Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "The ledger does not work.")
        case RemoteError():
            answer = Refusal(HTTPStatus.BAD_GATEWAY, str(error))
        case _:
            answer = Refusal(HTTPStatus.INTERNAL_SERVER_ERROR, "Something failed here.")
    return answer


def _invalid(errors: Sequence[Any]) -> Refusal:
    problems = [
        {"path": ".".join(map(str, one["loc"])), "message": str(one["msg"])}
        for one in errors[:_SHOWN]
    ]
    return Refusal(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "; ".join(f"{one['path']}: {one['message']}" for one in problems),
        more={"problems": problems},
    )


def _wrong(error: ProblemsError) -> Refusal:
    problems = [
        {"path": problem.path, "message": problem.message, "line": problem.line}
        for problem in error.problems
    ]
    return Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, str(error), more={"problems": problems})


async def _told(request: Request, error: Exception) -> Response:
    refusal = as_refusal(error)
    return answer_person(request, refusal) if is_person(request) else refusal.answer()


async def _crashed(request: Request, error: Exception) -> Response:
    """Answer where we failed; Starlette raises the error again, for the server's log."""
    log.debug("A request failed: %s", type(error).__name__)
    answer = await _told(request, error)
    answer.headers.update(SAFE_HEADERS)  # it is answered outside of what gives them to all others
    return answer
