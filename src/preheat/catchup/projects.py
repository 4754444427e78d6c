"""Going through projects: what is wrong with one keeps nobody from the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from preheat.catchup.caught import Caught
from preheat.errors import (
    RateLimitedError,
    RefusedError,
    RemoteError,
    RemoteUnavailableError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["MOST_UNANSWERED", "of_each"]

MOST_UNANSWERED = 3
"""Projects in a row of which nothing is heard before the Harbor is taken to be gone."""


def of_each(
    projects: Iterable[str], act: Callable[[str], Caught]
) -> tuple[Caught, RemoteError | None]:
    """Do it for each project; gives what all of them brought, and the first failure.

    A refusal is a warning. Nothing more is asked of a Harbor that asks us to slow down, or that is
    not there: else each project would cost us a time-out.
    """
    caught = Caught()
    first: RemoteError | None = None
    unanswered = 0
    for project in projects:
        try:
            caught += act(project)
        except RefusedError as error:
            caught += Caught(warnings=(str(error),))
        except RemoteError as error:
            first = first or error
            is_silent = isinstance(error, RemoteUnavailableError) and error.status is None
            unanswered = unanswered + 1 if is_silent else 0
            if unanswered >= MOST_UNANSWERED or isinstance(error, RateLimitedError):
                break
        else:
            unanswered = 0
    return caught, first
