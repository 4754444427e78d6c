"""A Dragonfly with an image to heat: the sandbox always, live systems when they are named.

``PREHEAT_LIVE_DRAGONFLY_URL`` and ``_TOKEN`` name a manager; heating also needs the live Harbor,
whose first tagged image of ``PREHEAT_LIVE_PROJECT`` is preheated on the first scheduler cluster.
"""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass, field
from threading import Event
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr

from preheat.artifact import Image
from preheat.drivers.base import HeatRequest, Job, JobState, Timing
from preheat.drivers.dragonfly import DragonflyDriver
from preheat.harbor.client import HarborClient
from preheat.placement import PlacementKey, Scope, TrackSettings
from preheat.sandbox import serve
from preheat.transport import Transport

if TYPE_CHECKING:
    from collections.abc import Iterator

    import requests

    from preheat.sandbox import Sandbox

CLOCK_FACTOR = 0.01
PLATFORM = "linux/amd64"
LIVE_DRAGONFLY = ("PREHEAT_LIVE_DRAGONFLY_URL", "PREHEAT_LIVE_DRAGONFLY_TOKEN")
LIVE_HARBOR = (
    *("PREHEAT_LIVE_HARBOR_URL", "PREHEAT_LIVE_HARBOR_USER", "PREHEAT_LIVE_HARBOR_SECRET"),
    "PREHEAT_LIVE_PROJECT",
)


@dataclass(frozen=True)
class Site:
    """A manager and an image that its peers can fetch.

    :param image: what the peers must come to hold.
    :param sandbox: None when the site is a live one.
    """

    url: str
    token: str = field(repr=False)
    session: requests.Session = field(repr=False)
    timing: Timing
    harbor: HarborClient | None = None
    harbor_url: str = "http://nowhere"
    repository: str = "library/hello"
    image: Image = field(default_factory=lambda: Image("sha256:" + "0" * 64, PLATFORM, ()))
    scheduler_cluster_id: int = 1
    sandbox: Sandbox | None = None

    def driver(self, **changes: Any) -> DragonflyDriver:
        """Build a driver as the hook does, with changes."""
        transport = Transport(self.session, changes.pop("url", self.url), system="Dragonfly")
        options = {"token": SecretStr(self.token), "timing": self.timing, **changes}
        return DragonflyDriver(transport, **options)

    def request(self, **changes: Any) -> HeatRequest:
        """Build a request for the image; keywords go where they belong."""
        key = {
            "cluster": "one",
            "pull_endpoint": self.harbor_url,
            "repository": self.repository,
            "digest": self.image.digest,
            "platform": PLATFORM,
            "scope": Scope.SINGLE_SEED_PEER,
        }
        settings = {
            "driver": "dragonfly",
            "connection": "dragonfly_default",
            "scheduler_cluster_id": self.scheduler_cluster_id,
            "registry": "harbor_default",
        }
        fields: dict[str, Any] = {"nonce": secrets.token_hex(16), "note": "contract test"}
        if self.harbor and "authorization" not in changes:
            fields["authorization"] = self.harbor.pull_authorization([self.repository])
        for name, value in changes.items():
            target = settings if name in TrackSettings.__slots__ else fields
            (key if name in PlacementKey.__slots__ else target)[name] = value
        return HeatRequest(PlacementKey(**key), TrackSettings(**settings), **fields)

    def settled(self, driver: DragonflyDriver, job: Job) -> Job:
        """Follow a job by the manager's looks until it ends."""
        cluster = self.scheduler_cluster_id
        for look in self.timing.looks[:4]:
            job = driver.query([job.id], scheduler_cluster_id=cluster)[job.id]
            if job.state is not JobState.RUNNING:
                break
            Event().wait(max(look + self.timing.margin - job.age_seconds, self.timing.margin))
        return driver.query([job.id], scheduler_cluster_id=cluster)[job.id]


def _settings(names: tuple[str, ...]) -> list[str]:
    missing = [name for name in names if not os.environ.get(name)]
    if missing:
        pytest.skip(f"{', '.join(missing)} not set")
    return [os.environ[name] for name in names]


def _harbor(session: requests.Session, url: str, username: str, secret: str) -> HarborClient:
    return HarborClient(
        Transport(session, url, system="Harbor"),
        registry="harbor_default",
        username=username,
        secret=SecretStr(secret),
    )


def _sandbox_site(sandbox: Sandbox, session: requests.Session) -> Site:
    harbor = _harbor(session, sandbox.harbor_url, sandbox.robot_name, sandbox.robot_secret)
    artifact = harbor.artifact("library", "hello", "1.0")
    child = next(child for child in artifact.children if child.platform == PLATFORM)
    return Site(
        sandbox.dragonfly_url,
        sandbox.token,
        session,
        Timing(CLOCK_FACTOR),
        harbor,
        sandbox.harbor_url,
        image=harbor.resolve("library/hello", child.digest, PLATFORM),
        sandbox=sandbox,
    )


@pytest.fixture
def fresh(session: requests.Session) -> Iterator[Site]:
    """Give a sandbox of its own to a test that breaks things."""
    with serve(clock_factor=CLOCK_FACTOR) as sandbox:
        yield _sandbox_site(sandbox, session)


@pytest.fixture(params=["sandbox", pytest.param("live", marks=pytest.mark.live)])
def site(request: pytest.FixtureRequest, session: requests.Session) -> Site:
    """Give the sandbox's manager, and then the live one if it is named."""
    if request.param == "sandbox":
        return _sandbox_site(request.getfixturevalue("sandbox"), session)
    url, token = _settings(LIVE_DRAGONFLY)
    return Site(url, token, session, Timing())


@pytest.fixture
def heatable(site: Site) -> Site:
    """Give a site with an image; a live one takes the first tagged image of the live project."""
    if site.harbor:
        return site
    *credentials, project = _settings(LIVE_HARBOR)
    harbor = _harbor(site.session, *credentials)
    artifact = next(
        found
        for found in harbor.project_artifacts(project, labels=False)
        if found.tags and any(child.platform == PLATFORM for child in found.children)
    )
    child = next(child for child in artifact.children if child.platform == PLATFORM)
    clusters = site.driver().manager.clusters()
    return Site(
        site.url,
        site.token,
        site.session,
        site.timing,
        harbor,
        credentials[0],
        artifact.full_name,
        harbor.resolve(artifact.full_name, child.digest, PLATFORM),
        clusters[0].scheduler_cluster_id,
    )
