"""Catching up by the audit log: nothing missed, nothing twice, history left alone."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from preheat.catchup import Caught, catch_up
from preheat.errors import RemoteUnavailableError
from preheat.event import EventKind
from preheat.sandbox.harbor import ImageSpec, push_image

if TYPE_CHECKING:
    from preheat.harbor.client import HarborClient
    from preheat.ledger import Ledger
    from preheat.sandbox import HarborServer
    from preheat.sandbox.harbor import HarborState

FEED = "/api/v2.0/auditlog-exts"


def tags(ledger: Ledger, registry: str) -> list[str]:
    """Read the tags of what the inbox has, in the order of its coming."""
    found = ledger.inbox.recent(registry=registry, limit=100_000)
    return [one.event.tag for one in found]


def begin(client: HarborClient, ledger: Ledger, registry: str) -> None:
    """Look for the first time, which tells nothing."""
    assert catch_up(client, ledger, registry) == Caught()


def set_back(ledger: Ledger, registry: str, by: timedelta) -> None:
    """Make the cursor as old as if we had begun, and looked last, so long ago."""
    name = f"audit:{registry}"
    moments = [datetime.fromisoformat(moment) - by for moment in ledger.inbox.cursor(name)]
    ledger.inbox.save_cursor(name, [moment.isoformat() for moment in moments])


def test_history_is_no_news_and_each_push_is(
    harbor: HarborState, robot: HarborClient, ledger: Ledger, registry: str
) -> None:
    """What was pushed a moment before the first look is history; the next push is told once."""
    push_image(harbor, "web/app", ImageSpec("old"), tags=["old"])
    begin(robot, ledger, registry)
    assert catch_up(robot, ledger, registry) == Caught()
    image = push_image(harbor, "ml/llm", ImageSpec("new"), tags=["new"])
    assert catch_up(robot, ledger, registry) == Caught(new=1)
    assert catch_up(robot, ledger, registry) == Caught(repeated=1)
    (stored,) = ledger.inbox.recent(registry=registry)
    event = stored.event
    assert (event.kind, event.repository, event.digest) == (
        EventKind.PUSHED,
        "ml/llm",
        image.digest,
    )


def test_a_multi_arch_push_is_told_with_its_children(
    harbor: HarborState, robot: HarborClient, ledger: Ledger, registry: str
) -> None:
    """Two children and the index (recorded: webhook-push-index); who plans takes them together."""
    begin(robot, ledger, registry)
    both = ("linux/amd64", "linux/arm64")
    push_image(harbor, "web/multi", ImageSpec("m", platforms=both), tags=["1"])
    assert catch_up(robot, ledger, registry).new == 3
    assert sorted(tags(ledger, registry)) == ["", "", "1"]


def test_a_quiet_look_costs_two_requests(
    harbor: HarborState, robot: HarborClient, ledger: Ledger, registry: str
) -> None:
    """What time it is, and what happened; the cursor moves on while nothing does."""
    begin(robot, ledger, registry)
    before = ledger.inbox.cursor(f"audit:{registry}")
    robot.counts.clear()
    catch_up(robot, ledger, registry)
    assert robot.counts == {"system": 1, "audit": 1}
    assert ledger.inbox.cursor(f"audit:{registry}")[0] > before[0]


def test_a_week_of_silence_is_read_page_by_page(
    harbor: HarborState, robot: HarborClient, ledger: Ledger, registry: str
) -> None:
    """All that happened meanwhile, each thing once, and then nothing more."""
    begin(robot, ledger, registry)
    set_back(ledger, registry, timedelta(days=8))
    now = robot.now()
    assert now is not None
    recipe = push_image(harbor, "web/app", ImageSpec("a")).recipe
    for number in range(1500):
        at = now - timedelta(days=7) + timedelta(minutes=5 * number)
        harbor.push("web/app", recipe, tags=[f"t{number}"], at=at)
    assert catch_up(robot, ledger, registry) == Caught(new=1501)
    assert robot.counts["audit"] == 16
    assert len(set(tags(ledger, registry))) == 1501
    assert catch_up(robot, ledger, registry).new == 0


def test_a_crash_on_the_way_loses_nothing(
    server: HarborServer, robot: HarborClient, ledger: Ledger, registry: str
) -> None:
    """What was read by then stays, the rest comes with the next look, and nothing twice."""
    begin(robot, ledger, registry)
    recipe = push_image(server.state, "web/app", ImageSpec("a")).recipe
    for number in range(250):
        server.state.push("web/app", recipe, tags=[f"t{number}"])
    server.faults.add(match={"path": FEED}, skip=2, status=503, body="busy")
    with pytest.raises(RemoteUnavailableError):
        catch_up(robot, ledger, registry)
    assert len(tags(ledger, registry)) == 200
    assert catch_up(robot, ledger, registry) == Caught(new=51, repeated=200)
    assert sorted(tags(ledger, registry)) == sorted(["", *(f"t{n}" for n in range(250))])


def test_a_row_that_comes_late_is_found(
    harbor: HarborState, robot: HarborClient, ledger: Ledger, registry: str
) -> None:
    """Ids are handed out before rows are seen: one appears behind what was read already."""
    begin(robot, ledger, registry)
    harbor.audit.hold(1, 0.5)
    push_image(harbor, "web/app", ImageSpec("late"), tags=["late"])
    push_image(harbor, "web/app", ImageSpec("soon"), tags=["soon"])
    assert catch_up(robot, ledger, registry).new == 1
    assert tags(ledger, registry) == ["soon"]
    while catch_up(robot, ledger, registry).new == 0:
        pass
    assert tags(ledger, registry) == ["soon", "late"]


def test_a_clock_that_was_set_back_does_not_make_us_deaf(
    harbor: HarborState, robot: HarborClient, ledger: Ledger, registry: str
) -> None:
    """What Harbor dated by a wrong clock must not keep us from what it dates by a right one."""
    begin(robot, ledger, registry)
    reached, begun = ledger.inbox.cursor(f"audit:{registry}")
    wrong = datetime.fromisoformat(reached) + timedelta(hours=3)
    ledger.inbox.save_cursor(f"audit:{registry}", [wrong.isoformat(), begun])
    push_image(harbor, "web/app", ImageSpec("a"), tags=["1"])
    assert catch_up(robot, ledger, registry).new == 1
    push_image(harbor, "web/app", ImageSpec("b"), tags=["2"])
    assert catch_up(robot, ledger, registry).new == 1
    assert tags(ledger, registry) == ["1", "2"]


def test_deletions_and_tags_of_the_portal_are_told(
    harbor: HarborState, robot: HarborClient, ledger: Ledger, registry: str
) -> None:
    """No webhook tells of such a tag; a tag that was deleted is only counted."""
    image = push_image(harbor, "web/app", ImageSpec("a"), tags=["1"])
    begin(robot, ledger, registry)
    harbor.tag(image, "stable")
    harbor.untag(image, "stable")
    harbor.delete(image)
    assert catch_up(robot, ledger, registry).new == 2
    found = [one.event for one in ledger.inbox.recent(registry=registry)]
    assert {(event.kind, event.tag, event.digest) for event in found} == {
        (EventKind.TAG_ADDED, "stable", ""),
        (EventKind.DELETED, "", image.digest),
    }
    assert [one.type for one in ledger.inbox.ignored(registry)] == ["delete_tag"]


def test_what_a_robot_may_not_see_is_nothing(
    harbor: HarborState, lister: HarborClient, ledger: Ledger, registry: str
) -> None:
    """Harbor answers it 200 and no rows (recorded: auditlog-ext-project-robot)."""
    begin(lister, ledger, registry)
    push_image(harbor, "web/app", tags=["1"])
    assert catch_up(lister, ledger, registry) == Caught()
