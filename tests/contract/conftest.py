"""What the contract tests talk to: the sandbox always, a live system when it is named.

``PREHEAT_LIVE_HARBOR_URL``, ``_USER``, ``_SECRET`` and ``PREHEAT_LIVE_PROJECT`` name a Harbor and a
project of it that holds at least one tagged image; nothing is written to it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
import requests
from pydantic import SecretStr

from preheat.harbor.client import HarborClient
from preheat.sandbox import serve
from preheat.transport import Transport, harden

if TYPE_CHECKING:
    from collections.abc import Iterator

    from preheat.sandbox import Sandbox

LIVE_HARBOR = (
    *("PREHEAT_LIVE_HARBOR_URL", "PREHEAT_LIVE_HARBOR_USER", "PREHEAT_LIVE_HARBOR_SECRET"),
    "PREHEAT_LIVE_PROJECT",
)


@dataclass(frozen=True)
class HarborSite:
    """A Harbor that is there, and how to ask it.

    :param project: a project with images.
    """

    url: str
    username: str
    secret: str = field(repr=False)
    project: str
    session: requests.Session = field(repr=False)

    def client(self, *, username: str | None = None, secret: str | None = None) -> HarborClient:
        """Build a client, with other credentials if some are given."""
        return HarborClient(
            Transport(self.session, self.url, system="Harbor"),
            registry="harbor_default",
            username=self.username if username is None else username,
            secret=SecretStr(self.secret if secret is None else secret),
        )


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    """Serve both stand-ins once, with the demo's catalogue, for tests that leave no trace."""
    with serve() as served:
        yield served


@pytest.fixture(scope="session")
def session() -> Iterator[requests.Session]:
    """Keep one safe session for all tests."""
    with harden(requests.Session()) as opened:
        yield opened


@pytest.fixture(params=["sandbox", pytest.param("live", marks=pytest.mark.live)])
def harbor(request: pytest.FixtureRequest, session: requests.Session) -> HarborSite:
    """Give the sandbox's Harbor, and then the live one if it is named."""
    if request.param == "sandbox":
        served: Sandbox = request.getfixturevalue("sandbox")
        names = (served.harbor_url, served.robot_name, served.robot_secret)
        return HarborSite(*names, "web", session)
    missing = [name for name in LIVE_HARBOR if not os.environ.get(name)]
    if missing:
        pytest.skip(f"{', '.join(missing)} not set")
    return HarborSite(*(os.environ[name] for name in LIVE_HARBOR), session)
