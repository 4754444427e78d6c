"""Deliveries of 50 Harbors to a real API server: none lost, answers in time, memory flat."""

from __future__ import annotations

import json
import secrets
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from statistics import mean, median, quantiles
from typing import TYPE_CHECKING

import psutil
import requests
from tests.crash.rig.databases import Sqlite, postgres

from benchmarks.apiserver import api_server
from benchmarks.deliveries import plan, send
from benchmarks.figures import Figure
from preheat.ledger import Ledger

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from rich.console import Console
    from tests.crash.rig.databases import Postgres

    from benchmarks.deliveries import Planned, Tally

__all__ = ["measure"]

HARBORS = 50
A_SECOND = 200
SECONDS = 30
REPEATS = 0.2
_MOST_SECONDS = 1.0
_MOST_GROWTH = 10.0  # MB
_WARM_SECONDS = 5


def measure(folder: Path, console: Console) -> list[Figure]:
    """Send the same deliveries to an API server over SQLite, and to one over PostgreSQL.

    :param folder: empty folder for all that is written.
    """
    figures = _over(Sqlite(folder), folder / "sqlite", console)
    try:
        with postgres() as database:
            figures += _over(database, folder / "postgresql", console)
    except ImportError:
        console.print("webhook: no PostgreSQL here: pgserver is not installed")
    return figures


def _over(database: Sqlite | Postgres, home: Path, console: Console) -> list[Figure]:
    console.print(f"webhook: starting an API server over {database.name}")
    url = database.ledger()
    planned = plan(HARBORS, A_SECOND, SECONDS, REPEATS)
    with _served(home, url) as server:
        server.send(planned[:HARBORS])
        console.print(f"webhook: {len(planned)} deliveries in {SECONDS} s")
        with server.watched() as memory:
            before = server.cpu_seconds()
            tally = server.send(planned)
            spent = server.cpu_seconds() - before
    console.print(f"webhook: answers {dict(tally.statuses)}")
    figures = list(_figures(database.name, url, planned, tally, memory))
    cost = 1000 * spent / len(planned)
    return [*figures, Figure(f"{database.name}: processor time a delivery", cost, "ms")]


@dataclass
class _Memory:
    """Resident memory of the API server, in MB, twice a second."""

    seen: list[float] = field(default_factory=list)

    @property
    def peak(self) -> float:
        """The most that was seen."""
        return max(self.seen)

    @property
    def growth(self) -> float:
        """From the sixth to the tenth second to the last five."""
        few = 2 * _WARM_SECONDS
        return mean(self.seen[-few:]) - mean(self.seen[few : 2 * few])


@dataclass(frozen=True)
class _Server:
    """A running API server, and the connections that it knows."""

    port: int
    pid: int
    secrets: Sequence[str]

    def send(self, planned: list[Planned]) -> Tally:
        """Send deliveries when they are due."""
        paths = [f"/preheat/webhooks/harbor/harbor_{number}" for number in range(HARBORS)]
        return send(self.port, paths, self.secrets, planned)

    def cpu_seconds(self) -> float:
        """Tell how long it has kept a processor busy, Airflow's own part of it too."""
        times = psutil.Process(self.pid).cpu_times()
        return float(times.user + times.system)

    @contextmanager
    def watched(self) -> Iterator[_Memory]:
        """Look at its memory meanwhile."""
        memory = _Memory()
        ended = threading.Event()
        thread = threading.Thread(target=self._watch, args=(memory, ended))
        thread.start()
        try:
            yield memory
        finally:
            ended.set()
            thread.join()

    def _watch(self, memory: _Memory, ended: threading.Event) -> None:
        process = psutil.Process(self.pid)
        while not ended.wait(0.5):
            total = 0
            for one in (process, *process.children(recursive=True)):
                with suppress(psutil.Error):
                    total += one.memory_info().rss
            memory.seen.append(total / 1e6)


@contextmanager
def _served(home: Path, ledger_url: str) -> Iterator[_Server]:
    """Run Airflow's API server with a connection for each Harbor."""
    values = [f"Bearer {secrets.token_urlsafe(24)}" for _ in range(HARBORS)]
    connections = {
        f"AIRFLOW_CONN_HARBOR_{number}": json.dumps({
            "conn_type": "harbor",
            "host": "https://harbor.example.com",
            "extra": json.dumps({"webhook_authorization": value}),
        })
        for number, value in enumerate(values)
    }
    with api_server(home, ledger_url, connections) as server:
        yield _Server(server.port, server.pid, values)


def _figures(
    name: str, url: str, planned: Sequence[Planned], tally: Tally, memory: _Memory
) -> Iterator[Figure]:
    with Ledger.at(url) as ledger:
        kept = ledger.inbox.recent(limit=2 * len(planned))
    repeats = sum(one.is_repeat for one in planned)
    distinct = len(planned) - repeats
    refused = len(planned) - tally.statuses[requests.codes.accepted]
    rate = f"{A_SECOND} a second for {SECONDS} s, {HARBORS} Harbors"
    yield Figure(
        f"{name}: deliveries lost", distinct - len(kept), "rows", most=0, exactly=True, note=rate
    )
    yield Figure(f"{name}: deliveries refused", refused, "answers", most=0)
    # Those that went before, to warm up, came again too.
    warm = HARBORS
    yield Figure(
        f"{name}: repeats counted",
        sum(one.repeats for one in kept) - warm,
        "repeats",
        reference=repeats,
        most=1.0,
        exactly=True,
        note=f"in the answers: {tally.received + warm} new, {tally.repeated - warm} repeated",
    )
    yield Figure(f"{name}: answer, p50", median(tally.latencies) * 1000, "ms")
    yield Figure(
        f"{name}: answer, p99",
        quantiles(tally.latencies, n=100)[-1] * 1000,
        "ms",
        most=_MOST_SECONDS * 1000,
        note=f"from when it was due; at most {max(tally.latencies) * 1000:.0f} ms",
    )
    yield Figure(
        f"{name}: growth of the API server",
        memory.growth,
        "MB",
        most=_MOST_GROWTH,
        note="last 5 s beside the second 5 s",
    )
    yield Figure(f"{name}: peak of the API server", memory.peak, "MB")
