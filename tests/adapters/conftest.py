"""Hooks, sensors and triggers against the sandbox: real HTTP, a real ledger, real connections."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Event
from typing import TYPE_CHECKING, Any

import pytest

from preheat.asking import ask
from preheat.ledger import Ledger, RunRef
from preheat.placement import PlacementKey, Scope, TrackSettings
from preheat.plan import Disposition, Plan, PlannedPlacement
from preheat.provider import config, connections
from preheat.provider.hooks.dragonfly import DragonflyHook
from preheat.provider.hooks.harbor import HarborHook
from preheat.provider.triggers.dragonfly import DragonflyPreheatTrigger
from preheat.sandbox import serve
from preheat.sandbox.harbor import ImageSpec, push_image

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from preheat.ledger import Attempt, StoredPlacement
    from preheat.sandbox import Sandbox
    from preheat.sandbox.harbor import Artifact

CLOCK_FACTOR = 0.01
RUN = RunRef("preheat__test", "manual__1", "us-1.track", 0, 1)


@dataclass
class World:
    """The stand-ins with one image of three blobs, and a ledger; connections lead to both.

    :param image: the artifact in Harbor, ``library/followed``.
    """

    sandbox: Sandbox
    ledger: Ledger
    image: Artifact
    environment: pytest.MonkeyPatch = field(repr=False)
    run: RunRef = RUN

    @property
    def layer(self) -> str:
        """Digest of the image's last layer."""
        return str(self.image.recipe.layers[-1].digest)

    @property
    def blobs(self) -> list[str]:
        """Digests of all the image's blobs."""
        recipe = self.image.recipe
        return [recipe.config.digest, *(layer.digest for layer in recipe.layers)]

    @property
    def jobs(self) -> int:
        """How many jobs the manager was ever asked for."""
        return self.sandbox.dragonfly.state.jobs.last_id

    def connect(self, conn_id: str, url: str, secret: str, login: str = "", **extra: Any) -> None:
        """Name a connection in the environment."""
        fields = {
            "conn_type": conn_id.partition("_")[0],
            "host": url,
            "login": login,
            "password": secret,
            "extra": json.dumps({"clock_factor": CLOCK_FACTOR, **extra}),
        }
        self.environment.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(fields))
        connections._lookups.clear()

    def plan(
        self,
        *dispositions: Disposition,
        label: str = "library/followed:1 linux/amd64",
        failures: tuple[str, ...] = (),
        clusters: tuple[str, ...] = ("us-1",),
        dry_run: bool = False,
        **settings: Any,
    ) -> tuple[StoredPlacement, ...]:
        """Plan a placement for each disposition and cluster; the first is of the pushed image."""
        planned = tuple(
            PlannedPlacement(
                self.key(cluster, number),
                TrackSettings(**{
                    "driver": "dragonfly",
                    "connection": "dragonfly_default",
                    "scheduler_cluster_id": 2,
                    "registry": "harbor_default",
                    **settings,
                }),
                label,
                disposition=disposition,
                detail="one run takes few" if disposition is Disposition.NEXT_RUN else "",
            )
            for cluster in clusters
            for number, disposition in enumerate(dispositions)
        )
        plan = Plan("test", datetime.now(UTC), (), planned, failures=failures)
        plan = plan.as_dry_run() if dry_run else plan
        recorded = self.ledger.record_plan(plan, self.run)
        return tuple(self.ledger.placement(item.placement_id) for item in recorded.items)

    def key(self, cluster: str = "us-1", number: int = 0) -> PlacementKey:
        """Name a placement; only number 0 is an image that exists."""
        return PlacementKey(
            cluster=cluster,
            pull_endpoint=self.sandbox.harbor_url,
            repository="library/followed",
            digest=f"sha256:{number:064d}" if number else self.image.digest,
            platform="linux/amd64",
            scope=Scope.SINGLE_SEED_PEER,
        )

    def ask(self, **settings: Any) -> Attempt:
        """Plan one placement and ask for it."""
        (placement,) = self.plan(Disposition.ASK, **settings)
        key = placement.key
        harbor = HarborHook().client()
        self.ledger.record_image(harbor.resolve(key.repository, key.digest, key.platform))
        return ask(
            self.ledger,
            DragonflyHook().driver(),
            placement,
            owner="test",
            run=self.run,
            authorize=lambda: harbor.pull_authorization([key.repository]),
            wait=lambda seconds: Event().wait(seconds) and None,
        )


@dataclass
class Asked:
    """A placement that was asked for, and the trigger that follows it."""

    world: World
    attempt: Attempt

    def trigger(self, **changes: Any) -> DragonflyPreheatTrigger:
        """Build the trigger as the sensor does."""
        return DragonflyPreheatTrigger(**{
            "attempt": self.attempt.id,
            "dragonfly_conn_id": "dragonfly_default",
            "harbor_conn_id": "harbor_default",
            "deadline": time.time() + 30,
            **changes,
        })

    def stored(self) -> Attempt:
        """Read the attempt as the ledger has it now."""
        return self.world.ledger.attempt(self.attempt.id)


@pytest.fixture(scope="session")
def served() -> Iterator[Sandbox]:
    """Serve the stand-ins once, with the demo's catalogue."""
    with serve(catalogue="demo", clock_factor=CLOCK_FACTOR) as sandbox:
        yield sandbox


@pytest.fixture
def world(tmp_path: Path, served: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Push an image of its own for each test, and open an empty ledger."""
    monkeypatch.setenv("AIRFLOW__PREHEAT__LEDGER_URL", f"sqlite:///{tmp_path}/preheat.db")
    image = push_image(
        served.harbor.state,
        "library/followed",
        ImageSpec(tmp_path.name, layers=((tmp_path.name, 800), (f"{tmp_path.name} b", 600))),
        tags=["1"],
    )
    made = World(served, config.open_ledger(), image, monkeypatch)
    made.connect("harbor_default", served.harbor_url, served.robot_secret, "robot$preheat")
    made.connect("dragonfly_default", served.dragonfly_url, served.token)
    yield made
    for server in (served.harbor, served.dragonfly):
        server.faults.clear()
    made.ledger.close()
    config._opened.clear()
    connections._lookups.clear()


@pytest.fixture
def asked(world: World, request: pytest.FixtureRequest) -> Asked:
    """Ask for the image on us-1; a parameter breaks its last layer first."""
    world.sandbox.harbor.state.set_blob(world.layer, getattr(request, "param", "ok"))
    return Asked(world, world.ask())


@dataclass
class Instance:
    """The part of Airflow's task instance that our operators read."""

    dag_id: str = RUN.dag_id
    run_id: str = RUN.run_id
    task_id: str = RUN.task_id
    map_index: int | None = RUN.map_index
    try_number: int = 1
    states: dict[str, str] = field(default_factory=lambda: {"plan": "success"})

    def get_task_states(self, **_: Any) -> dict[str, dict[str, str]]:
        """Tell how the tasks of the run ended, as the execution API does."""
        return {self.run_id: self.states} if self.states else {}


@pytest.fixture
def context() -> dict[str, Any]:
    """Give what a task is told about itself."""
    return {"ti": Instance()}
