"""Harbor's errors, with its codes, words and masking."""

from __future__ import annotations

from http import HTTPStatus

__all__ = [
    "HarborError",
    "bad_request",
    "conflict",
    "forbidden",
    "masked",
    "not_found",
    "policy_violation",
    "unauthorized",
    "unprocessable",
]


class HarborError(Exception):
    """An answer with Harbor's error body (harbor: src/lib/errors/const.go).

    :param code: Harbor's code, such as ``NOT_FOUND``.
    :param headers: more headers of the answer.
    """

    def __init__(
        self, status: int, code: str, message: str, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers or {}


def not_found(message: str) -> HarborError:
    """Build a 404."""
    return HarborError(HTTPStatus.NOT_FOUND, "NOT_FOUND", message)


def forbidden(message: str = "forbidden") -> HarborError:
    """Build the 403 of a caller who is known but may not."""
    return HarborError(HTTPStatus.FORBIDDEN, "FORBIDDEN", message)


def unauthorized(message: str = "unauthorized") -> HarborError:
    """Build the 401 of the API, which carries no challenge."""
    return HarborError(HTTPStatus.UNAUTHORIZED, "UNAUTHORIZED", message)


def bad_request(message: str) -> HarborError:
    """Build a 400."""
    return HarborError(HTTPStatus.BAD_REQUEST, "BAD_REQUEST", message)


def conflict(message: str) -> HarborError:
    """Build a 409."""
    return HarborError(HTTPStatus.CONFLICT, "CONFLICT", message)


def unprocessable(problem: str) -> HarborError:
    """Build the 422 of go-swagger's validation."""
    return HarborError(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "UNPROCESSABLE_ENTITY",
        f"validation failure list:\n{problem}",
    )


def policy_violation(message: str) -> HarborError:
    """Build the 412 with which a project's policy refuses a pull."""
    return HarborError(HTTPStatus.PRECONDITION_FAILED, "PROJECTPOLICYVIOLATION", message)


def masked() -> HarborError:
    """Build what becomes of every internal failure: the reason is only in Harbor's log."""
    return HarborError(HTTPStatus.INTERNAL_SERVER_ERROR, "UNKNOWN", "internal server error")
