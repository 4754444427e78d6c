"""Every error that Preheat raises on purpose.

::

    PreheatError
    ├── InputError                   what a person or a file gave us is wrong; nothing was done
    │   └── ProblemsError            several such things at once, each with its place
    ├── LedgerError                  the ledger cannot be used as it is
    └── RemoteError                  Harbor, the registry or Dragonfly
        ├── RemoteUnavailableError   no answer, or 5xx: try again later
        ├── RateLimitedError         429: try again after a while
        ├── RefusedError             a clear no: asking again changes nothing
        │   └── NotFoundError        404: the thing asked for is not there
        └── UnexpectedAnswerError    an answer that is not what the contract says
            ├── AnswerTooLargeError  one that is longer than we read
            ├── ForeignAnswerError   not the system's own: a redirect, a proxy's page
            └── MisplacedJobError    a job was made, but not where it was asked for

The core cannot raise Airflow's exceptions; operators and sensors translate at their border.
Errors carry data (``cause``, ``status``, ``words``) so that nobody ever matches on their text.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "WAITED_OUT",
    "AnswerTooLargeError",
    "Cause",
    "ForeignAnswerError",
    "InputError",
    "LedgerError",
    "MisplacedJobError",
    "NotFoundError",
    "PreheatError",
    "Problem",
    "ProblemsError",
    "RateLimitedError",
    "RefusedError",
    "RemoteError",
    "RemoteUnavailableError",
    "UnexpectedAnswerError",
]


class Cause(StrEnum):
    """What a repeat of the same request would bring."""

    PERMANENT = "permanent"
    RETRYABLE = "retryable"
    RATE_LIMITED = "rate_limited"


class PreheatError(Exception):
    """Base of all errors below: catch it to tell our own from a programming error."""


class InputError(PreheatError):
    """What a person typed or a file says is wrong; the message says what, where and what to do."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with an input, with its place.

    :param message: what is wrong and what to do, one sentence or two.
    :param source: file name or form field that holds it.
    :param line: 1-based line in that file, if there is one.
    :param column: 1-based column, if known.
    :param path: dotted path inside the document, such as ``spec.rules[0].tags``.
    :param stands_for: how many problems it is: more where those at the end are only counted.
    """

    message: str
    source: str = ""
    line: int | None = None
    column: int | None = None
    path: str = ""
    stands_for: int = 1

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.source, self.line, self.column) if part)
        return " ".join(
            part for part in (f"{place}:" if place else "", self.path, self.message) if part
        )


class ProblemsError(InputError):
    """All problems of one input, reported together.

    :param problems: at least one problem.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class LedgerError(PreheatError):
    """The ledger is unreachable, too old or set up wrongly; the message names the command."""


class RemoteError(PreheatError):
    """A call to another system did not bring what it should.

    :param message: one sentence for a person on call.
    :param system: ``Harbor``, ``registry`` or ``Dragonfly``.
    :param request: method and path, without query, credentials or host.
    :param status: HTTP status, if there was an answer.
    :param words: the other system's own words, cut to a readable length, secrets removed.
    """

    cause: Cause = Cause.PERMANENT

    def __init__(
        self,
        message: str,
        *,
        system: str,
        request: str = "",
        status: int | None = None,
        words: str = "",
    ) -> None:
        self.system = system
        self.request = request
        self.status = status
        self.words = words
        super().__init__(message)

    @property
    def may_have_acted(self) -> bool:
        """Whether the request may have had its effect all the same: then look before repeating."""
        return False


class RemoteUnavailableError(RemoteError):
    """No answer, a broken connection or a 5xx; the same request may work later.

    :param sent: whether the request may have reached the other side: then its effect is unknown.
    :param retry_after_seconds: what ``Retry-After`` said, if it was sent.
    """

    cause = Cause.RETRYABLE

    def __init__(
        self,
        message: str,
        *,
        system: str,
        request: str = "",
        status: int | None = None,
        words: str = "",
        sent: bool = True,
        retry_after_seconds: float | None = None,
    ) -> None:
        self.sent = sent
        self.retry_after_seconds = retry_after_seconds
        super().__init__(message, system=system, request=request, status=status, words=words)

    @property
    def may_have_acted(self) -> bool:
        """Whether it was sent."""
        return self.sent


class RateLimitedError(RemoteError):
    """The other side asks us to slow down.

    :param retry_after_seconds: what ``Retry-After`` said, if it was sent.
    """

    cause = Cause.RATE_LIMITED

    def __init__(
        self,
        message: str,
        *,
        system: str,
        request: str = "",
        status: int | None = 429,
        words: str = "",
        retry_after_seconds: float | None = None,
    ) -> None:
        self.retry_after_seconds = retry_after_seconds
        super().__init__(message, system=system, request=request, status=status, words=words)


class RefusedError(RemoteError):
    """A clear refusal (401, 403, 404, 412, 422 …): asking again changes nothing."""


class NotFoundError(RefusedError):
    """A 404: the thing asked for is not there, or not for these credentials."""


class UnexpectedAnswerError(RemoteError):
    """A field is missing, a state unknown or a body of another type; says what was received."""

    @property
    def may_have_acted(self) -> bool:
        """Whether the status said yes."""
        return (self.status or HTTPStatus.OK) < HTTPStatus.MULTIPLE_CHOICES


class AnswerTooLargeError(UnexpectedAnswerError):
    """An answer longer than we read; asking for less at a time may help."""


class ForeignAnswerError(UnexpectedAnswerError):
    """An answer that is not the other system's own: a redirect, a page, the words of a proxy.

    Whoever waits for something that was begun takes it for an outage; whoever begins something
    has the wrong address.
    """


class MisplacedJobError(UnexpectedAnswerError):
    """A job was made, but not for the cluster that was asked for: it must not be followed."""

    @property
    def may_have_acted(self) -> bool:
        """Tell that nothing is left to look for: what was made is known, and of no use."""
        return False


WAITED_OUT = (RemoteUnavailableError, RateLimitedError, ForeignAnswerError)
"""Errors that say nothing of a job or a peer. A redirect or a page comes from a proxy in the
system's place, or from nobody knows whom: what was begun is not touched by that either."""
