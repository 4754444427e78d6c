"""What pages show while a job is under way: the peers' own word, asked seldom and for all."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from preheat.verdict import Verdict
from preheat.web.pages.looking import Look, PeerLooks

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.adapters.conftest import Asked

APART = 0.1  # ten seconds of the manager's clock


class Clock:
    """A clock that goes when it is told to."""

    now = 1000.0

    def __call__(self) -> float:
        """Tell the time."""
        return self.now


def looker(asked: Asked, clock: Callable[[], float]) -> Callable[[], Look | None]:
    """Watch the placement that is being asked for."""
    looks = PeerLooks(clock)
    ledger = asked.world.ledger
    placement, image = ledger.placement_and_image(asked.attempt.placement_id)
    assert image is not None
    return lambda: looks.latest(ledger, placement, image)


def wait_for(found: Callable[[], Look | None], other_than: Look | None = None) -> Look:
    """Watch until somebody has looked."""
    end = time.monotonic() + 30
    while (look := found()) is None or look is other_than:
        assert time.monotonic() < end, "nobody has looked"
        threading.Event().wait(0.02)
    return look


def test_nobody_waits_for_a_look(asked: Asked) -> None:
    """What is known is given at once; the first time that is nothing."""
    assert looker(asked, Clock())() is None


def test_all_who_watch_share_a_look(asked: Asked) -> None:
    """Before its time nobody looks again, however many watch; then somebody does."""
    clock = Clock()
    watch = looker(asked, clock)
    first = wait_for(watch)
    clock.now += APART / 2
    assert all(watch() is first for _ in range(20))
    clock.now += APART
    assert wait_for(watch, first).seen_at > first.seen_at


def test_a_look_counts_layers(asked: Asked) -> None:
    """In the end it tells what the job's own report tells."""
    clock = Clock()
    watch = looker(asked, clock)
    look = wait_for(watch)
    for _ in range(200):
        if look.finding is not None and look.finding.verdict is Verdict.WARM:
            break
        clock.now += APART * 2
        look = wait_for(watch, look)
    assert look.finding is not None
    assert (look.finding.layers_warm, look.finding.layers_expected) == (3, 3)
    assert look.words == ""


def test_who_cannot_ask_says_so(asked: Asked) -> None:
    """No connection, no figures: words."""
    asked.world.environment.delenv("AIRFLOW_CONN_DRAGONFLY_DEFAULT")
    look = wait_for(looker(asked, Clock()))
    assert look.finding is None
    assert look.words


def test_a_manager_that_is_away_is_told_of(asked: Asked) -> None:
    """What it said goes to the page, and no error."""
    asked.world.connect("dragonfly_default", "http://127.0.0.1:9", "none")
    look = wait_for(looker(asked, Clock()))
    assert look.finding is None
    assert "Dragonfly" in look.words
