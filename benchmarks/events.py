"""From a push to the job that it leads to, beside the least that Airflow needs for an event."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from statistics import median, quantiles
from typing import TYPE_CHECKING, Any

import requests

from benchmarks.figures import Figure
from benchmarks.world import CLUSTER, open_world
from preheat.cli.demo.connections import WEBHOOK_AUTHORIZATION
from preheat.cli.demo.show import DemoError
from preheat.cli.demo.webhooks import install_webhook

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from rich.console import Console

    from benchmarks.world import World

__all__ = ["measure"]

PROJECT = "events"
PUSHES = 15
BURST = 20
HARBORS_BURST_SECONDS = 13.0
_EVENTS_DAG = "preheat_events"
_PATIENCE_SECONDS = 180.0
_POLICY = f"""\
apiVersion: preheat/v1alpha1
kind: PreheatPolicy
metadata: {{name: events}}
spec:
  sources: [{{registry: harbor_default, projects: [{PROJECT}]}}]
  rules: [{{name: newest, take: {{newest: 1}}}}]
  targets: [{{cluster: {CLUSTER}, scope: single_seed_peer}}]
  triggers: {{events: [pushed]}}
"""


def measure(folder: Path, console: Console) -> list[Figure]:
    """Alternate between touching a file that an empty DAG watches, and pushing an image.

    :param folder: empty folder for all that is written.
    """
    touched, marks = folder / "touched", folder / "marks"
    more = {"BENCH_TOUCHED": str(touched), "BENCH_MARKS": str(marks)}
    console.print("events: starting a sandbox and Airflow")
    with open_world(
        folder, {"events": _POLICY}, catalogue="scale:100", console=console, more=more
    ) as world:
        harbor = _Harbor(world)
        harbor.install_webhook()
        for dag_id in ("empty_events", _EVENTS_DAG):
            world.airflow.enable(dag_id)
        least = _Timed(world, "empty_events", lambda: _append(touched), lambda: _lines(marks))
        ours = _Timed(world, _EVENTS_DAG, harbor.push, harbor.jobs)
        console.print("events: one of each, which waits until both watchers run")
        ours.once()
        _until(lambda: _touch_and_see(least), "the watcher of the empty DAG", pause=2)
        least.rest()
        reference, webhook = [], []
        for number in range(PUSHES):
            reference.append(least.once())
            webhook.append(ours.once())
            console.print(
                f"events: {number + 1} of {PUSHES}: {webhook[-1]:.1f} s beside {reference[-1]:.1f}"
            )
        burst = ours.once(lambda: [harbor.push() for _ in range(BURST)], BURST)
        console.print(f"events: {BURST} pushes at once: {burst:.1f} s")
        harbor.lose_webhooks()
        caught_up = [ours.once() for _ in range(PUSHES // 2)]
        return [*_figures(webhook, reference, caught_up), _burst(burst), harbor.once_each()]


class _Harbor:
    """The stand-in, which pushes and tells."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._url = world.sandbox.harbor_url
        self._pushed = 0

    def _call(self, method: str, path: str, body: dict[str, Any]) -> None:
        requests.request(method, f"{self._url}{path}", json=body, timeout=30).raise_for_status()

    def push(self) -> None:
        """Push one image with a tag, into a repository of its own."""
        self._pushed += 1
        name = f"{PROJECT}/app-{self._pushed}"
        order = {"repository": name, "tags": ["1.0"], "layers": [700, 900]}
        self._call("POST", "/sandbox/images", order)

    def install_webhook(self) -> None:
        """Let the project tell Airflow; the first push makes it."""
        self.push()
        install_webhook(self._url, self._world.airflow.api.url, PROJECT, WEBHOOK_AUTHORIZATION)

    def lose_webhooks(self) -> None:
        """Let the job service stand still: nothing is told any more."""
        self._call("PUT", "/sandbox/jobservice", {"running": False})

    def jobs(self) -> int:
        """Count the jobs so far: nothing else asks this manager for any."""
        return self._world.sandbox.dragonfly.state.jobs.last_id

    def once_each(self) -> Figure:
        """Compare the jobs with the pushes."""
        return Figure(
            name="jobs for all pushes",
            ours=self.jobs(),
            reference=self._pushed - 1,
            unit="jobs",
            most=1.0,
            exactly=True,
            note="the first push made the project, before anybody listened",
        )


@dataclass(frozen=True)
class _Timed:
    """One kind of event, and what it leads to.

    :param act: lets it happen.
    :param seen: how many it has led to so far.
    """

    world: World
    dag_id: str
    act: Callable[[], Any]
    seen: Callable[[], int]

    def once(self, act: Callable[[], Any] | None = None, count: int = 1) -> float:
        """Let it happen, and wait until Airflow is idle again; returns seconds to the effect."""
        wanted = self.seen() + count
        began = time.monotonic()
        (act or self.act)()
        _until(lambda: self.seen() >= wanted, f"{wanted} for {self.dag_id}", pause=0.01)
        took = time.monotonic() - began
        self.rest()
        return took

    def rest(self) -> None:
        """Wait until Airflow is idle."""
        api = self.world.airflow.api
        _until(lambda: api.active_run(self.dag_id) is None, f"{self.dag_id} to end", pause=0.5)


def _touch_and_see(least: _Timed) -> bool:
    """Touch the file, and tell whether that led to anything: growth before a watcher is none."""
    least.act()
    return least.seen() > 0


def _until(happened: Callable[[], bool], what: str, *, pause: float) -> None:
    end = time.monotonic() + _PATIENCE_SECONDS
    while not happened():
        if time.monotonic() > end:
            raise DemoError(f"Waited {_PATIENCE_SECONDS:.0f} s for {what}.")
        threading.Event().wait(pause)


def _append(file: Path) -> None:
    with file.open("a", encoding="utf-8") as touched:
        touched.write(".")


def _lines(file: Path) -> int:
    return len(file.read_text(encoding="utf-8").splitlines()) if file.exists() else 0


def _figures(
    webhook: Sequence[float], least: Sequence[float], caught_up: Sequence[float]
) -> Iterator[Figure]:
    for name, of in (("p50", median), ("p95", _p95)):
        yield Figure(
            name=f"push to job by webhook, {name} of {len(webhook)}",
            ours=of(webhook),
            reference=of(least),
            unit="s",
            most=1.3 if name == "p95" else None,
            note="beside an empty DAG on an asset of its own, to its sensor",
        )
    for name, of in (("p50", median), ("p95", _p95)):
        yield Figure(
            name=f"push to job by catch-up, {name} of {len(caught_up)}",
            ours=of(caught_up),
            reference=of(least),
            unit="s",
            note="webhooks lost: Harbor's audit log is read every 5 to 60 s",
        )


def _p95(values: Sequence[float]) -> float:
    return quantiles(values, n=20, method="inclusive")[-1]


def _burst(seconds: float) -> Figure:
    return Figure(
        name=f"{BURST} pushes at once, to the last job",
        ours=seconds,
        unit="s",
        most=HARBORS_BURST_SECONDS,
        note="Harbor's own preheat took 13 s from the first push (recorded: preheat-event-burst)",
    )
