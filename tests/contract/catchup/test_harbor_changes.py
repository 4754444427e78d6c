"""What the client tells of changes in a Harbor: audit log, new artifacts, what is still there."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from preheat.errors import RefusedError
from preheat.event import EventKind
from preheat.sandbox.harbor import By, ImageSpec, Permission, push_image, sign
from preheat.sandbox.harbor.store import children_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from preheat.event import HarborEvent
    from preheat.harbor.client import HarborClient
    from preheat.sandbox import HarborServer
    from preheat.sandbox.harbor import HarborState


def told(robot: HarborClient, minutes: int = 5) -> list[HarborEvent]:
    """Read the log of the last minutes, in the order of ids."""
    now = robot.now()
    assert now is not None
    pages = list(robot.audit_pages(now - timedelta(minutes=minutes)))
    assert all(page.warnings == () for page in pages)
    return [event for page in pages for event in page.events]


def test_the_log_tells_who_did_what(harbor: HarborState, robot: HarborClient) -> None:
    """A push, an added tag, a signature, a deletion; of all projects at once."""
    image = push_image(harbor, "web/team/app", ImageSpec("a"), tags=["1"], by=By("robot$ci"))
    harbor.tag(image, "stable")
    sign(harbor, image, by_tag=True)
    referrer = sign(harbor, image, "signature.notation")
    gone = push_image(harbor, "ml/llm", ImageSpec("b"), tags=["1"])
    harbor.delete(gone)
    found = {(event.kind, event.repository, event.tag, event.digest) for event in told(robot)}
    assert found >= {
        (EventKind.PUSHED, "web/team/app", "1", image.digest),
        (EventKind.TAG_ADDED, "web/team/app", "stable", ""),
        (EventKind.PUSHED, "ml/llm", "1", gone.digest),
        (EventKind.DELETED, "ml/llm", "", gone.digest),
    }
    assert {e.operator for e in told(robot) if e.tag == "1" and "team" in e.repository} == {
        "robot$ci"
    }
    (signed,) = (event for event in told(robot) if event.kind is EventKind.SIGNED)
    assert (signed.digest, signed.repository) == (image.digest, "web/team/app")
    # One that refers to its subject without a tag is told as the push that it is.
    assert referrer.digest in {e.digest for e in told(robot) if e.kind is EventKind.PUSHED}


def test_a_long_log_is_read_to_its_end(harbor: HarborState, robot: HarborClient) -> None:
    """A request for each hundred rows, each row once, whatever is written meanwhile."""
    image = push_image(harbor, "web/app", ImageSpec("a"), tags=["1"])
    for number in range(249):
        harbor.push("web/app", image.recipe, tags=[f"t{number}"])
    now = robot.now()
    assert now is not None
    seen: list[str] = []
    for page in robot.audit_pages(now - timedelta(minutes=5)):
        seen += [event.tag for event in page.events]
        if len(seen) == 100:
            harbor.push("web/app", image.recipe, tags=["meanwhile"])
    assert len(seen) == len(set(seen)) == 251
    assert robot.counts["audit"] == 3


def test_only_who_sees_pushes_relies_on_the_log(
    harbor: HarborState, robot: HarborClient, lister: HarborClient
) -> None:
    """Without the permission, without rows, and before 2.13 there is nothing to rely on."""
    assert robot.reads_audit_feed() is False
    push_image(harbor, "web/app", tags=["1"])
    assert robot.reads_audit_feed() is True
    assert lister.reads_audit_feed() is False
    harbor.audit.purge()
    assert robot.reads_audit_feed() is False


def test_an_old_harbor_has_no_log(
    server: HarborServer, harbor: HarborState, robot: HarborClient
) -> None:
    """Its version is asked first."""
    push_image(harbor, "web/app", tags=["1"])
    harbor.settings.version = "2.12.9"
    assert robot.reads_audit_feed() is False
    assert robot.has_project_listing() is True


def test_new_artifacts_come_in_the_order_of_ids(harbor: HarborState, robot: HarborClient) -> None:
    """From an id on; or since a moment."""
    first = push_image(harbor, "web/app", ImageSpec("a"), tags=["1"])
    harbor_now = robot.now()
    assert harbor_now is not None
    old = harbor_now - timedelta(days=1)
    push_image(harbor, "web/old", ImageSpec("o"), tags=["1"], at=old)
    second = push_image(harbor, "web/app", ImageSpec("b"), tags=["2"])
    (page,) = robot.added_artifacts("web", first.id + 1)
    assert [one.repository for one in page] == ["old", "app"]
    (page,) = robot.added_artifacts("web", 1, harbor_now - timedelta(hours=1))
    assert [one.digest for one in page] == [first.digest, second.digest]
    assert page[1].tags[0].name == "2"
    assert robot.newest_artifact_id("web") == second.id
    assert robot.newest_artifact_id("ml") == 0
    assert list(robot.added_artifacts("ml", 1)) == []


def test_what_a_listing_hides_is_still_there(harbor: HarborState, robot: HarborClient) -> None:
    """Children of an index without a tag; a digest that is gone is not."""
    index = push_image(
        harbor, "web/multi", ImageSpec("m", platforms=("linux/amd64", "linux/arm64")), tags=["1"]
    )
    child = children_of(index)[0]
    gone = [f"sha256:{number:064x}" for number in range(100)]
    listed = [one.digest for one in robot.project_artifacts("web", labels=False)]
    assert child.digest not in listed
    asked = [*gone, child.digest, index.digest]
    assert robot.still_has("web/multi", asked) == {child.digest, index.digest}
    assert robot.still_has("web/none", asked) == set()
    assert robot.still_has("web/multi", []) == set()


def test_accessories_are_listed_only_when_asked_for(
    harbor: HarborState, robot: HarborClient
) -> None:
    """Harbor writes none and not asked alike; we tell them apart."""
    sign(harbor, push_image(harbor, "web/app", ImageSpec("a"), tags=["1"]))
    push_image(harbor, "web/app", ImageSpec("b"), tags=["2"])
    plain = [one.accessories for one in robot.project_artifacts("web", labels=False)]
    told = [
        one.accessories for one in robot.project_artifacts("web", labels=False, accessories=True)
    ]
    assert plain == [None, None]
    assert sorted(told, key=len) == [(), ("signature.cosign",)]


def test_a_project_that_is_refused_names_the_permission(
    harbor: HarborState, ask_as: Callable[[str], HarborClient]
) -> None:
    """As all listings do."""
    few = [Permission.project("web", {"project:read"})]
    harbor.accounts.add_robot("robot$few", "made-up-secret", few)
    client = ask_as("robot$few")
    for ask in (
        lambda: list(client.added_artifacts("web", 1)),
        lambda: client.newest_artifact_id("web"),
        lambda: client.still_has("web/app", ["sha256:1"]),
    ):
        with pytest.raises(RefusedError, match="lacks artifact:list on it"):
            ask()
