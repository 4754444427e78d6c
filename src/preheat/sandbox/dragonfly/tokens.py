"""Personal access tokens: scopes, state and expiry, with the refusals of the real manager."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from preheat.sandbox.dragonfly.settings import Clock

__all__ = ["Refusal", "Token", "Tokens"]

CACHE_SECONDS = 30.0


class Refusal(Exception):  # noqa: N818 - an answer rather than a fault
    """The caller is not let in; carries status and message."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


@dataclass(slots=True)
class Token:
    """One token.

    :param scopes: ``job`` and ``cluster``; an empty tuple allows everything.
    """

    value: str = field(repr=False)
    scopes: tuple[str, ...] = ()
    active: bool = True
    expires: datetime | None = None
    looked_up: float = float("-inf")


class Tokens:
    """All tokens, behind a database that may be down.

    With the database down a token answers 500 while its row is cached (30 s) and 401 afterwards
    (measured on v2.5.1).
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._tokens: dict[str, Token] = {}
        self.database_is_down = False

    def add(self, token: Token) -> None:
        """Store a token, in place of one with the same value."""
        self._tokens[token.value] = token

    def remove(self, value: str) -> None:
        """Delete a token."""
        self._tokens.pop(value, None)

    def check(self, value: str | None, scope: str) -> None:
        """Let a caller in.

        :raises Refusal: 401 or 403 in the manager's words; 500 while the database is down.
        """
        token = self._tokens.get(value or "")
        now = self._clock.monotonic()
        if token is None:
            raise Refusal(401, "Unauthorized")
        if self.database_is_down:
            if now - token.looked_up <= self._clock.real(CACHE_SECONDS):
                raise Refusal(500, "invalid connection")
            raise Refusal(401, "Unauthorized")
        token.looked_up = now
        if not token.active:
            raise Refusal(403, "Token is inactive")
        if token.expires is not None and token.expires <= self._clock.now():
            raise Refusal(403, "Token has expired")
        if token.scopes and scope not in token.scopes:
            raise Refusal(
                403,
                "Token doesn't have permission to access this resource."
                f" Required permission: {scope}",
            )
