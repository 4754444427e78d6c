"""What the other side answered, with all of its body read."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from preheat.errors import UnexpectedAnswerError
from preheat.transport.words import redact

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Answer"]


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer with its whole body read.

    :param request: method and path, for messages.
    """

    system: str
    request: str
    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    def json(self) -> Any:
        """Decode the body.

        :raises UnexpectedAnswerError: if it is not JSON; says what was received.
        """
        try:
            return json.loads(self.body)
        except ValueError as error:
            raise self.unexpected("JSON") from error

    def unexpected(self, wanted: str, *, secret: bool = False) -> UnexpectedAnswerError:
        """Build the error for an answer that is not what the contract says.

        :param secret: whether it may hold secrets: then it is not shown.
        """
        shown = "not shown, for it may hold secrets"
        if not secret:
            shown = redact(self.body[:200].decode("utf-8", "replace")) or "an empty body"
        return UnexpectedAnswerError(
            f"{self.system} answered {self.request} with something else than {wanted}: {shown}",
            system=self.system,
            request=self.request,
            status=self.status,
            words=shown,
        )
