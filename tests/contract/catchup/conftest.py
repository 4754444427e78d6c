"""A Harbor of one's own, robots that see more or less of it, and a ledger with an inbox."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr

from preheat.harbor.client import HarborClient
from preheat.ledger import Ledger
from preheat.sandbox import HarborServer
from preheat.sandbox.harbor import HarborState, Permission
from preheat.transport import Transport

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import requests

LIST = {"artifact:list", "repository:list", "artifact:read"}
SECRET = "made-up-secret"


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    """Open a ledger for the module: each test has a registry of its own in it."""
    url = f"sqlite:///{tmp_path_factory.mktemp('ledger') / 'preheat.db'}"
    with Ledger.at(url) as fresh:
        fresh.upgrade()
    with Ledger.open(url) as opened:
        yield opened


@pytest.fixture
def server() -> Iterator[HarborServer]:
    """Serve a Harbor with two robots, of which one may not read the audit log."""
    state = HarborState()
    for name in ("web", "ml"):
        state.add_project(name)
    everywhere = Permission.project("*", LIST)
    log = Permission.system({"audit-log:list"})
    state.accounts.add_robot("robot$sees", SECRET, [everywhere, log])
    state.accounts.add_robot("robot$lists", SECRET, [everywhere])
    served = HarborServer(state)
    served.start()
    yield served
    served.stop()
    state.close()


@pytest.fixture
def harbor(server: HarborServer) -> HarborState:
    """Give what the server knows."""
    return server.state


@pytest.fixture
def registry(request: pytest.FixtureRequest) -> str:
    """Name this test's Harbor."""
    return f"harbor_{request.node.name}"


@pytest.fixture
def ask_as(
    server: HarborServer, session: requests.Session, registry: str
) -> Callable[[str], HarborClient]:
    """Give the way to ask as a robot."""

    def client(username: str) -> HarborClient:
        transport = Transport(session, server.url, system="Harbor")
        return HarborClient(
            transport, registry=registry, username=username, secret=SecretStr(SECRET)
        )

    return client


@pytest.fixture
def robot(ask_as: Callable[[str], HarborClient]) -> HarborClient:
    """Ask as the one that may read the log."""
    return ask_as("robot$sees")


@pytest.fixture
def lister(ask_as: Callable[[str], HarborClient]) -> HarborClient:
    """Ask as the one that may not."""
    return ask_as("robot$lists")
