"""Catching up by sweeps: what nothing else tells, and all that was lost."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from preheat.catchup import Caught, sweep
from preheat.catchup.sweep import last_sweep
from preheat.errors import RemoteUnavailableError
from preheat.sandbox.harbor import ImageSpec, Permission, push_image, sign
from preheat.sandbox.harbor.store import children_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from preheat.harbor.client import HarborClient
    from preheat.ledger import Ledger
    from preheat.sandbox import HarborServer
    from preheat.sandbox.harbor import HarborState

BOTH = ("linux/amd64", "linux/arm64")


def everything(_: str) -> bool:
    """Accept any project."""
    return True


def swept(client: HarborClient, ledger: Ledger, **how: bool) -> Caught:
    """Sweep all projects."""
    return sweep(client, ledger, client.registry, [everything], **how)


def told(ledger: Ledger, registry: str) -> list[tuple[str, str, str]]:
    """Read kind, repository and tag of what the inbox has, in the order of its coming."""
    found = [one.event for one in ledger.inbox.recent(registry=registry, limit=10_000)]
    return [(event.kind.value, event.repository, event.tag) for event in found]


def test_the_first_sweep_only_remembers(
    harbor: HarborState, lister: HarborClient, ledger: Ledger, registry: str
) -> None:
    """What was there is no news, and the next sweep compares with it."""
    push_image(harbor, "web/app", ImageSpec("a"), tags=["1"])
    assert swept(lister, ledger) == Caught()
    assert swept(lister, ledger) == Caught()
    push_image(harbor, "web/app", ImageSpec("b"), tags=["2"])
    push_image(harbor, "ml/llm", ImageSpec("c"), tags=["1"])
    assert swept(lister, ledger) == Caught(new=2)
    assert swept(lister, ledger) == Caught()
    assert sorted(told(ledger, registry)) == [
        ("pushed", "ml/llm", "1"),
        ("pushed", "web/app", "2"),
    ]


def test_a_quiet_sweep_costs_a_request_for_each_project(
    harbor: HarborState, lister: HarborClient, ledger: Ledger, registry: str
) -> None:
    """And what time it is, and which projects there are; nothing is written of projects."""
    push_image(harbor, "web/app", ImageSpec("a"), tags=["1"])
    swept(lister, ledger)
    lister.counts.clear()
    swept(lister, ledger)
    assert lister.counts == {"system": 1, "listing": 1 + 2}


def test_labels_and_moved_tags_are_found(
    harbor: HarborState, lister: HarborClient, ledger: Ledger, registry: str
) -> None:
    """Labels leave no time and no row anywhere (recorded: auditlog-ext-label)."""
    gold = harbor.add_label("gold")
    first = push_image(harbor, "web/app", ImageSpec("a"), tags=["1", "latest"])
    second = push_image(harbor, "web/app", ImageSpec("b"), tags=["2"])
    swept(lister, ledger)
    harbor.label(first, gold)
    harbor.tag(second, "latest")
    assert swept(lister, ledger) == Caught(new=2)
    assert sorted(told(ledger, registry)) == [
        ("labelAdded", "web/app", ""),
        ("tagAdded", "web/app", "latest"),
    ]


def test_what_happens_again_is_told_again(
    harbor: HarborState, lister: HarborClient, ledger: Ledger, registry: str
) -> None:
    """A tag that goes to and fro, a label that is put on, taken off and put on."""
    gold = harbor.add_label("gold")
    first = push_image(harbor, "web/app", ImageSpec("a"), tags=["1", "latest"])
    second = push_image(harbor, "web/app", ImageSpec("b"), tags=["2"])
    swept(lister, ledger)
    for artifact in (second, first, second):
        harbor.tag(artifact, "latest")
        assert swept(lister, ledger) == Caught(new=1)
    for _ in range(2):
        harbor.label(first, gold)
        assert swept(lister, ledger) == Caught(new=1)
        harbor.unlabel(first, gold.id)
        assert swept(lister, ledger) == Caught()


def test_two_sweepers_at_once_make_one_event(
    harbor: HarborState, lister: HarborClient, ledger: Ledger, registry: str
) -> None:
    """As when two triggerers run for a short while; both compare with the same glimpse."""
    gold = harbor.add_label("gold")
    image = push_image(harbor, "web/app", ImageSpec("a"), tags=["1"])
    swept(lister, ledger)
    before = ledger.inbox.glimpse(registry, "web/app")
    assert before is not None
    harbor.label(image, gold)
    push_image(harbor, "web/app", ImageSpec("b"), tags=["2"])
    assert swept(lister, ledger) == Caught(new=2)
    ledger.inbox.record_sweep(registry, [before])
    assert swept(lister, ledger) == Caught(repeated=2)


def test_what_is_deleted_is_told_once(
    harbor: HarborState, lister: HarborClient, ledger: Ledger, registry: str
) -> None:
    """An artifact, and then the whole repository; what comes back is a push again."""
    first = push_image(harbor, "web/app", ImageSpec("a"), tags=["1"])
    push_image(harbor, "web/app", ImageSpec("b"), tags=["2"])
    swept(lister, ledger)
    harbor.delete(first)
    assert swept(lister, ledger) == Caught(new=1)
    harbor.delete_repository("web/app")
    assert swept(lister, ledger) == Caught(new=1)
    assert swept(lister, ledger) == Caught()
    assert ledger.inbox.glimpses(registry) == {}
    push_image(harbor, "web/app", ImageSpec("a"), tags=["1"])
    assert swept(lister, ledger) == Caught(new=1)
    assert [kind for kind, _, _ in told(ledger, registry)] == ["deleted", "deleted", "pushed"]


def test_what_hides_behind_an_index_is_not_deleted(
    harbor: HarborState, lister: HarborClient, ledger: Ledger, registry: str
) -> None:
    """A child is listed while it has a tag, or until its index comes."""
    index = push_image(harbor, "web/multi", ImageSpec("m", platforms=BOTH), tags=["1"])
    child = children_of(index)[0]
    harbor.tag(child, "amd64")
    swept(lister, ledger)
    harbor.untag(child, "amd64")
    assert swept(lister, ledger) == Caught()
    harbor.delete(index)
    assert swept(lister, ledger) == Caught(new=1)


def test_signatures_are_told_where_they_are_asked_for(
    harbor: HarborState, lister: HarborClient, ledger: Ledger, registry: str
) -> None:
    """The first sweep that looks for them only remembers them."""
    old = push_image(harbor, "web/app", ImageSpec("a"), tags=["1"])
    new = push_image(harbor, "web/app", ImageSpec("b"), tags=["2"])
    sign(harbor, old)
    swept(lister, ledger)
    assert swept(lister, ledger, accessories=True) == Caught()
    sign(harbor, new)
    assert swept(lister, ledger, accessories=True) == Caught(new=1)
    sign(harbor, old, "sbom.harbor")
    assert swept(lister, ledger, accessories=True) == Caught()
    (stored,) = ledger.inbox.recent(registry=registry)
    assert (stored.event.kind, stored.event.digest) == ("signed", new.digest)


def test_a_project_that_comes_later_tells_what_is_new_in_it(
    harbor: HarborState, lister: HarborClient, ledger: Ledger, registry: str
) -> None:
    """Not what it held before, but what was pushed since the last sweep."""
    swept(lister, ledger)
    harbor.add_project("late")
    now = lister.now()
    assert now is not None
    push_image(harbor, "late/app", ImageSpec("o"), tags=["old"], at=now - timedelta(days=3))
    push_image(harbor, "late/app", ImageSpec("n"), tags=["new"])
    assert swept(lister, ledger) == Caught(new=1)
    assert told(ledger, registry) == [("pushed", "late/app", "new")]


def test_an_empty_project_is_known_all_the_same(
    harbor: HarborState, lister: HarborClient, ledger: Ledger, registry: str
) -> None:
    """Its first repository is news, however old the image says it is."""
    swept(lister, ledger)
    now = lister.now()
    assert now is not None
    push_image(harbor, "web/app", ImageSpec("o"), tags=["1"], at=now - timedelta(days=3))
    assert swept(lister, ledger) == Caught(new=1)


def test_a_project_that_cannot_be_seen_any_more_is_not_gone(
    harbor: HarborState,
    lister: HarborClient,
    ask_as: Callable[[str], HarborClient],
    ledger: Ledger,
    registry: str,
) -> None:
    """A robot that lost a permission must not make us take images for deleted."""
    push_image(harbor, "web/app", ImageSpec("a"), tags=["1"])
    swept(lister, ledger)
    harbor.accounts.add_robot("robot$ml", "made-up-secret", [Permission.project("ml")])
    assert swept(ask_as("robot$ml"), ledger) == Caught()
    rights = [Permission.project("ml"), Permission.project("web", {"project:read"})]
    harbor.accounts.add_robot("robot$half", "made-up-secret", rights)
    push_image(harbor, "ml/llm", ImageSpec("b"), tags=["1"])
    caught = swept(ask_as("robot$half"), ledger)
    assert caught.new == 1
    assert "artifact:list" in caught.warnings[0]
    assert "web/app" in ledger.inbox.glimpses(registry)


def test_trouble_keeps_what_was_swept(
    server: HarborServer, harbor: HarborState, lister: HarborClient, ledger: Ledger, registry: str
) -> None:
    """One transaction a project: the next sweep tells the rest, and nothing twice."""
    swept(lister, ledger)
    push_image(harbor, "web/app", ImageSpec("a"), tags=["1"])
    push_image(harbor, "ml/llm", ImageSpec("b"), tags=["1"])
    server.faults.add(match={"path": "/api/v2.0/projects/ml/artifacts"}, status=502)
    with pytest.raises(RemoteUnavailableError):
        swept(lister, ledger)
    assert told(ledger, registry) == [("pushed", "web/app", "1")]
    assert swept(lister, ledger) == Caught(new=1)


def test_one_project_s_trouble_keeps_nobody_from_the_younger_ones(
    server: HarborServer, harbor: HarborState, lister: HarborClient, ledger: Ledger, registry: str
) -> None:
    """It is raised when all others are swept, and the sweep counts as not finished."""
    harbor.add_project("young")
    swept(lister, ledger)
    finished = last_sweep(ledger, registry)
    for project in ("web", "ml", "young"):
        push_image(harbor, f"{project}/app", ImageSpec(project), tags=["1"])
    server.faults.add(match={"path": "/api/v2.0/projects/ml/artifacts"}, status=500, times=None)
    with pytest.raises(RemoteUnavailableError) as raised:
        swept(lister, ledger)
    assert "/projects/ml/" in raised.value.request
    assert sorted(told(ledger, registry)) == [
        ("pushed", "web/app", "1"),
        ("pushed", "young/app", "1"),
    ]
    assert last_sweep(ledger, registry) == finished
    server.faults.clear()
    assert swept(lister, ledger) == Caught(new=1)
    assert last_sweep(ledger, registry) != finished


def test_an_older_harbor_is_swept_repository_by_repository(
    harbor: HarborState, lister: HarborClient, ledger: Ledger, registry: str
) -> None:
    """Before 2.12 there is no other way."""
    harbor.settings.version = "2.11.2"
    swept(lister, ledger)
    push_image(harbor, "web/team/app", ImageSpec("a"), tags=["1"])
    assert swept(lister, ledger) == Caught(new=1)
    assert told(ledger, registry) == [("pushed", "web/team/app", "1")]
