"""The world of the tests of draining."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from preheat.ledger import Ledger
from preheat.sandbox import HarborServer
from preheat.sandbox.harbor import HarborState, Permission

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

from tests.contract.draining.world import SECRET, World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Serve two Harbors and open a ledger."""
    with ExitStack() as stack:
        servers = {}
        for name in ("one", "two"):
            state = HarborState()
            may = {"artifact:list", "artifact:read", "repository:list", "repository:pull"}
            state.accounts.add_robot("robot$preheat", SECRET, [Permission.project("*", may)])
            for project in ("web", "ml"):
                state.add_project(project)
            servers[name] = HarborServer(state)
            servers[name].start()
            stack.callback(state.close)
            stack.callback(servers[name].stop)
        ledger = stack.enter_context(Ledger.open(f"sqlite:///{tmp_path / 'preheat.db'}"))
        yield World(ledger, servers)
