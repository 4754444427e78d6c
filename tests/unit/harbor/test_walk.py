"""The walk by ids, on a model of a table into which others commit meanwhile."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from preheat.harbor.walk import OVERLAP, PAGE_SIZE, Page, walk

PUSHES = 15  # at most, between two requests


class Row(NamedTuple):
    """A committed row."""

    id: int


@dataclass
class Table:
    """Rows that others commit before each request: late ids and new ones."""

    committed: set[int]
    batches: list[list[int]] = field(default_factory=list)
    requests: int = 0

    def page(self, first: int) -> Page[Row]:
        """Answer as Harbor does: the lowest hundred ids from there, and how many there are."""
        if self.requests < len(self.batches):
            self.committed.update(self.batches[self.requests])
        self.requests += 1
        found = sorted(row for row in self.committed if row >= first)
        return Page([Row(row) for row in found[:PAGE_SIZE]], len(found))


def walked(table: Table) -> list[int]:
    """Walk the table and return the ids in the order they came."""
    return [row.id for row in walk(table.page)]


@pytest.mark.parametrize(
    ("rows", "requests"),
    [(0, 1), (1, 1), (99, 1), (100, 1), (101, 2), (150, 2), (151, 2), (1000, 10)],
)
def test_quiet_listing_costs_one_request_a_hundred_rows(rows: int, requests: int) -> None:
    """Looking back for late rows costs no request of its own when nobody pushes."""
    table = Table(set(range(1, rows + 1)))
    assert walked(table) == list(range(1, rows + 1))
    assert table.requests == requests


def test_row_that_commits_behind_the_walk_is_found() -> None:
    """An id handed out before the walk and committed after its page was read is not lost.

    Fact: ids are handed out before commit, so a lower id can appear later.
    """
    table = Table(set(range(1, 121)) - {95}, batches=[[], [95]])
    assert sorted(walked(table)) == list(range(1, 121))


def test_rows_pushed_during_the_walk_make_it_look_back_once_more() -> None:
    """Many pushes between two requests move the end away; the newest rows are read again."""
    new = list(range(151, 260))
    table = Table(set(range(1, 151)) - {140}, batches=[[], new, [140]])
    ids = walked(table)
    assert sorted(ids) == list(range(1, 260))
    assert len(ids) == len(set(ids))


def test_deleted_rows_do_not_stop_the_walk() -> None:
    """A listing that shrinks meanwhile ends, and what is left is complete."""

    class Shrinking(Table):
        def page(self, first: int) -> Page[Row]:
            if self.requests == 2:
                self.committed -= set(range(150, 390))
            return super().page(first)

    table = Shrinking(set(range(1, 401)))
    assert set(range(1, 150)) | set(range(390, 401)) <= set(walked(table))


def test_short_pages_do_not_stop_the_walk() -> None:
    """A server that gives less than a page at once is walked all the same, to the end."""

    class Stingy(Table):
        def page(self, first: int) -> Page[Row]:
            rows, total = super().page(first)
            return Page(rows[:7], total)

    assert walked(Stingy(set(range(1, 31)))) == list(range(1, 31))


@given(
    rows=st.integers(0, 360),
    late=st.sets(st.integers(1, OVERLAP - PUSHES - 1), max_size=10),
    pushes=st.lists(st.integers(0, PUSHES), max_size=3),
    when=st.lists(st.integers(0, 3), min_size=10, max_size=10),
)
def test_all_that_was_committed_before_the_last_request_is_found_once(
    rows: int, late: set[int], pushes: list[int], when: list[int]
) -> None:
    """Whatever commits between the requests, in whatever order, each row comes exactly once."""
    behind = sorted(rows - back for back in late if rows - back > 0)
    batches: list[list[int]] = [[], [], [], []]
    head = rows
    for number, count in enumerate(pushes):
        batches[number].extend(range(head + 1, head + count + 1))
        head += count
    for row, moment in zip(behind, when, strict=False):
        batches[moment].append(row)
    table = Table(set(range(1, rows + 1)) - set(behind), batches)
    ids = walked(table)
    assert len(ids) == len(set(ids))
    assert set(ids) == table.committed
