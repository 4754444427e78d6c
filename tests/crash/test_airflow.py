"""Whole Airflows whose parts are killed, over both databases; Airflow's own is of the same kind.

One Airflow serves all cells of a database, one after the other, each with images of its own.
"""

from __future__ import annotations

import signal
import threading
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

import pytest
from tests.crash.rig.cells import Cell, Ended
from tests.crash.rig.stack import set_up
from tests.crash.rig.world import PLACEMENTS, until, worlds
from tests.secretscan import database_texts, file_texts, forms_of, leaks

from preheat.ledger import Ledger
from preheat.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.crash.rig.databases import Postgres, Sqlite
    from tests.crash.rig.stack import Stack
    from tests.crash.rig.table import Row
    from tests.crash.rig.world import World

    from preheat.ledger import Attempt

    Begin = Callable[[str, str], "Run"]

ONCE = "{attempts: 1, backoff: 1s, maxBackoff: 4s}"
POLICIES = {
    "before-post": ONCE,
    "after-post": ONCE,
    "after-commit": ONCE,
    "waiting": ONCE,
    "proving": ONCE,
    "stopped": ONCE,
    "scheduler": ONCE,
    "api-server": ONCE,
    "postgres": ONCE,
    "manager": ONCE,
    "registry": "{attempts: 4, backoff: 8s, maxBackoff: 30s}",
}
REGISTRY_DOWN_SECONDS = 60


@pytest.fixture(scope="module")
def stands(database: Sqlite | Postgres) -> Iterator[World]:
    """Serve the stand-ins of one Airflow; with PostgreSQL the manager is an hour ahead of it."""
    yield from worlds(skew_seconds=3600 if database.name == "PostgreSQL" else 0)


@pytest.fixture(scope="module")
def stack(
    database: Sqlite | Postgres,
    stands: World,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Stack]:
    """Start one Airflow for all cells of a database."""
    home = tmp_path_factory.mktemp(f"airflow-{database.name}")
    urls = (database.fresh(), database.ledger())
    yield from set_up(home, stands, urls, POLICIES)


@dataclass
class Run:
    """One cell's run.

    :param name: of its policy and project.
    """

    name: str
    run_id: str
    stack: Stack
    world: World
    cell: Cell

    @property
    def dag_id(self) -> str:
        """The policy's DAG."""
        return f"preheat__{self.name}"

    def attempts(self) -> list[Attempt]:
        """Read the latest attempt of each placement."""
        with Ledger.open(self.stack.ledger) as ledger:
            outcomes = ledger.outcomes(self.dag_id, self.run_id)
        return [outcome.attempt for outcome in outcomes if outcome.attempt]

    def wait_for_plan(self) -> None:
        """Wait until the placements are planned, so that nothing but asking comes next."""
        self.stack.wait_for_success(self.dag_id, self.run_id, "plan")

    def wait_for_jobs(self, count: int = PLACEMENTS) -> None:
        """Wait until so many jobs are committed."""

        def are_there() -> bool:
            return sum(attempt.job_id is not None for attempt in self.attempts()) >= count

        until(are_there, f"{count} jobs in the ledger", pause=0.2)

    def wait_until_deferred(self) -> None:
        """Wait until all are with the triggerer."""
        self.stack.wait_for_state(self.dag_id, self.run_id, "deferred", PLACEMENTS)

    def wait_for_verdicts(self) -> None:
        """Wait until every attempt is closed."""
        until(lambda: not any(a.is_open for a in self.attempts()), "all verdicts", pause=0.3)

    def end(self) -> Row:
        """Wait for the end of the run, and count."""
        state = self.stack.wait_for_end(self.dag_id, self.run_id, self.world)
        with Ledger.open(self.stack.ledger) as ledger:
            ended = [
                Ended(outcome.key, outcome.verdict, ledger.attempts(outcome.placement_id))
                for outcome in ledger.outcomes(self.dag_id, self.run_id)
            ]
        row = self.cell.count(ended)
        assert len(ended) == PLACEMENTS
        assert row.is_well, row
        # One image has a layer that nobody can read: the run must say so, and of that one only.
        assert state == "failed"
        verdicts = [one.verdict for one in ended]
        assert verdicts.count(Verdict.WARM) == PLACEMENTS - 1
        states = [ti["state"] for ti in self.stack.tracked(self.dag_id, self.run_id)]
        assert (states.count("success"), states.count("failed")) == (PLACEMENTS - 1, 1)
        return row


@pytest.fixture
def begin(
    database: Sqlite | Postgres, stands: World, stack: Stack, rows: list[Row]
) -> Iterator[Callable[[str, str], Run]]:
    """Give a way to start a cell's run; whatever is held is let go in the end."""

    def start(slug: str, name: str) -> Run:
        stands.push(slug)
        cell = Cell(name, slug, "Airflow", database.name, stands, rows)
        return Run(slug, stack.begin(f"preheat__{slug}"), stack, stands, cell)

    yield start
    stands.release_all()


def test_workers_killed_around_the_post(begin: Begin, stands: World, stack: Stack) -> None:
    """Two runs, one kill: some have not asked yet, the jobs of others are made but not committed.

    The next tries wait for the leases, both runs' at the same time; then they take the attempts
    over, and find the jobs by their nonces.
    """
    posts = stands.hold_posts("after")
    after = begin("after-post", "workers killed after the POST, before the commit")
    posts.wait(PLACEMENTS)
    before = begin("before-post", "workers killed before the POST")
    before.wait_for_plan()
    tokens = stands.hold_tokens()
    tokens.wait(PLACEMENTS)
    assert {(a.is_open, a.asked_at) for a in before.attempts()} == {(True, None)}
    assert {a.job_id for a in after.attempts()} == {None}
    assert stack.kill_workers() == 2 * PLACEMENTS
    stands.release_all()
    after.end()
    before.end()


def test_workers_killed_after_the_commit(begin: Begin, stands: World, stack: Stack) -> None:
    """The API server is gone, so they cannot hand over; the next tries join their jobs."""
    blobs = stands.hold_blobs()
    posts = stands.hold_posts("after")
    run = begin("after-commit", "workers killed after the commit, before they deferred")
    posts.wait(PLACEMENTS)
    stack.kill("api-server")
    posts.release()
    run.wait_for_jobs()
    assert stack.kill_workers() == PLACEMENTS
    stack.start("api-server")
    blobs.release()
    stack.log_in()
    run.end()


def test_triggerer_killed_while_waiting(begin: Begin, stands: World, stack: Stack) -> None:
    """Another one follows the same jobs."""
    blobs = stands.hold_blobs()
    run = begin("waiting", "triggerer killed while waiting")
    run.wait_until_deferred()
    stack.kill("triggerer")
    blobs.release()
    stack.start("triggerer")
    run.end()


def test_triggerer_killed_while_proving(begin: Begin, stands: World, stack: Stack) -> None:
    """The rows have expired, so that proving asks the peers; another triggerer does it again."""
    blobs = stands.hold_blobs()
    run = begin("proving", "triggerer killed while proving")
    run.wait_until_deferred()
    proofs = stands.hold_posts("before")
    stands.expire()
    proofs.wait(1)
    blobs.release()
    stack.kill("triggerer")
    proofs.release()
    stack.start("triggerer")
    run.end()


def test_triggerer_stopped_and_resumed(begin: Begin, stands: World, stack: Stack) -> None:
    """A second one takes over; the first, resumed in mid-proof, changes nothing any more."""
    blobs = stands.hold_blobs()
    run = begin("stopped", "two triggerers, one stopped while proving and resumed")
    run.wait_until_deferred()
    proofs = stands.hold_posts("before")
    stands.expire()
    proofs.wait(1)
    stack.signal("triggerer", signal.SIGSTOP)
    blobs.release()
    proofs.release()
    stack.start("triggerer", "second-triggerer")
    run.wait_for_verdicts()
    before = {(a.id, a.closed_at, a.verdict) for a in run.attempts()}
    stack.signal("triggerer", signal.SIGCONT)
    run.end()
    assert {(a.id, a.closed_at, a.verdict) for a in run.attempts()} == before
    stack.kill("second-triggerer")


def test_scheduler_killed(begin: Begin, stands: World, stack: Stack) -> None:
    """With its workers, when some tasks have a job and others are in their POST."""
    blobs = stands.hold_blobs()
    posts = stands.hold_posts("after", skip=PLACEMENTS // 3)
    run = begin("scheduler", "scheduler killed with its workers")
    posts.wait(PLACEMENTS - PLACEMENTS // 3)
    stack.kill("scheduler")
    posts.release()
    blobs.release()
    stack.start("scheduler")
    run.end()


def test_api_server_killed(begin: Begin, stands: World, stack: Stack) -> None:
    """The workers' tasks cannot report that they wait; for some time nobody answers them."""
    blobs = stands.hold_blobs()
    posts = stands.hold_posts("after")
    run = begin("api-server", "API server killed, started again after the commits")
    posts.wait(PLACEMENTS)
    stack.kill("api-server")
    posts.release()
    run.wait_for_jobs()
    stack.start("api-server")
    blobs.release()
    stack.log_in()
    run.end()


def test_postgres_killed(
    begin: Begin, stands: World, stack: Stack, database: Sqlite | Postgres
) -> None:
    """Airflow's database and the ledger at once, in the POST of some and the wait of others."""
    if database.name == "SQLite":
        pytest.skip("SQLite has no server to kill")
    blobs = stands.hold_blobs()
    posts = stands.hold_posts("after", skip=PLACEMENTS // 3)
    run = begin("postgres", "PostgreSQL killed and started, Airflow's database and the ledger")
    posts.wait(PLACEMENTS - PLACEMENTS // 3)
    database.kill()
    database.start()
    posts.release()
    blobs.release()
    run.end()


def test_manager_restarted(begin: Begin, stands: World, stack: Stack) -> None:
    """Its jobs stay pending for ever: they are called lost, proved by the peers, not repeated."""
    blobs = stands.hold_blobs()
    run = begin("manager", "manager stand-in restarted")
    run.wait_until_deferred()
    stands.restart_manager()
    blobs.release()
    stands.lose_jobs()
    run.end()


def test_registry_down_for_a_minute(begin: Begin, stands: World, stack: Stack) -> None:
    """Some have a job whose layers cannot be fetched, others are in their POST."""
    stands.hold_blobs()
    posts = stands.hold_posts("before", skip=PLACEMENTS // 3)
    run = begin("registry", "registry stand-in down for 60 s")
    posts.wait(PLACEMENTS - PLACEMENTS // 3)
    stands.sandbox.harbor.stop()
    posts.release()
    threading.Event().wait(REGISTRY_DOWN_SECONDS)
    stands.sandbox.harbor.start()
    stands.release_all()
    run.end()


def test_no_secret_was_written_anywhere(stack: Stack) -> None:
    """After all that: no log, no row of Airflow's database or of the ledger holds one."""
    secrets = [*forms_of("preheat-sandbox-robot"), *forms_of("preheat-sandbox-token")]
    texts = [file_texts(stack.home), database_texts(stack.database), database_texts(stack.ledger)]
    assert leaks(chain.from_iterable(texts), secrets) == []
