"""The trigger follows one job to a verdict, and survives what may happen to it."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Event
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk.module_loading import import_string
from airflow.triggers.base import TaskSuccessEvent, TriggerEvent

from preheat.asking import ask
from preheat.errors import LedgerError
from preheat.ledger import Ledger, RunRef
from preheat.placement import PlacementKey, Scope, TrackSettings
from preheat.plan import Plan, PlannedPlacement
from preheat.provider import config
from preheat.provider.hooks.dragonfly import DragonflyHook
from preheat.provider.hooks.harbor import HarborHook
from preheat.provider.triggers.dragonfly import DragonflyPreheatTrigger
from preheat.sandbox import serve
from preheat.sandbox.harbor import ImageSpec, push_image
from preheat.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from preheat.ledger import Attempt
    from preheat.sandbox import Sandbox

CLOCK_FACTOR = 0.01
RUN = RunRef("preheat__test", "manual__1", "us-1.track", 0, 1)


@pytest.fixture(scope="module")
def served() -> Iterator[Sandbox]:
    """Serve the stand-ins once, with one image of three blobs."""
    with serve(catalogue="demo", clock_factor=CLOCK_FACTOR) as sandbox:
        yield sandbox


@dataclass
class Asked:
    """A placement that was asked for, and the trigger that follows it."""

    sandbox: Sandbox
    ledger: Ledger
    attempt: Attempt
    digest: str
    layer: str

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
        return self.ledger.attempt(self.attempt.id)


@pytest.fixture
def asked(
    tmp_path: Path,
    served: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> Iterator[Asked]:
    """Push an image, plan it for us-1 and ask for it; a parameter breaks its last layer."""
    monkeypatch.setenv("AIRFLOW__PREHEAT__LEDGER_URL", f"sqlite:///{tmp_path}/preheat.db")
    connect(monkeypatch, "harbor_default", served.harbor_url, served.robot_secret, "robot$preheat")
    connect(monkeypatch, "dragonfly_default", served.dragonfly_url, served.token)
    pushed = push_image(
        served.harbor.state,
        "library/followed",
        ImageSpec(tmp_path.name, layers=((tmp_path.name, 800), (f"{tmp_path.name} b", 600))),
        tags=["1"],
    )
    layer = pushed.recipe.layers[-1].digest
    served.harbor.state.set_blob(layer, getattr(request, "param", "ok"))
    ledger = config.open_ledger()
    attempt = start(served, ledger, pushed.digest)
    yield Asked(served, ledger, attempt, pushed.digest, layer)
    served.dragonfly.faults.clear()
    ledger.close()
    config._opened.clear()


def connect(
    monkeypatch: pytest.MonkeyPatch, conn_id: str, url: str, secret: str, login: str = ""
) -> None:
    """Name a connection in the environment."""
    fields = {
        "conn_type": conn_id.partition("_")[0],
        "host": url,
        "login": login,
        "password": secret,
        "extra": json.dumps({"clock_factor": CLOCK_FACTOR}),
    }
    monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(fields))


def start(served: Sandbox, ledger: Ledger, digest: str) -> Attempt:
    """Plan one placement and ask for it."""
    key = PlacementKey(
        cluster="us-1",
        pull_endpoint=served.harbor_url,
        repository="library/followed",
        digest=digest,
        platform="linux/amd64",
        scope=Scope.SINGLE_SEED_PEER,
    )
    settings = TrackSettings("dragonfly", "dragonfly_default", 2, "harbor_default")
    planned = PlannedPlacement(key, settings, "library/followed:1 linux/amd64")
    plan = Plan("test", datetime.now(UTC), (), (planned,))
    placement = ledger.placement(ledger.record_plan(plan, RUN).items[0].placement_id)
    harbor = HarborHook().client()
    ledger.record_image(harbor.resolve(key.repository, key.digest, key.platform))
    return ask(
        ledger,
        DragonflyHook().driver(),
        placement,
        owner="test",
        run=RUN,
        authorize=lambda: harbor.pull_authorization([key.repository]),
        wait=lambda seconds: Event().wait(seconds) and None,
    )


async def only_event(trigger: DragonflyPreheatTrigger) -> TriggerEvent:
    """Run a trigger to its event; there must be exactly one."""
    events = [event async for event in trigger.run()]
    assert len(events) == 1
    return events[0]


def test_is_rebuilt_from_what_it_serializes(asked: Asked) -> None:
    """It crosses the metadata database as JSON, and the class path follows the class."""
    path, arguments = asked.trigger().serialize()

    rebuilt = import_string(path)(**json.loads(json.dumps(arguments)))

    assert rebuilt.serialize() == (path, arguments)


def test_warm_ends_the_task_in_the_triggerer(asked: Asked) -> None:
    """No worker is needed for good news, and the ledger has them first."""
    event = asyncio.run(only_event(asked.trigger()))

    assert isinstance(event, TaskSuccessEvent)
    assert asked.stored().verdict is Verdict.WARM
    assert not asked.stored().is_open


@pytest.mark.parametrize("asked", ["missing"], indirect=True)
def test_partial_goes_back_to_a_worker_with_the_reason(asked: Asked) -> None:
    """Only a worker consults the retry policy; the registry's words name the reason.

    dragonfly: recorded run-6mib-one-blob-missing-single-seed (SUCCESS, and no failure entry).
    """
    event = asyncio.run(only_event(asked.trigger()))

    assert not isinstance(event, TaskSuccessEvent)
    assert event.payload == {"attempt": asked.attempt.id, "verdict": "PARTIAL"}
    (missing,) = asked.stored().missing
    assert missing.digest == asked.layer
    assert "the registry answers 404" in missing.words


@pytest.mark.parametrize("asked", ["missing"], indirect=True)
def test_partial_is_well_where_the_policy_accepts_it(asked: Asked) -> None:
    """``onPartial: accept`` ends the task, and the ledger still says PARTIAL."""
    event = asyncio.run(only_event(asked.trigger(accept_partial=True)))

    assert isinstance(event, TaskSuccessEvent)
    assert asked.stored().verdict is Verdict.PARTIAL


def test_a_closed_attempt_asks_nobody(asked: Asked) -> None:
    """Another triggerer was first: its verdict stands, and the manager is left alone."""
    asyncio.run(only_event(asked.trigger()))
    closed_at = asked.stored().closed_at
    asked.sandbox.dragonfly.faults.add(match={"path": "/oapi/.*"}, times=None, status=500, body="")

    event = asyncio.run(only_event(asked.trigger()))

    assert isinstance(event, TaskSuccessEvent)
    assert asked.stored().closed_at == closed_at


def test_two_triggerers_close_once(asked: Asked) -> None:
    """Airflow may run one trigger twice for a while; both tell the same."""

    async def both() -> list[TriggerEvent]:
        return await asyncio.gather(*(only_event(asked.trigger()) for _ in range(2)))

    assert all(isinstance(event, TaskSuccessEvent) for event in asyncio.run(both()))
    assert len(asked.ledger.attempts(asked.attempt.placement_id)) == 1


def test_a_manager_that_is_away_is_waited_for(asked: Asked) -> None:
    """An outage delays the verdict and loses nothing."""
    asked.sandbox.dragonfly.faults.add(match={"path": "/oapi/.*"}, times=3, status=503, body="away")

    assert isinstance(asyncio.run(only_event(asked.trigger())), TaskSuccessEvent)


def test_a_manager_without_its_database_is_waited_for(asked: Asked) -> None:
    """A token that worked is answered 401 then (dragonfly: recorded db-down-list)."""
    asked.sandbox.dragonfly.faults.add(
        match={"path": "/oapi/.*"}, times=2, status=401, body='{"message":"Unauthorized"}'
    )

    assert isinstance(asyncio.run(only_event(asked.trigger())), TaskSuccessEvent)


def test_a_manager_that_stays_away_ends_the_wait(asked: Asked) -> None:
    """Past the deadline a worker decides; the attempt stays open, so the next try joins it."""
    event = asyncio.run(only_event(asked.trigger(deadline=time.time() - 1)))

    assert event.payload == {"attempt": asked.attempt.id, "verdict": "UNKNOWN"}
    assert asked.stored().is_open


def test_a_job_that_stays_pending_is_proved_by_asking_the_peers(asked: Asked) -> None:
    """A restarted manager looks at no job again (dragonfly: recorded manager-restart-*)."""
    asked.sandbox.dragonfly.restart()
    asked.sandbox.dragonfly.state.advance(4000)

    event = asyncio.run(only_event(asked.trigger()))

    assert isinstance(event, TaskSuccessEvent)
    assert "pending past the manager's last look" in (asked.stored().finding or Verdict).words


def test_a_bug_is_not_swallowed(asked: Asked) -> None:
    """Airflow fails the task with the traceback, which is what we want."""
    with pytest.raises(LedgerError):
        asyncio.run(only_event(asked.trigger(attempt=4711)))
