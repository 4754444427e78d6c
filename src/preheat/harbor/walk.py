"""The walk over a whole listing by ids: complete under concurrent pushes, one request a page.

Pages by number skip and repeat rows when something is pushed meanwhile. So each request asks for
the ids above the last one: ``q=id=[LAST+1~]&sort=id``. One hole is left: the database hands an id
out before the row is committed, so a lower id can appear behind us. The last request therefore
reaches back over the newest rows that were there when the walk began; if so much was pushed
meanwhile that it does not, they are read again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, NamedTuple, Protocol, TypeVar

from preheat.harbor.answers import decode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from preheat.harbor.api import HarborApi
    from preheat.transport import Answer

__all__ = ["OVERLAP", "PAGE_SIZE", "Listing", "Page", "pages", "walk"]

PAGE_SIZE = 100  # Harbor refuses more (recorded: project-artifacts-page-size-101)
OVERLAP = 50  # rows; pushes in flight at one moment, which Harbor's own workers keep far below


class Row(Protocol):
    """Anything with an id."""

    @property
    def id(self) -> int:
        """Serial number given by Harbor's database."""
        ...


R = TypeVar("R", bound=Row)


class Page(NamedTuple, Generic[R]):
    """One answer of a listing.

    :param rows: in the order of their ids.
    :param total: how many rows the query has in all, this page's included.
    """

    rows: Sequence[R]
    total: int


class Listing(Generic[R]):
    """One listing of Harbor, asked for by ids.

    :param api: the caller.
    :param path: path of the listing.
    :param row: type of a row.
    :param key: column that holds the row's id; Harbor ignores a wrong one without a word.
    :param kind: the name under which its requests are counted.
    :param where: further terms of the filter ``q``, all of which must hold.
    :param params: further query parameters.
    :param headers: further headers.
    :param advice: what to do when Harbor does not allow it.
    :param secret: whether rows hold secrets: then no error shows what was received.
    """

    def __init__(  # noqa: PLR0913 - all that a request is made of
        self,
        api: HarborApi,
        path: str,
        row: type[R],
        *,
        key: str = "id",
        kind: str = "listing",
        where: str = "",
        params: Mapping[str, str] | Mapping[str, str | int] | None = None,
        headers: Mapping[str, str] | None = None,
        advice: str = "",
        secret: bool = False,
    ) -> None:
        self.api = api
        self.path = path
        self.rows = list[row]  # type: ignore[valid-type]
        self.key = key
        self.kind = kind
        self.where = where
        self.params = params or {}
        self.headers = headers
        self.advice = advice
        self.secret = secret

    def __iter__(self) -> Iterator[R]:
        return walk(self.page)

    def page(self, first: int) -> Page[R]:
        """Ask for the rows with this id and above.

        :raises UnexpectedAnswerError: if the answer is not what was asked for: Harbor ignores
            filters and orders that it does not know (recorded: project-artifacts-q-unknown-key).
        """
        params = {
            "q": ",".join(filter(None, (f"{self.key}=[{first}~]", self.where))),
            "sort": self.key,
            "page": 1,
            "page_size": PAGE_SIZE,
            **self.params,
        }
        answer = self.api.get(
            self.kind, self.path, params=params, headers=self.headers, advice=self.advice
        )
        rows: list[R] = decode(answer, self.rows, "a list", secret=self.secret)
        last = first - 1
        for row in rows:
            if row.id <= last:
                wanted = f"ids from {first} upwards in order (found {row.id} after {last})"
                raise answer.unexpected(wanted, secret=self.secret)
            last = row.id
        return Page(rows, _total(answer, len(rows)))


def pages(page_from: Callable[[int], Page[R]], first: int) -> Iterator[Page[R]]:
    """Yield page after page, from an id to the end; nothing is kept in between.

    A row that is committed behind comes only to those who ask again from further back.
    """
    while True:
        page = page_from(first)
        if page.rows:
            yield page
        if page.total <= len(page.rows) or not page.rows:
            return
        first = page.rows[-1].id + 1


def walk(page_from: Callable[[int], Page[R]]) -> Iterator[R]:
    """Yield every row once.

    Guarantees each row that was committed before the walk began, and each that is committed before
    the newest ones are read again, unless ``OVERLAP`` rows with higher ids were there at the start.

    :param page_from: asks for the rows with this id and above.
    """
    seen: set[int] = set()
    order: list[int] = []
    first, there_at_start, reread = 1, -1, False
    while True:
        page = page_from(first)
        if there_at_start < 0:
            there_at_start = page.total
        for row in page.rows:
            if row.id not in seen:
                seen.add(row.id)
                yield row
        order.extend(row.id for row in page.rows if not order or row.id > order[-1])
        left = page.total - len(page.rows)
        overlap_start = _overlap_start(order, there_at_start)
        if left > 0 and page.rows:
            # Only from a full page: then the next one reaches further, and the walk ends.
            fits = len(page.rows) == PAGE_SIZE and left <= PAGE_SIZE - OVERLAP and not reread
            first = overlap_start if fits else page.rows[-1].id + 1
        elif reread or first <= overlap_start:
            return
        else:
            first, reread = overlap_start, True


def _overlap_start(order: Sequence[int], there_at_start: int) -> int:
    """Find the id from which rows may still appear behind us."""
    position = min(there_at_start, len(order)) - OVERLAP
    return order[position] if position > 0 else 1


def _total(answer: Answer, shown: int) -> int:
    """Read ``X-Total-Count``; without it a full page means that there may be more."""
    text = answer.headers.get("X-Total-Count", "")
    if text.isdecimal():
        return int(text)
    return shown if shown < PAGE_SIZE else shown + 1
