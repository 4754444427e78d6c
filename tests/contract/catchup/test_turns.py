"""Which way of catching up is due, and when the next one is."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from preheat.catchup import CatchUp, Wanted, Way
from preheat.errors import RemoteUnavailableError
from preheat.sandbox.harbor import ImageSpec, Permission, push_image

if TYPE_CHECKING:
    from collections.abc import Callable

    from preheat.harbor.client import HarborClient
    from preheat.ledger import Ledger
    from preheat.sandbox import HarborServer
    from preheat.sandbox.harbor import HarborState

HOUR = 3600.0


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """Tell the time."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """Give a clock that stands."""
    return Clock()


def everything(_: str) -> bool:
    """Accept any project."""
    return True


def told(ledger: Ledger, registry: str) -> list[str]:
    """Read the tags of what the inbox has."""
    return [one.event.tag for one in ledger.inbox.recent(registry=registry)]


def turns(
    catching: CatchUp, client: HarborClient, ledger: Ledger, clock: Clock, count: int
) -> list[float]:
    """Take turns, each when it is due; tells the pauses."""
    pauses = []
    for _ in range(count):
        pauses.append(catching.turn(client, ledger))
        clock.now += pauses[-1]
    return pauses


def test_the_log_is_read_soon_after_something_was_found(
    harbor: HarborState, robot: HarborClient, ledger: Ledger, registry: str, clock: Clock
) -> None:
    """Else less and less often, and at least once a minute."""
    push_image(harbor, "web/app", ImageSpec("a"), tags=["1"])
    catching = CatchUp(registry, Wanted((everything,)), clock)
    pauses = turns(catching, robot, ledger, clock, 9)
    assert catching.way is Way.FEED
    assert (pauses[0], pauses[1], pauses[-1]) == (5.0, 7.5, 60.0)
    push_image(harbor, "web/app", ImageSpec("b"), tags=["2"])
    assert turns(catching, robot, ledger, clock, 2) == [5.0, 7.5]
    assert told(ledger, registry) == ["2"]


def test_what_is_lost_by_the_log_is_found_by_the_hourly_sweep(
    harbor: HarborState, robot: HarborClient, ledger: Ledger, registry: str, clock: Clock
) -> None:
    """As when Harbor does not write into it any more."""
    push_image(harbor, "web/app", ImageSpec("a"), tags=["1"])
    catching = CatchUp(registry, Wanted((everything,)), clock)
    turns(catching, robot, ledger, clock, 1)
    harbor.audit.enabled = False
    push_image(harbor, "web/app", ImageSpec("b"), tags=["2"])
    before = clock.now
    while not told(ledger, registry):
        turns(catching, robot, ledger, clock, 1)
    assert HOUR - 120 <= clock.now - before <= HOUR + 60


def test_without_the_log_new_artifacts_and_frequent_sweeps_do(
    harbor: HarborState, lister: HarborClient, ledger: Ledger, registry: str, clock: Clock
) -> None:
    """Pushes within a minute, tags that moved within five."""
    image = push_image(harbor, "web/app", ImageSpec("a"), tags=["1"])
    catching = CatchUp(registry, Wanted((everything,)), clock)
    assert turns(catching, lister, ledger, clock, 1) == [5.0]
    assert catching.way is Way.ADDITIONS
    push_image(harbor, "web/app", ImageSpec("b"), tags=["2"])
    turns(catching, lister, ledger, clock, 1)
    assert told(ledger, registry) == ["2"]
    harbor.tag(image, "stable")
    before = clock.now
    while "stable" not in told(ledger, registry):
        turns(catching, lister, ledger, clock, 1)
    assert clock.now - before <= 360


def test_an_old_harbor_is_only_swept(
    harbor: HarborState, lister: HarborClient, ledger: Ledger, registry: str, clock: Clock
) -> None:
    """Before 2.12 nothing lists a project as a whole."""
    harbor.settings.version = "2.11.0"
    catching = CatchUp(registry, Wanted((everything,)), clock)
    assert turns(catching, lister, ledger, clock, 2) == [300.0, 300.0]
    assert catching.way is Way.NONE


@pytest.mark.parametrize("wanted", [{"labels": True}, {"signatures": True}])
def test_what_only_sweeps_tell_makes_them_frequent(
    wanted: dict[str, bool],
    harbor: HarborState,
    robot: HarborClient,
    ledger: Ledger,
    registry: str,
    clock: Clock,
) -> None:
    """Beside the log."""
    gold = harbor.add_label("gold")
    image = push_image(harbor, "web/app", ImageSpec("a"), tags=["1"])
    catching = CatchUp(registry, Wanted((everything,), **wanted), clock)
    turns(catching, robot, ledger, clock, 1)
    harbor.label(image, gold)
    before = clock.now
    while not ledger.inbox.recent(registry=registry):
        turns(catching, robot, ledger, clock, 1)
    assert clock.now - before <= 360


def test_what_was_swept_lately_is_not_swept_again(
    harbor: HarborState, robot: HarborClient, ledger: Ledger, registry: str, clock: Clock
) -> None:
    """Watchers start anew now and then; the rest of the pause is waited for, and no more."""
    push_image(harbor, "web/app", ImageSpec("a"), tags=["1"])
    turns(CatchUp(registry, Wanted((everything,)), clock), robot, ledger, clock, 1)
    robot.counts.clear()
    turns(CatchUp(registry, Wanted((everything,)), clock), robot, ledger, clock, 1)
    assert robot.counts["listing"] == 0
    name = f"sweep:{registry}"
    then = datetime.fromisoformat(ledger.inbox.cursor(name)) - timedelta(hours=2)
    ledger.inbox.save_cursor(name, then.isoformat())
    turns(CatchUp(registry, Wanted((everything,)), clock), robot, ledger, clock, 1)
    assert robot.counts["listing"] == 3


def test_between_two_ways_nothing_falls(
    harbor: HarborState, robot: HarborClient, ledger: Ledger, registry: str, clock: Clock
) -> None:
    """The log begins at the moment at which it is first relied on; a sweep finds what was before.

    Until a push is seen in it, nobody knows whether Harbor writes it.
    """
    catching = CatchUp(registry, Wanted((everything,)), clock)
    turns(catching, robot, ledger, clock, 2)
    assert catching.way is Way.ADDITIONS
    push_image(harbor, "web/app", ImageSpec("a"), tags=["1"])
    clock.now += 700
    turns(catching, robot, ledger, clock, 1)
    assert catching.way is Way.FEED
    assert told(ledger, registry) == ["1"]


def test_one_way_that_fails_stops_no_other(
    server: HarborServer,
    harbor: HarborState,
    robot: HarborClient,
    ledger: Ledger,
    registry: str,
    clock: Clock,
) -> None:
    """It is raised, and due again at once; how long to wait is the caller's to say."""
    push_image(harbor, "web/app", ImageSpec("a"), tags=["1"])
    catching = CatchUp(registry, Wanted((everything,)), clock)
    server.faults.add(match={"path": "/api/v2.0/auditlog-exts"}, skip=1, times=4, status=503)
    turns(catching, robot, ledger, clock, 1)
    push_image(harbor, "web/app", ImageSpec("b"), tags=["2"])
    clock.now += HOUR
    with pytest.raises(RemoteUnavailableError):
        catching.turn(robot, ledger)
    clock.now += 1
    with pytest.raises(RemoteUnavailableError):
        catching.turn(robot, ledger)
    assert told(ledger, registry) == ["2"]
    assert catching.turn(robot, ledger) == 7.5


def test_a_sweep_that_fails_does_not_take_up_every_turn(
    server: HarborServer,
    harbor: HarborState,
    robot: HarborClient,
    ledger: Ledger,
    registry: str,
    clock: Clock,
) -> None:
    """It is tried again after five minutes; the log is read at its own pace meanwhile."""
    harbor.add_project("young")
    push_image(harbor, "web/app", ImageSpec("a"), tags=["1"])
    catching = CatchUp(registry, Wanted((everything,)), clock)
    turns(catching, robot, ledger, clock, 1)
    clock.now += HOUR
    server.faults.add(match={"path": "/api/v2.0/projects/ml/artifacts"}, status=500, times=None)
    with pytest.raises(RemoteUnavailableError):
        catching.turn(robot, ledger)
    failed_at = clock.now
    clock.now += 10
    push_image(harbor, "web/app", ImageSpec("b"), tags=["2"])
    robot.counts.clear()
    assert turns(catching, robot, ledger, clock, 2) == [5.0, 7.5]
    assert told(ledger, registry) == ["2"]
    assert robot.counts["listing"] == 0
    with pytest.raises(RemoteUnavailableError):
        turns(catching, robot, ledger, clock, 100)
    assert 300 <= clock.now - failed_at < 360


def test_a_warning_is_given_once(
    harbor: HarborState,
    ask_as: Callable[[str], HarborClient],
    ledger: Ledger,
    registry: str,
    clock: Clock,
) -> None:
    """Not every five minutes for as long as nobody mends it."""
    rights = [Permission.project("web"), Permission.project("ml", {"project:read"})]
    harbor.accounts.add_robot("robot$half", "made-up-secret", rights)
    half = ask_as("robot$half")
    catching = CatchUp(registry, Wanted((everything,)), clock)
    turns(catching, half, ledger, clock, 3)
    (warning,) = catching.take_warnings()
    assert "artifact:list" in warning
    clock.now += HOUR
    turns(catching, half, ledger, clock, 1)
    assert catching.take_warnings() == []
