"""A thousand placements that wait in one triggerer: requests, memory, and the loop's patience."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

import requests
from pydantic import SecretStr

from benchmarks.figures import Figure
from benchmarks.world import ROOT
from preheat.artifact import Blob, Image
from preheat.asking import ask
from preheat.drivers.base import Timing
from preheat.drivers.dragonfly import DragonflyDriver
from preheat.drivers.dragonfly.looking import FEW
from preheat.harbor.client import HarborClient
from preheat.ledger import Ledger, RunRef
from preheat.placement import PlacementKey, Scope, TrackSettings
from preheat.plan import Plan, PlannedPlacement
from preheat.sandbox import serve
from preheat.sandbox.dragonfly import ManagerSettings
from preheat.sandbox.harbor import ImageSpec, push_image
from preheat.transport import Transport, harden

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from rich.console import Console

    from preheat.drivers.base import Driver
    from preheat.ledger import StoredPlacement
    from preheat.sandbox import Sandbox

__all__ = ["measure"]

PLACEMENTS = 1000
PER_PAGE = 50
_ASKERS = 8
_HELD_SECONDS = 45.0  # from the last job on: its first look shows it pending, its second ended
_HOLD_SECONDS = 20.0
_RUN = RunRef("preheat__bench", "manual__1", "bench.track", 0, 1)
_SETTINGS = TrackSettings("dragonfly", "dragonfly_default", 1, "harbor_default")
_GAP_SECONDS = 1.5  # between two looks there are five


def measure(folder: Path, console: Console) -> list[Figure]:
    """Ask for a thousand images, let one process wait for them, and count at the manager's door.

    The manager's clock runs at its real speed.

    :param folder: empty folder for all that is written.
    """
    console.print(f"following: asking for {PLACEMENTS} images, and two minutes of waiting")
    settings = ManagerSettings(clock_factor=1.0, job_rate_limit=100_000)
    with serve(catalogue="demo", settings=settings) as sandbox:
        let_go = threading.Event()
        holding = threading.Thread(target=_hold, args=(sandbox, let_go))
        holding.start()
        release = threading.Timer(_HELD_SECONDS, let_go.set)
        try:
            with Ledger.open(f"sqlite:///{folder}/preheat.db") as ledger:
                attempts = _asked(sandbox, ledger)
            release.start()
            sandbox.dragonfly.requests.clear()
            with _Watch(sandbox) as watch:
                found = _triggerer(folder, sandbox, attempts)
        finally:
            release.cancel()
            let_go.set()
            holding.join()
        ids = sum(count for path, count in sandbox.dragonfly.requests.items() if path[-1].isdigit())
        return [*_requests(watch, ids), *_memory(found)]


def _hold(sandbox: Sandbox, let_go: threading.Event) -> None:
    """Let next to no blob through, so that jobs take long; a peer's patience is a minute."""
    while not let_go.is_set():
        sandbox.harbor.faults.clear()
        sandbox.harbor.faults.add(
            match={"path": "/blobs/", "headers": {"user-agent": "dragonfly"}},
            times=None,
            hold="before",
        )
        let_go.wait(_HOLD_SECONDS)
    sandbox.harbor.faults.clear()


def _asked(sandbox: Sandbox, ledger: Ledger) -> list[int]:
    """Push the images, plan them and ask for each; returns the attempts."""
    images = [
        push_image(
            sandbox.harbor.state,
            f"library/app-{number}",
            ImageSpec(f"app {number}", layers=((f"{number} a", 900), (f"{number} b", 700))),
            tags=["1"],
        )
        for number in range(PLACEMENTS)
    ]
    planned = []
    for number, artifact in enumerate(images):
        recipe = artifact.recipe
        blobs = tuple(Blob(part.digest, part.size) for part in (recipe.config, *recipe.layers))
        ledger.record_image(Image(artifact.digest, "linux/amd64", blobs))
        key = PlacementKey(
            cluster="bench",
            pull_endpoint=sandbox.harbor_url,
            repository=f"library/app-{number}",
            digest=artifact.digest,
            platform="linux/amd64",
            scope=Scope.SINGLE_SEED_PEER,
        )
        planned.append(PlannedPlacement(key, _SETTINGS, key.repository))
    recorded = ledger.record_plan(Plan("bench", datetime.now(UTC), (), tuple(planned)), _RUN)
    stored = [ledger.placement(item.placement_id) for item in recorded.items]
    with harden(requests.Session()) as session:
        return _ask_all(sandbox, ledger, session, stored)


def _ask_all(
    sandbox: Sandbox, ledger: Ledger, session: requests.Session, stored: Sequence[StoredPlacement]
) -> list[int]:
    driver: Driver = DragonflyDriver(
        Transport(session, sandbox.dragonfly_url, system="Dragonfly"),
        token=SecretStr(sandbox.token),
        timing=Timing(),
    )
    harbor = HarborClient(
        Transport(session, sandbox.harbor_url, system="Harbor"),
        registry="harbor_default",
        username=sandbox.robot_name,
        secret=SecretStr(sandbox.robot_secret),
    )
    token = harbor.pull_authorization([stored[0].key.repository])

    def one(placement: StoredPlacement) -> int:
        attempt = ask(
            ledger,
            driver,
            placement,
            owner="bench",
            run=_RUN,
            authorize=lambda: token,
            wait=lambda seconds: threading.Event().wait(seconds) and None,
        )
        return attempt.id

    with ThreadPoolExecutor(_ASKERS) as pool:
        return list(pool.map(one, stored))


def _triggerer(folder: Path, sandbox: Sandbox, attempts: Sequence[int]) -> dict[str, Any]:
    """Follow them in a process of its own; returns what it measured."""
    (folder / "attempts.json").write_text(json.dumps(attempts), encoding="utf-8")
    result = folder / "result.json"
    harbor = {"host": sandbox.harbor_url, "login": sandbox.robot_name}
    connections = {
        "harbor_default": {"conn_type": "harbor", **harbor, "password": sandbox.robot_secret},
        "dragonfly_default": {
            "conn_type": "dragonfly",
            "host": sandbox.dragonfly_url,
            "password": sandbox.token,
        },
    }
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(folder / "home"),
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING",
        "AIRFLOW__PREHEAT__LEDGER_URL": f"sqlite:///{folder}/preheat.db",
        **{f"AIRFLOW_CONN_{name.upper()}": json.dumps(f) for name, f in connections.items()},
    }
    command = [sys.executable, "-m", "benchmarks.triggerer", str(folder / "attempts.json")]
    with (folder / "triggerer.log").open("wb") as log:
        subprocess.run(  # noqa: S603  # our own module
            [*command, str(result)],
            env=environment,
            cwd=ROOT,
            check=True,
            stdout=log,
            stderr=log,
            timeout=400,
        )
    measured: dict[str, Any] = json.loads(result.read_text(encoding="utf-8"))
    return measured


@dataclass
class _Watch:
    """Notes when requests reach the manager.

    :param seen: moments and how many came since the last.
    """

    sandbox: Sandbox
    seen: list[tuple[float, int]] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        self.began = time.monotonic()
        self.thread = threading.Thread(target=self._watch)
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.thread.join()
        self.seconds = time.monotonic() - self.began

    def _watch(self) -> None:
        before = 0
        while not self.over.wait(0.1):
            now = self.sandbox.dragonfly.requests.total()
            if now > before:
                self.seen.append((time.monotonic(), now - before))
            before = now

    def looks(self) -> Iterator[int]:
        """Count the requests of each look: those that follow each other closely."""
        count, last = 0, 0.0
        for moment, more in self.seen:
            if count and moment - last > _GAP_SECONDS:
                yield count
                count = 0
            count, last = count + more, moment
        if count:
            yield count


def _requests(watch: _Watch, ids: int) -> Iterator[Figure]:
    looks = list(watch.looks())
    total = sum(looks)
    yield Figure(
        name=f"most requests in one look at {PLACEMENTS} placements",
        ours=max(looks),
        unit="requests",
        most=PLACEMENTS / PER_PAGE,
        note=f"each look: {', '.join(map(str, looks))}",
    )
    yield Figure(
        name="requests a minute while all of them wait",
        ours=total / watch.seconds * 60,
        unit="requests",
        note=f"{total} in {watch.seconds:.0f} s, to the end of the last; one by one: "
        f"{PLACEMENTS} a look",
    )
    yield Figure(
        name="requests for the id of a job",
        ours=ids,
        unit="requests",
        most=FEW * len(looks),
        note=f"a manager keeps a metric for each path; only where {FEW} or fewer are due",
    )


def _memory(found: dict[str, Any]) -> Iterator[Figure]:
    yield Figure(
        name="placements proved warm",
        ours=found["ends"].get("well", 0),
        unit="",
        most=PLACEMENTS,
        exactly=True,
        note=", ".join(f"{count} {end}" for end, count in found["ends"].items()),
    )
    grown = found["waiting"] - found["base"]
    yield Figure(
        name="memory of a waiting placement",
        ours=grown * 1000 / PLACEMENTS,
        unit="kB",
        note=f"{found['waiting']:.0f} MB with all waiting, {found['base']:.0f} MB before",
    )
    yield Figure(
        name="most memory of the process, proofs included",
        ours=found["peak"],
        unit="MB",
        note=f"{found['base']:.0f} MB of it are Airflow and our code",
    )
    yield Figure(
        name="longest time that the event loop kept others waiting",
        ours=found["stall"] * 1000,
        unit="ms",
        note=f"{found['starting_stall'] * 1000:.0f} ms while all of them started at once",
    )
