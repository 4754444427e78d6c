"""Pushes while a part of Airflow is gone: each image is warmed once, when that part is back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from tests.crash.rig.cells import Cell, Ended
from tests.crash.rig.stack import WEBHOOK_AUTHORIZATION, set_up
from tests.crash.rig.world import PLACEMENTS, until, worlds

from preheat.catchup.cursors import cursor_name
from preheat.cli.demo.webhooks import install_webhook
from preheat.ledger import Ledger
from preheat.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tests.crash.rig.databases import Postgres, Sqlite
    from tests.crash.rig.stack import Stack
    from tests.crash.rig.table import Row
    from tests.crash.rig.world import World

    from preheat.ledger import Attempt

    Begin = Callable[[str, str], "Pushes"]

EVENTS = "preheat_events"
ONCE = "{attempts: 1, backoff: 1s, maxBackoff: 4s}"
POLICIES = dict.fromkeys(("no-scheduler", "no-triggerer", "no-api-server", "in-plan"), ONCE)


@pytest.fixture(scope="module")
def stands() -> Iterator[World]:
    """Serve the stand-ins; the projects are there before anybody listens."""
    for world in worlds():
        for name in POLICIES:
            image = {"repository": f"{name}/before", "tags": ["0"], "layers": [700]}
            world.control("POST", world.harbor, "/sandbox/images", image)
        yield world


@pytest.fixture(scope="module")
def stack(
    database: Sqlite | Postgres, stands: World, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    """Start one Airflow that listens to all projects."""
    home = tmp_path_factory.mktemp(f"events-{database.name}")
    urls = (database.fresh(), database.ledger())
    for made in set_up(home, stands, urls, POLICIES, "{events: [pushed]}"):
        for name in POLICIES:
            install_webhook(stands.harbor, made.api.url, name, WEBHOOK_AUTHORIZATION)
        made.wait_for(lambda made=made: made.api.knows(f"/dags/{EVENTS}"), "the DAG of events")
        made.patiently(lambda made=made: made.api.unpause(EVENTS))
        until(lambda made=made: has_begun(made), "the first look at Harbor", pause=0.5)
        yield made


def has_begun(stack: Stack) -> bool:
    """Whether somebody knows from when on the audit log is news."""
    with Ledger.open(stack.ledger) as ledger:
        return ledger.inbox.cursor(cursor_name("audit", "harbor_default")) is not None


@dataclass
class Pushes:
    """One cell's pushes.

    :param project: of its images, and the name of its policy.
    """

    project: str
    stack: Stack
    world: World
    cell: Cell
    names: tuple[str, ...] = ()

    def push(self) -> None:
        """Push all images; of the last one a layer cannot be read."""
        self.names = tuple(self.world.push(self.project))

    def ended(self) -> list[Ended]:
        """Read what became of each image that somebody planned for."""
        with Ledger.open(self.stack.ledger) as ledger:
            stored = [
                placement
                for name in self.names
                for placement in ledger.inbox.placements_in("harbor_default", name)
            ]
            found = [(each.key, ledger.attempts(each.id)) for each in stored]
        return [Ended(key, _verdict(attempts), attempts) for key, attempts in found]

    def end(self) -> Row:
        """Wait until all is done, and count."""

        def is_done() -> bool:
            self.world.see_jobs()
            found = self.ended()
            return len(found) == PLACEMENTS and not any(one.is_lost for one in found)

        until(is_done, f"the verdicts of {self.project}", 400, pause=0.5)
        self.stack.wait_for(lambda: self.stack.api.active_run(EVENTS) is None, "the runs to end")
        row = self.cell.count(self.ended())
        assert row.is_well, row
        assert row.jobs == PLACEMENTS
        return row


def _verdict(attempts: Sequence[Attempt]) -> Verdict:
    last = attempts[-1].verdict if attempts else None
    return last or Verdict.UNKNOWN


@pytest.fixture
def begin(
    database: Sqlite | Postgres, stands: World, stack: Stack, rows: list[Row]
) -> Iterator[Begin]:
    """Give a way to start a cell; whatever is held is let go in the end."""

    def start(project: str, name: str) -> Pushes:
        cell = Cell(name, project, "Airflow", database.name, stands, rows)
        return Pushes(project, stack, stands, cell)

    yield start
    stands.release_all()


def test_pushed_without_a_scheduler(begin: Begin, stack: Stack) -> None:
    """The inbox fills, the watcher nudges, and nobody runs anything yet."""
    pushes = begin("no-scheduler", "push while the scheduler is down")
    stack.kill("scheduler")
    pushes.push()
    stack.start("scheduler")
    pushes.end()


def test_pushed_without_a_triggerer(begin: Begin, stack: Stack) -> None:
    """Webhooks fill the inbox; the watcher of the next triggerer finds it full."""
    pushes = begin("no-triggerer", "push while the triggerer is down")
    stack.kill("triggerer")
    pushes.push()
    stack.start("triggerer")
    pushes.end()


def test_pushed_without_an_api_server(begin: Begin, stack: Stack, stands: World) -> None:
    """Nobody takes the webhooks, and Harbor gives up: the audit log tells."""
    pushes = begin("no-api-server", "push while the API server is down, all webhooks lost")
    stack.kill("api-server")
    pushes.push()

    def has_given_up() -> bool:
        path = f"/sandbox/webhooks/deliveries?project={pushes.project}"
        tried = [row["number"] for row in stands.control("GET", stands.harbor, path)]
        return tried.count(3) >= PLACEMENTS

    until(has_given_up, "Harbor to give up", pause=0.5)
    stack.start("api-server")
    stack.log_in()
    pushes.end()


def test_killed_in_the_plan(begin: Begin, stack: Stack, stands: World) -> None:
    """The events are still in the inbox: a row leaves it together with its plan."""
    pushes = begin("in-plan", "scheduler killed with the task that plans for events")
    path = f"^/api/v2.0/projects/{pushes.project}/repositories/"
    listing = stands.hold(stands.harbor, "before", {"method": "GET", "path": path})
    pushes.push()
    listing.wait(1)
    stack.kill("scheduler")
    listing.release()
    stack.start("scheduler")
    pushes.end()
