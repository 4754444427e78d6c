"""Stand-ins for Harbor and Dragonfly, served over real HTTP: for the demo, the tests and compose.

Import nothing of Preheat, so that they cannot agree with it by accident. Everything is kept in
memory, and a restart of the process is a fresh world, unless what the peers hold is remembered.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from preheat.sandbox.catalogue import ROBOT, ROBOT_SECRET, fill
from preheat.sandbox.dragonfly import DEFAULT_TOPOLOGY, DragonflyState, ManagerSettings
from preheat.sandbox.dragonfly import create_app as create_dragonfly
from preheat.sandbox.harbor import HarborState, Settings
from preheat.sandbox.harbor import create_app as create_harbor
from preheat.sandbox.server import Server

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from preheat.sandbox.dragonfly import ClusterSpec

__all__ = ["HarborServer", "ManagerServer", "Sandbox", "serve"]


class HarborServer(Server):
    """Harbor and its registry on one port.

    :param state: what it knows; tests may change it while it serves.
    """

    def __init__(self, state: HarborState, *, host: str = "127.0.0.1", port: int = 0) -> None:
        super().__init__(create_harbor(state), host=host, port=port)
        self.state = state

    def start(self) -> None:
        """Serve; from then on payloads of webhooks name this server."""
        super().start()
        self.state.address = f"{self.host}:{self.port}"


class ManagerServer(Server):
    """The Dragonfly manager on one port.

    :param state: what it knows; tests may change it while it serves.
    """

    def __init__(self, state: DragonflyState, *, host: str = "127.0.0.1", port: int = 0) -> None:
        super().__init__(create_dragonfly(state), host=host, port=port, sends_date=False)
        self.state = state

    def restart(self) -> None:
        """Restart the manager's process: jobs under way stay pending for ever."""
        self.state.restart()
        super().restart()


@dataclass(frozen=True, slots=True)
class Sandbox:
    """Both servers. ``stop()`` and ``start()`` of one are an outage that keeps its state."""

    harbor: HarborServer
    dragonfly: ManagerServer
    robot_name: str = ROBOT
    robot_secret: str = field(default=ROBOT_SECRET, repr=False)

    @property
    def harbor_url(self) -> str:
        """Base URL of Harbor and its registry."""
        return self.harbor.url

    @property
    def dragonfly_url(self) -> str:
        """Base URL of the manager."""
        return self.dragonfly.url

    @property
    def token(self) -> str:
        """Personal access token of the manager."""
        return self.dragonfly.state.settings.token


@contextmanager
def serve(
    *,
    host: str = "127.0.0.1",
    harbor_port: int = 0,
    dragonfly_port: int = 0,
    catalogue: str = "demo",
    clock_factor: float = 0.01,
    harbor: HarborState | None = None,
    settings: ManagerSettings | None = None,
    topology: Sequence[ClusterSpec] = DEFAULT_TOPOLOGY,
) -> Iterator[Sandbox]:
    """Serve both stand-ins from threads until the block is left.

    :param harbor_port: 0 takes a free one.
    :param catalogue: ``demo``, ``empty`` or ``scale:N``; see :mod:`preheat.sandbox.catalogue`.
    :param harbor: a state made by the caller; nothing is filled into it then.
    :param clock_factor: how long a second of the manager lasts; 0.01 shows its 30 s look in 0.3 s.
        So long last the seconds between the attempts of a webhook, too.
    :param settings: how the manager behaves, in place of ``clock_factor``.
    """
    secret = os.environ.get("SANDBOX_ROBOT_SECRET") or ROBOT_SECRET
    made = harbor or HarborState(Settings(webhook_delay_factor=clock_factor))
    if harbor is None:
        fill(made, catalogue, robot_secret=secret)
    manager = DragonflyState(settings or ManagerSettings(clock_factor=clock_factor), topology)
    sandbox = Sandbox(
        HarborServer(made, host=host, port=harbor_port),
        ManagerServer(manager, host=host, port=dragonfly_port),
        robot_secret=secret,
    )
    try:
        sandbox.harbor.start()
        sandbox.dragonfly.start()
        yield sandbox
    finally:
        sandbox.dragonfly.stop()
        sandbox.harbor.stop()
        manager.close()
        if harbor is None:
            made.close()
