"""The Harbor client when things go wrong or change meanwhile: only a stand-in can be made to."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr

from preheat.errors import RateLimitedError, RefusedError, RemoteUnavailableError
from preheat.harbor.client import HarborClient
from preheat.sandbox import HarborServer
from preheat.sandbox.catalogue import ROBOT, ROBOT_SECRET, fill
from preheat.sandbox.harbor import HarborState, ImageSpec, push_image
from preheat.sandbox.harbor.store import children_of
from preheat.transport import Transport

if TYPE_CHECKING:
    from collections.abc import Iterator

    import requests

PROJECT = "/api/v2.0/projects/busy/artifacts"


@pytest.fixture
def server() -> Iterator[HarborServer]:
    """Serve a Harbor of one's own."""
    state = HarborState()
    fill(state, "empty", robot_secret=ROBOT_SECRET)
    state.add_project("busy")
    served = HarborServer(state)
    served.start()
    yield served
    served.stop()


@pytest.fixture
def robot(server: HarborServer, session: requests.Session) -> HarborClient:
    """Ask it as the sandbox's robot."""
    transport = Transport(session, server.url, system="Harbor")
    return HarborClient(transport, registry="h", username=ROBOT, secret=SecretStr(ROBOT_SECRET))


@pytest.fixture
def anonymous(server: HarborServer, session: requests.Session) -> HarborClient:
    """Ask it as nobody."""
    return HarborClient(Transport(session, server.url, system="Harbor"), registry="h")


def push(state: HarborState, first: int, count: int) -> list[str]:
    """Push single images; gives their digests."""
    return [
        push_image(state, f"busy/app-{n % 7}", ImageSpec(f"image {n}"), tags=[f"v{n}"]).digest
        for n in range(first, first + count)
    ]


@pytest.mark.parametrize("count", [0, 99, 100, 101, 149, 151, 230])
def test_listing_costs_one_request_a_hundred_artifacts(
    server: HarborServer, robot: HarborClient, count: int
) -> None:
    """The goal for requests is the minimum itself."""
    pushed = push(server.state, 0, count)
    assert [found.digest for found in robot.project_artifacts("busy", labels=False)] == pushed
    assert robot.counts["listing"] == max(math.ceil(count / 100), 1)


def test_nothing_is_lost_or_doubled_while_others_push(
    server: HarborServer, robot: HarborClient
) -> None:
    """Images pushed during the walk come, each once, and so does one that appears behind it.

    A child of an index has a lower id than the index; tagged late, it appears behind the walk, as a
    row does that is committed after its id was handed out.
    """
    state = server.state
    before = push(state, 0, 90)
    index = push_image(
        state,
        "busy/multi",
        ImageSpec("multi", platforms=("linux/amd64", "linux/arm64")),
        tags=["1"],
    )
    before += [index.digest, *push(state, 90, 40)]
    late = children_of(index)[0]
    found: list[str] = []
    during: list[str] = []
    for artifact in robot.project_artifacts("busy", labels=False):
        found.append(artifact.digest)
        if len(found) == 10:
            state.tag(late, "late")
        if len(found) % 10 == 0 and len(during) < 90:
            during += push(state, 1000 + len(during), 10)
    assert len(found) == len(set(found))
    assert set(found) == {*before, *during, late.digest}


def test_deleting_during_the_walk_skips_nobody(server: HarborServer, robot: HarborClient) -> None:
    """Pages by number would slip by one for each deletion; ids do not."""
    state = server.state
    pushed = push(state, 0, 250)
    found: list[str] = []
    for artifact in robot.project_artifacts("busy", labels=False):
        found.append(artifact.digest)
        if len(found) % 5 == 0 and len(found) <= 100:
            state.delete(state.find(f"busy/app-{(len(found) - 5) % 7}", f"v{len(found) - 5}"))
    assert found == pushed


def test_harbor_before_2_12_is_walked_by_repository(
    server: HarborServer, robot: HarborClient
) -> None:
    """The version decides; the artifacts are the same."""
    server.state.settings.version = "2.11.2"
    pushed = push(server.state, 0, 20)
    found = list(robot.project_artifacts("busy", labels=True))
    assert sorted(artifact.digest for artifact in found) == sorted(pushed)
    assert {artifact.repository for artifact in found} == {f"app-{n}" for n in range(7)}
    assert robot.counts["listing"] == 1 + 7
    assert "repository by repository" in str(robot.check())


def test_anonymous_caller_sees_and_pulls_public_projects(
    server: HarborServer, anonymous: HarborClient
) -> None:
    """Without credentials there are public projects, and anonymous tokens."""
    image = push_image(server.state, "library/app", ImageSpec("app"), tags=["1"])
    assert [found.name for found in anonymous.projects([lambda _: True])] == ["library"]
    (found,) = anonymous.project_artifacts("library", labels=False)
    assert found.digest == image.digest
    assert anonymous.resolve("library/app", image.digest, "linux/amd64").blobs


def test_expired_token_does_not_stop_a_resolution(
    server: HarborServer, robot: HarborClient
) -> None:
    """The client falls back on its own credentials."""
    settings = server.state.settings
    settings.token_lifetime_seconds, settings.token_leeway_seconds = -10.0, 0.0
    image = push_image(server.state, "busy/app", ImageSpec("app"), tags=["1"])
    token = robot.pull_authorization(["busy/app"])
    assert robot.resolve("busy/app", image.digest, "linux/amd64", authorization=token).blobs
    assert robot.counts == {"token": 1, "manifest": 2}


def test_project_policy_refuses_with_harbors_reason(
    server: HarborServer, robot: HarborClient
) -> None:
    """An unscanned image of a project that prevents vulnerable ones: 412, with the words."""
    state = server.state
    state.add_project("busy", prevent_vul="true", severity="high")
    image = push_image(state, "busy/app", ImageSpec("app"), tags=["1"])
    with pytest.raises(RefusedError) as caught:
        robot.resolve("busy/app", image.digest, "linux/amd64")
    assert caught.value.status == 412
    assert caught.value.words


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ({"status": 503, "body": "busy"}, RemoteUnavailableError),
        ({"status": 429, "headers": {"Retry-After": "7"}}, RateLimitedError),
        ({"drop": "before"}, RemoteUnavailableError),
        ({"drop": "after"}, RemoteUnavailableError),
    ],
)
def test_trouble_in_mid_walk_is_an_error_not_a_short_list(
    server: HarborServer, robot: HarborClient, fault: dict[str, object], kind: type[Exception]
) -> None:
    """A walk either ends or raises; it never ends early."""
    push(server.state, 0, 150)
    server.faults.add(match={"path": PROJECT}, skip=1, **fault)
    walk = robot.project_artifacts("busy", labels=False)
    first = [next(walk) for _ in range(100)]
    assert len(first) == 100
    with pytest.raises(kind):
        next(walk)


def test_harbor_that_is_down_is_unavailable(server: HarborServer, robot: HarborClient) -> None:
    """A refused connection is retryable, and tells that nothing was sent."""
    server.stop()
    with pytest.raises(RemoteUnavailableError) as caught:
        robot.projects([lambda _: True])
    assert caught.value.sent is False
    assert ROBOT_SECRET not in str(caught.value)
