"""The watcher: it nudges, catches up beside it, swallows no error, and goes when it is told to."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk.module_loading import import_string

from preheat.catchup import CatchUp
from preheat.event import EventKind, EventSource, HarborEvent
from preheat.ledger.inbox import Inbox
from preheat.provider.triggers.events import HarborEventsTrigger

if TYPE_CHECKING:
    from collections.abc import Callable

SECONDS = 20.0


def trigger(**changes: Any) -> HarborEventsTrigger:
    """Make the watcher of the sandbox's Harbor."""
    arguments = {"registry": "harbor_default", "projects": [["glob", "library"]], **changes}
    return HarborEventsTrigger(**arguments)


async def until(happened: Callable[[], bool]) -> None:
    """Wait for something; the test's own time-out ends it."""
    for _ in range(200):
        if happened():
            return
        await asyncio.sleep(0.1)


def told(number: int) -> HarborEvent:
    """Make a push."""
    return HarborEvent(
        "harbor_default",
        f"ce:{number}",
        EventSource.WEBHOOK,
        EventKind.PUSHED,
        f"library/app-{number}",
        tag="1",
    )


def test_it_is_rebuilt_from_what_it_says_of_itself() -> None:
    """Airflow keeps it as JSON, and starts it anew when that changes."""
    path, arguments = trigger(labels=True).serialize()
    again = import_string(path)(**json.loads(json.dumps(arguments)))
    assert again.serialize() == (path, arguments)


def test_a_waiting_event_is_told_at_once(world: Any) -> None:
    """And the next one too, though nobody took up the first."""

    async def first_two() -> list[Any]:
        events = trigger().run()
        world.ledger.inbox.receive([told(1)])
        heard = [await asyncio.wait_for(anext(events), SECONDS)]
        world.ledger.inbox.receive([told(2)])
        heard.append(await asyncio.wait_for(anext(events), SECONDS))
        await events.aclose()
        return [event.payload for event in heard]

    assert asyncio.run(first_two()) == [
        {"registry": "harbor_default", "waiting": 1},
        {"registry": "harbor_default", "waiting": 2},
    ]


def test_it_catches_up_while_it_watches(world: Any) -> None:
    """The first turn only begins; a sweep's first sight is no news."""

    async def watch() -> None:
        events = trigger().run()
        waiting = asyncio.ensure_future(anext(events))
        await until(lambda: bool(world.ledger.inbox.glimpses("harbor_default")))
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await events.aclose()

    asyncio.run(asyncio.wait_for(watch(), SECONDS))
    assert world.ledger.inbox.recent() == []


def test_a_cancel_does_not_wait_for_a_look_at_harbor(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loop belongs to all triggers of the process."""
    del world
    monkeypatch.setattr(CatchUp, "turn", _slow(3.0))

    async def cancelled() -> float:
        events = trigger().run()
        waiting = asyncio.ensure_future(anext(events))
        await asyncio.sleep(1.0)
        began = time.monotonic()
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        return time.monotonic() - began

    assert asyncio.run(cancelled()) < 1.0


def _slow(seconds: float) -> Callable[..., float]:
    def turn(*_: Any) -> float:
        time.sleep(seconds)
        return seconds

    return turn


@pytest.mark.parametrize("broken", [CatchUp, Inbox])
def test_an_error_is_told_and_watching_goes_on(
    world: Any,
    monkeypatch: pytest.MonkeyPatch,
    broken: type,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Whatever it is: a watcher that ended would be missed by nobody."""
    name = "turn" if broken is CatchUp else "due"
    whole = getattr(broken, name)
    calls: list[int] = []

    def once(*arguments: Any) -> Any:
        calls.append(1)
        if len(calls) == 1:
            raise KeyError("a bug")
        return whole(*arguments)

    monkeypatch.setattr(broken, name, once)
    monkeypatch.setattr("preheat.provider.triggers.events._LOOKS_PAUSE_SECONDS", 0.1)
    monkeypatch.setattr("preheat.provider.triggers.events._HARBOR_PAUSE_SECONDS", 0.1)
    world.ledger.inbox.receive([told(1)])

    async def watch() -> None:
        events = trigger().run()
        await asyncio.wait_for(anext(events), SECONDS)
        await until(lambda: len(calls) > 1)
        await events.aclose()

    asyncio.run(asyncio.wait_for(watch(), SECONDS))
    captured = capfd.readouterr()
    assert "a bug" in caplog.text + captured.out + captured.err
