"""Walks the manager's list of jobs, newest first, whatever is in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from msgspec import Raw

from preheat.drivers.dragonfly.answers import Row, decode
from preheat.drivers.dragonfly.manager import JOBS, clock_of
from preheat.errors import AnswerTooLargeError, NotFoundError, UnexpectedAnswerError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from preheat.drivers.dragonfly.manager import Manager
    from preheat.errors import RemoteError
    from preheat.transport import Answer

__all__ = ["PAGE_BYTES", "PER_PAGE", "UNREADABLE", "Listed", "rows"]

PER_PAGE = 50
MAX_PAGES = 400
PAGE_BYTES = 16 * 1024 * 1024
"""How long a page may be. A single row may be longer: as long as any answer."""

UNREADABLE: tuple[type[RemoteError], ...] = (NotFoundError, AnswerTooLargeError)
"""What a page answers because of one of its rows.

One job with a ``user_id`` that does not exist makes every page with it answer 404 (recorded
user-id-unknown-list); a page of jobs over many peers can be longer than we read.
"""

_PARTS = {PER_PAGE: 10, 10: 1}


@dataclass(frozen=True, slots=True)
class Listed:
    """A row and the answer that brought it."""

    row: Row
    answer: Answer

    @property
    def age_seconds(self) -> float:
        """How old the job was, by the manager's clock, whose ``Date`` has whole seconds."""
        return max(0.0, (clock_of(self.answer) - self.row.created_at).total_seconds())


def rows(
    manager: Manager,
    kind: str,
    *,
    state: str = "",
    split: tuple[type[RemoteError], ...] = UNREADABLE,
    strict: bool = True,
) -> Iterator[Listed]:
    """Give the jobs of one type page by page; stop reading whenever enough was seen.

    Holds one page at a time. New jobs shift the pages, so a row can come twice. The end is an empty
    or short page: the ``Link`` header names a next page for ever (dragonfly:
    manager/handlers/handlers.go, recorded list-beyond-end).

    :param state: only jobs in this state.
    :param split: errors that a single row brings upon its page: the page is then read in parts, and
        such rows are left out.
    :param strict: whether a row that is not what the contract says is an error; else it is left
        out, and whoever looks for it asks for its id.
    :raises RemoteError: the list cannot be read; also one of ``split`` where no row of a page can.
    :raises AnswerTooLargeError: it is longer than ``MAX_PAGES``: what was not seen may be there.
    """
    walk = _Walk(manager, {"type": kind, **({"state": state} if state else {})}, split, strict)
    for page in range(1, MAX_PAGES + 1):
        is_readable = False
        for listed in walk.page(page, PER_PAGE):
            is_readable = True
            yield listed
        if walk.has_ended:
            return
        if walk.trouble is not None and not is_readable:
            raise walk.trouble
    raise AnswerTooLargeError(
        f"Dragonfly's list of {kind} jobs is longer than the {MAX_PAGES * PER_PAGE:,} that are "
        "read: what was not found may be further back.",
        system="Dragonfly",
        request=f"GET {JOBS}",
    )


@dataclass(slots=True)
class _Walk:
    """One walk over a list.

    :param has_ended: whether the last page that was read was not full.
    :param trouble: why the last row that was left out could not be read.
    """

    manager: Manager
    params: dict[str, str]
    split: tuple[type[RemoteError], ...]
    strict: bool
    has_ended: bool = False
    trouble: RemoteError | None = None

    def page(self, page: int, per_page: int) -> Iterator[Listed]:
        """Read one page, in parts if it cannot be read at once."""
        part = _PARTS.get(per_page)
        try:
            answer, found = self._read(page, per_page)
        except self.split as error:
            if isinstance(error, AnswerTooLargeError) and part is None:
                raise  # no manager has such a row: its database would not take it
            if part is None:
                self.has_ended, self.trouble = False, error
                return
        else:
            self.has_ended = len(found) < per_page
            yield from self._rows(answer, found)
            return
        times = per_page // part
        for number in range((page - 1) * times + 1, page * times + 1):
            yield from self.page(number, part)
            if self.has_ended:
                return

    def _read(self, page: int, per_page: int) -> tuple[Answer, list[Raw]]:
        params = {**self.params, "page": page, "per_page": per_page}
        most_bytes = PAGE_BYTES if per_page > 1 else None
        answer = self.manager.call("GET", JOBS, params=params, most_bytes=most_bytes)
        return answer, decode(answer, list[Raw], "a list of jobs")

    def _rows(self, answer: Answer, found: list[Raw]) -> Iterator[Listed]:
        for part in found:
            try:
                yield Listed(decode(answer, Row, "a list of jobs", part=part), answer)
            except UnexpectedAnswerError:
                if self.strict:
                    raise
