"""Asking, following and proving by plain processes that are killed, stopped and cut off.

Each process works on all placements of its cell at once, so that one kill hits twenty of them at
the same point. Which point that is, is certain: the stand-ins hold the request that belongs to it.
"""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest
from tests.crash.rig.cells import nonce_of
from tests.crash.rig.workers import Book
from tests.crash.rig.world import PLACEMENTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.crash.rig.cells import Cell
    from tests.crash.rig.databases import Postgres, Sqlite
    from tests.crash.rig.workers import Worker
    from tests.crash.rig.world import World

    Begin = Callable[[str], Cell]


@pytest.fixture
def book(database: Sqlite | Postgres, world: World) -> Iterator[Book]:
    """Plan the cell's placements in a ledger of its own."""
    made = Book(database.ledger(), world, world.push("cell"))
    yield made
    for worker in made.workers:
        worker.kill()


def finish(cell: Cell, book: Book, *workers: Worker, allowed: int = 0) -> None:
    """Let the workers come to their end, then count."""
    for worker in workers or (book.start(),):
        worker.wait("done")
        assert worker.heard("proved") == PLACEMENTS, worker.said
    row = cell.count(book.ended(), allowed=allowed)
    assert row.is_well, row


def test_killed_before_the_post(cell: Begin, book: Book, world: World) -> None:
    """The attempts are taken over when their leases have run out."""
    line = cell("worker killed before the POST")
    tokens = world.hold_tokens()
    worker = book.start()
    tokens.wait(PLACEMENTS)
    worker.kill()
    assert {(a.is_open, a.asked_at) for a in book.attempts()} == {(True, None)}
    tokens.release()
    finish(line, book)
    assert {len(one.attempts) for one in book.ended()} == {1}


def test_killed_after_the_post_before_the_commit(cell: Begin, book: Book, world: World) -> None:
    """The jobs are found again by their nonces."""
    line = cell("worker killed after the POST, before the commit")
    posts = world.hold_posts("after")
    worker = book.start()
    posts.wait(PLACEMENTS)
    worker.kill()
    assert {a.job_id for a in book.attempts()} == {None}
    assert len(world.see_jobs()) == PLACEMENTS
    posts.release()
    finish(line, book)


def test_killed_in_a_post_that_is_served_later(cell: Begin, book: Book, world: World) -> None:
    """The manager acts on the requests of the dead: their rows come late, and are found."""
    line = cell("worker killed in the POST, served later")
    posts = world.hold_posts("before")
    worker = book.start()
    posts.wait(PLACEMENTS)
    worker.kill()
    second = book.start()
    posts.release()
    finish(line, book, second)


def test_killed_after_the_commit(cell: Begin, book: Book, world: World) -> None:
    """The jobs are joined."""
    line = cell("worker killed after the commit")
    blobs = world.hold_blobs()
    worker = book.start()
    worker.wait("asked", PLACEMENTS)
    worker.kill()
    assert None not in {a.job_id for a in book.attempts()}
    blobs.release()
    finish(line, book)


def test_stopped_in_the_post_and_resumed(cell: Begin, book: Book, world: World) -> None:
    """Whoever slept through its lease joins what the other found."""
    line = cell("worker stopped in the POST, taken over, resumed")
    posts = world.hold_posts("after")
    first = book.start()
    posts.wait(PLACEMENTS)
    first.signal(signal.SIGSTOP)
    posts.release()
    second = book.start()
    second.wait("asked", PLACEMENTS)
    first.signal(signal.SIGCONT)
    finish(line, book, first, second)


def test_woken_after_a_later_try_has_ended(cell: Begin, book: Book) -> None:
    """Whoever was given up for dead asks for nothing that a later try brought to its verdict."""
    line = cell("worker given up for dead, woken when a later try has ended")
    first = book.prepare(CRASH_TRY="1")
    first.wait("ready")
    second = book.start(CRASH_TRY="2")
    second.wait("proved", PLACEMENTS)
    first.go()
    finish(line, book, first, second)


def test_two_processes_on_each_placement(cell: Begin, book: Book, world: World) -> None:
    """One asks, the other joins."""
    line = cell("two processes on each placement at once")
    blobs = world.hold_blobs()
    workers = [book.start(), book.start()]
    for worker in workers:
        worker.wait("asked", PLACEMENTS)
    blobs.release()
    finish(line, book, *workers)


@pytest.mark.parametrize("drop", ["before", "after"])
def test_cut_in_the_post(cell: Begin, book: Book, world: World, drop: str) -> None:
    """A cut POST is looked up before it is sent again."""
    line = cell(f"network cut in the POST, {drop} Dragonfly made the row")
    match = {"method": "POST", "path": "^/oapi/v1/jobs"}
    world.fault(world.manager, match=match, times=PLACEMENTS, drop=drop)
    finish(line, book)


def test_cut_in_the_post_queued_without_a_row(cell: Begin, book: Book, world: World) -> None:
    """The one repeat that cannot be avoided carries the same nonce, and fetches nothing."""
    line = cell("network cut in the POST, queued without a row")
    lists = world.hold(world.manager, "before", {"method": "GET", "path": "^/oapi/v1/jobs"})
    match = {"method": "POST", "path": "^/oapi/v1/jobs"}
    world.fault(world.manager, match=match, times=PLACEMENTS, drop="after")
    worker = book.start()
    lists.wait(PLACEMENTS)
    world.wait_for_work()
    world.expire()
    lists.release()
    finish(line, book, worker, allowed=PLACEMENTS)
    jobs = world.jobs_of("cell")
    assert {nonce_of(job) for job in jobs} == {a.nonce for a in book.attempts()}
    assert world.fetched_twice("cell") == 0


def test_postgres_killed_while_answers_come(
    cell: Begin, book: Book, world: World, database: Sqlite | Postgres
) -> None:
    """The jobs cannot be committed then; they are found by their nonces afterwards."""
    if database.name == "SQLite":
        pytest.skip("SQLite has no server to kill")
    line = cell("PostgreSQL killed after the POST, before the commit")
    posts = world.hold_posts("after")
    worker = book.start()
    posts.wait(PLACEMENTS)
    database.kill()
    try:
        posts.release()
        worker.wait("trouble", PLACEMENTS)
    finally:
        database.start()
    finish(line, book, worker)


def test_manager_restarted_in_the_post(cell: Begin, book: Book, world: World) -> None:
    """Half of the POSTs were served, half not, and no answer came for either."""
    line = cell("manager restarted in the POST")
    served = world.hold_posts("after", count=PLACEMENTS // 2)
    unserved = world.hold_posts("before")
    worker = book.start()
    served.wait(PLACEMENTS // 2)
    unserved.wait(PLACEMENTS - PLACEMENTS // 2)
    world.restart_manager()
    unserved.release()
    world.lose_jobs()
    finish(line, book, worker)


@pytest.mark.parametrize("world", [3600, -3600], indirect=True, ids=["ahead", "behind"])
def test_the_managers_clock_is_an_hour_off(
    cell: Begin, book: Book, world: World, request: pytest.FixtureRequest
) -> None:
    """Ages of jobs are measured by the manager's own clock."""
    where = request.node.callspec.id.split("-")[-1]
    line = cell(f"manager's clock an hour {where}, worker killed after the POST")
    posts = world.hold_posts("after")
    worker = book.start()
    posts.wait(PLACEMENTS)
    worker.kill()
    posts.release()
    finish(line, book)


def test_a_workers_clock_is_an_hour_ahead(
    cell: Begin,
    book: Book,
    world: World,
    database: Sqlite | Postgres,
    shifted: dict[str, str],
) -> None:
    """Leases go by the database's clock: whoever is an hour ahead takes over no sooner."""
    if database.name == "SQLite":
        pytest.skip("SQLite serves one machine, which has one clock")
    line = cell("two processes, their clocks an hour apart, one killed in the POST")
    blobs = world.hold_blobs()
    posts = world.hold_posts("after")
    first = book.start()
    posts.wait(PLACEMENTS)
    second = book.start(**shifted)
    first.kill()
    posts.release()
    second.wait("asked", PLACEMENTS)
    third = book.start()
    third.wait("asked", PLACEMENTS)
    blobs.release()
    finish(line, book, second, third)
