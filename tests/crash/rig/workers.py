"""Worker processes that ask, follow and prove without an Airflow around them."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import requests
from pydantic import SecretStr
from tests.crash.rig.cells import Ended
from tests.crash.rig.world import CLOCK_FACTOR, until

from preheat.harbor.client import HarborClient
from preheat.ledger import Attempt, Ledger, RunRef
from preheat.placement import PlacementKey, Scope, TrackSettings
from preheat.plan import Plan, PlannedPlacement
from preheat.transport import Transport, harden
from preheat.verdict import Verdict

if TYPE_CHECKING:
    import signal
    from collections.abc import Callable, Sequence

    from tests.crash.rig.world import World

__all__ = ["Book", "Worker"]

WORKER = Path(__file__).parents[1] / "worker.py"


class Worker:
    """A process that works on placements.

    :param book: whose placements.
    :param environment: what it gets besides ours.
    """

    def __init__(self, book: Book, **environment: str) -> None:
        command = [
            sys.executable,
            str(WORKER),
            book.url,
            book.world.harbor,
            book.world.manager,
            str(CLOCK_FACTOR),
            *map(str, book.placements),
        ]
        self.said: list[str] = []
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **environment},
            start_new_session=True,
        )
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        for line in self.process.stdout:
            self.said.append(line.strip())

    def heard(self, word: str) -> int:
        """Count the lines that start with this word."""
        return sum(line.startswith(word) for line in self.said)

    def wait(self, word: str, count: int = 1) -> None:
        """Wait until it said so."""

        def is_told() -> bool:
            said = self.heard(word) >= count
            assert said or self.process.poll() is None, self.said[-3:]
            return said

        until(is_told, f"{count} x {word!r} of a worker, which said {self.said[-3:]}")

    def go(self) -> None:
        """Let it begin."""
        self.wait("ready")
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process and to nobody else."""
        os.kill(self.process.pid, number)

    def kill(self) -> None:
        """End it as a lost machine would."""
        self.process.kill()
        self.process.wait()
        self._listener.join()
        self.process.stdin.close()
        self.process.stdout.close()


@dataclass
class Book:
    """A ledger with a plan of one cell's placements.

    :param url: of the ledger.
    :param names: repositories of the images.
    """

    url: str
    world: World
    names: Sequence[str]
    placements: list[int] = field(default_factory=list)
    workers: list[Worker] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Record the plan and what each image consists of."""
        settings = TrackSettings("dragonfly", "dragonfly_default", 1, "harbor_default")
        planned = [PlannedPlacement(self._key(name), settings, name) for name in self.names]
        plan = Plan("crash", datetime.now(UTC), (), tuple(planned))
        transport = Transport(harden(requests.Session()), self.world.harbor, system="Harbor")
        secret = SecretStr("preheat-sandbox-robot")
        harbor = HarborClient(
            transport, registry="harbor_default", username="robot$preheat", secret=secret
        )
        with Ledger.open(self.url) as ledger:
            items = ledger.record_plan(plan, RunRef("crash", "run", "plan")).items
            for one in planned:
                key = one.key
                ledger.record_image(harbor.resolve(key.repository, key.digest, key.platform))
        self.placements = [item.placement_id for item in items]

    def _key(self, name: str) -> PlacementKey:
        return PlacementKey(
            cluster="eu-1",
            pull_endpoint=self.world.harbor,
            repository=name,
            digest=self.world.image(name)["digest"],
            platform="linux/amd64",
            scope=Scope.SINGLE_SEED_PEER,
        )

    def prepare(self, **environment: str) -> Worker:
        """Start a worker that waits before its first act."""
        worker = Worker(self, **environment)
        self.workers.append(worker)
        return worker

    def start(self, **environment: str) -> Worker:
        """Start a worker and let it begin."""
        worker = self.prepare(**environment)
        worker.go()
        return worker

    def attempts(self) -> list[Attempt]:
        """Read all attempts."""
        with Ledger.open(self.url) as ledger:
            return [attempt for number in self.placements for attempt in ledger.attempts(number)]

    def wait_for(self, matches: Callable[[Attempt], bool], what: str) -> None:
        """Wait until an attempt of every placement matches."""
        wanted = set(self.placements)
        until(lambda: wanted <= {a.placement_id for a in self.attempts() if matches(a)}, what)

    def ended(self) -> list[Ended]:
        """Read what became of each placement."""
        with Ledger.open(self.url) as ledger:
            return [self._ended(ledger, number) for number in self.placements]

    @staticmethod
    def _ended(ledger: Ledger, number: int) -> Ended:
        attempts = ledger.attempts(number)
        last = attempts[-1].verdict if attempts else None
        return Ended(ledger.placement(number).key, last or Verdict.UNKNOWN, attempts)
