"""Walks the manager's list of jobs, newest first, whatever is in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from preheat.drivers.dragonfly.answers import Row, decode
from preheat.drivers.dragonfly.manager import JOBS, clock_of
from preheat.errors import AnswerTooLargeError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from preheat.drivers.dragonfly.manager import Manager
    from preheat.transport import Answer

__all__ = ["Listed", "rows"]

PER_PAGE = 50
MAX_PAGES = 400


@dataclass(frozen=True, slots=True)
class Listed:
    """A row and the answer that brought it."""

    row: Row
    answer: Answer

    @property
    def age_seconds(self) -> float:
        """How old the job was, by the manager's clock, whose ``Date`` has whole seconds."""
        return max(0.0, (clock_of(self.answer) - self.row.created_at).total_seconds())


def rows(manager: Manager, kind: str) -> Iterator[Listed]:
    """Give the jobs of one type page by page; stop reading whenever enough was seen.

    New jobs shift the pages, so a row can come twice. The end is an empty or short page: the
    ``Link`` header names a next page for ever (dragonfly: manager/handlers/handlers.go, recorded
    list-beyond-end). Ends after ``MAX_PAGES``.
    """
    for page in range(1, MAX_PAGES + 1):
        try:
            found = _page(manager, kind, page, PER_PAGE)
        except (NotFoundError, AnswerTooLargeError):
            found = list(_one_by_one(manager, kind, page))
            is_last = not found
        else:
            is_last = len(found) < PER_PAGE
        yield from found
        if is_last:
            return


def _page(manager: Manager, kind: str, page: int, per_page: int) -> list[Listed]:
    answer = manager.call("GET", JOBS, params={"type": kind, "page": page, "per_page": per_page})
    return [Listed(row, answer) for row in decode(answer, list[Row], "a list of jobs")]


def _one_by_one(manager: Manager, kind: str, page: int) -> Iterator[Listed]:
    """Read a page job by job, leaving out those that cannot be read.

    One job with a ``user_id`` that does not exist makes every page with it answer 404 (recorded
    user-id-unknown-list); a page of jobs over many peers can be larger than we read.
    """
    for single in range((page - 1) * PER_PAGE + 1, page * PER_PAGE + 1):
        try:
            found = _page(manager, kind, single, 1)
        except (NotFoundError, AnswerTooLargeError):
            continue
        if not found:
            return
        yield from found
