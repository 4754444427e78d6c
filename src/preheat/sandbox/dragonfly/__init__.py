"""A Dragonfly manager stand-in: its open API over simulated seeds and peers that truly download.

Keeps everything in memory; :mod:`.memory` writes down what the peers hold.
"""

from __future__ import annotations

from preheat.sandbox.dragonfly.app import create_app
from preheat.sandbox.dragonfly.clusters import DEFAULT_TOPOLOGY, ClusterSpec
from preheat.sandbox.dragonfly.peers import PeerKind, PeerState
from preheat.sandbox.dragonfly.settings import ManagerSettings
from preheat.sandbox.dragonfly.state import DragonflyState

__all__ = [
    "DEFAULT_TOPOLOGY",
    "ClusterSpec",
    "DragonflyState",
    "ManagerSettings",
    "PeerKind",
    "PeerState",
    "create_app",
]
