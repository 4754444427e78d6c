"""Catching up by new artifacts, where there is no audit log."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from preheat.catchup import Caught, new_artifacts
from preheat.errors import RemoteUnavailableError
from preheat.event import EventKind, EventSource
from preheat.sandbox.harbor import ImageSpec, Permission, push_image

if TYPE_CHECKING:
    from collections.abc import Callable

    from preheat.harbor.client import HarborClient
    from preheat.ledger import Ledger
    from preheat.sandbox import HarborServer
    from preheat.sandbox.harbor import HarborState


def everything(_: str) -> bool:
    """Accept any project."""
    return True


def look(client: HarborClient, ledger: Ledger) -> Caught:
    """Look at all projects."""
    return new_artifacts(client, ledger, client.registry, [everything])


def pushes(ledger: Ledger, registry: str) -> list[tuple[str, str]]:
    """Read repository and tag of what the inbox has."""
    found = [one.event for one in ledger.inbox.recent(registry=registry, limit=10_000)]
    assert all(
        (event.kind, event.source) == (EventKind.PUSHED, EventSource.SWEEP) for event in found
    )
    return [(event.repository, event.tag) for event in found]


def test_what_was_there_is_no_news_and_what_comes_is(
    harbor: HarborState, lister: HarborClient, ledger: Ledger, registry: str
) -> None:
    """Though we look back over the newest ids, nothing that we began with is told."""
    for number in range(20):
        push_image(harbor, "web/app", ImageSpec(f"old {number}"), tags=[f"old{number}"])
    assert look(lister, ledger) == Caught()
    assert look(lister, ledger) == Caught()
    push_image(harbor, "ml/llm", ImageSpec("new"), tags=["1", "latest"])
    push_image(harbor, "web/app", ImageSpec("bare"))
    assert look(lister, ledger) == Caught(new=2)
    assert look(lister, ledger) == Caught(repeated=2)
    assert sorted(pushes(ledger, registry)) == [("ml/llm", "1"), ("ml/llm", "latest")]


def test_a_quiet_look_costs_a_request_for_each_project(
    harbor: HarborState, lister: HarborClient, ledger: Ledger, registry: str
) -> None:
    """And what time it is, and which projects there are."""
    look(lister, ledger)
    lister.counts.clear()
    look(lister, ledger)
    assert lister.counts == {"system": 1, "listing": 1 + 2}


def test_hundreds_of_pushes_are_read_page_by_page(
    harbor: HarborState, lister: HarborClient, ledger: Ledger, registry: str
) -> None:
    """Each once."""
    look(lister, ledger)
    for number in range(230):
        push_image(harbor, "web/app", ImageSpec(f"{number}"), tags=[f"t{number}"])
    assert look(lister, ledger) == Caught(new=230)
    assert look(lister, ledger).new == 0
    assert len(set(pushes(ledger, registry))) == 230


def test_a_tag_that_follows_its_artifact_is_told(
    harbor: HarborState, lister: HarborClient, ledger: Ledger, registry: str
) -> None:
    """In proxy-cache projects the tag comes after the push by digest."""
    look(lister, ledger)
    image = push_image(harbor, "web/app", ImageSpec("a"))
    assert look(lister, ledger) == Caught()
    harbor.tag(image, "1")
    assert look(lister, ledger) == Caught(new=1)


def test_a_project_that_comes_later_tells_what_is_new_in_it(
    harbor: HarborState, lister: HarborClient, ledger: Ledger, registry: str
) -> None:
    """Not what it held before, but what was pushed since this Harbor was looked at last."""
    look(lister, ledger)
    harbor.add_project("late")
    now = lister.now()
    assert now is not None
    push_image(harbor, "late/app", ImageSpec("o"), tags=["old"], at=now - timedelta(days=3))
    push_image(harbor, "late/app", ImageSpec("n"), tags=["new"])
    assert look(lister, ledger) == Caught(new=1)
    assert pushes(ledger, registry) == [("late/app", "new")]
    push_image(harbor, "late/app", ImageSpec("m"), tags=["more"])
    assert look(lister, ledger) == Caught(new=1, repeated=1)


def test_after_a_long_time_we_begin_anew(
    harbor: HarborState, lister: HarborClient, ledger: Ledger, registry: str
) -> None:
    """A sweep is due by then, and tells what was pushed."""
    look(lister, ledger)
    name = f"added:{registry}"
    moved = datetime.fromisoformat(ledger.inbox.cursor(name)) - timedelta(hours=2)
    ledger.inbox.save_cursor(name, moved.isoformat())
    push_image(harbor, "web/app", ImageSpec("a"), tags=["1"])
    assert look(lister, ledger) == Caught()
    push_image(harbor, "web/app", ImageSpec("b"), tags=["2"])
    assert look(lister, ledger) == Caught(new=1)
    assert pushes(ledger, registry) == [("web/app", "2")]


def test_a_refused_project_stops_no_other(
    harbor: HarborState,
    ask_as: Callable[[str], HarborClient],
    ledger: Ledger,
    registry: str,
) -> None:
    """It is told with what is missing."""
    rights = [Permission.project("web"), Permission.project("ml", {"project:read"})]
    harbor.accounts.add_robot("robot$half", "made-up-secret", rights)
    half = ask_as("robot$half")
    assert len(look(half, ledger).warnings) == 1
    push_image(harbor, "web/app", ImageSpec("a"), tags=["1"])
    caught = look(half, ledger)
    assert caught.new == 1
    assert "artifact:list" in caught.warnings[0]


def test_one_project_s_trouble_keeps_nobody_from_the_younger_ones(
    server: HarborServer, harbor: HarborState, lister: HarborClient, ledger: Ledger, registry: str
) -> None:
    """It is raised in the end, and what was pushed there is told when it is over."""
    harbor.add_project("young")
    look(lister, ledger)
    for project in ("web", "ml", "young"):
        push_image(harbor, f"{project}/app", ImageSpec(project), tags=["1"])
    server.faults.add(match={"path": "/api/v2.0/projects/ml/artifacts"}, status=500, times=None)
    with pytest.raises(RemoteUnavailableError):
        look(lister, ledger)
    assert sorted(pushes(ledger, registry)) == [("web/app", "1"), ("young/app", "1")]
    server.faults.clear()
    assert look(lister, ledger).new == 1
    assert ("ml/app", "1") in pushes(ledger, registry)
