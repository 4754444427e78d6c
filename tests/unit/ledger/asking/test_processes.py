"""The protocol between real processes: some are killed, several ask at once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.unit.ledger.asking.conftest import Ask, ScriptedManager

    from preheat.ledger import Attempt

    Left = Callable[[], Attempt]

ASKER = Path(__file__).with_name("asker.py")


class Asker:
    """An asker in its own process.

    :param arguments: what ``asker.py`` takes.
    """

    def __init__(self, *arguments: str) -> None:
        command = [sys.executable, str(ASKER), *arguments]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def go(self) -> None:
        """Let it go on from where it waits."""
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def said(self) -> str:
        """Read its next line."""
        return self.process.stdout.readline().strip()

    def kill(self) -> None:
        """End it as a lost machine would: nothing is tidied up."""
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


@pytest.fixture
def start(url: str, manager: ScriptedManager, placement_id: int) -> Iterator[Callable[..., Asker]]:
    """Give a way to start an asker; all are ended with the test."""
    started: list[Asker] = []

    def begin(mode: str = "run") -> Asker:
        started.append(Asker(url, manager.url, str(placement_id), mode))
        return started[-1]

    yield begin
    for asker in started:
        asker.kill()


def test_killed_between_opening_and_post(
    start: Callable[..., Asker], asked: Ask, manager: ScriptedManager, left: Left
) -> None:
    """Its attempt is taken over when the lease has run out, and asked for once."""
    asker = start("stop-before-post")
    assert asker.said() == "ready"
    asker.go()
    assert asker.said() == "opened"
    asker.kill()
    assert manager.posts == []
    assert asked().job_id == 1
    assert left().owner.startswith("worker ")
    assert len(manager.posts) == 1


def test_killed_between_post_and_commit(
    start: Callable[..., Asker], asked: Ask, manager: ScriptedManager, left: Left
) -> None:
    """The job that it asked for is found by its nonce: no second POST."""
    manager.script.append("hang")
    asker = start()
    assert asker.said() == "ready"
    asker.go()
    assert manager.posted.wait(30)
    asker.kill()
    assert left().job_id is None
    assert asked().job_id == 1
    assert len(manager.posts) == 1


def test_killed_in_a_post_that_came_to_nothing(
    start: Callable[..., Asker], asked: Ask, manager: ScriptedManager, left: Left
) -> None:
    """No row ever comes: the same nonce is sent once more, after the wait."""
    manager.script.append("hang")
    asker = start()
    assert asker.said() == "ready"
    asker.go()
    assert manager.posted.wait(30)
    asker.kill()
    manager.jobs.clear()
    assert asked().job_id == 1
    assert [post["bio"] for post in manager.posts] == [f"preheat:{left().nonce}"] * 2


def test_killed_after_commit(
    start: Callable[..., Asker], asked: Ask, manager: ScriptedManager
) -> None:
    """Its job is joined at once, without a wait."""
    asker = start()
    assert asker.said() == "ready"
    asker.go()
    assert asker.said() == "job 1 of attempt 1"
    asker.kill()
    assert asked(wait=pytest.fail, authorize=pytest.fail).job_id == 1
    assert len(manager.posts) == 1


def test_processes_that_ask_at_once_share_one_job(
    start: Callable[..., Asker], manager: ScriptedManager, left: Left
) -> None:
    """Three processes, let go together, follow one job of one attempt."""
    askers = [start() for _ in range(3)]
    assert [asker.said() for asker in askers] == ["ready"] * 3
    for asker in askers:
        asker.go()
    assert {asker.said() for asker in askers} == {"job 1 of attempt 1"}
    assert len(manager.posts) == 1
    assert left().job_id == 1
