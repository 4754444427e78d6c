"""The hosts of one cluster as its scheduler sees them, and how a blob gets to one of them."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from preheat.sandbox.dragonfly.blobs import PIECE_BYTES, PeerError
from preheat.sandbox.dragonfly.peers import PeerKind, PeerState

if TYPE_CHECKING:
    from collections.abc import Iterable

    from preheat.sandbox.dragonfly.blobs import BlobTask, Origin
    from preheat.sandbox.dragonfly.peers import Copy, Peer
    from preheat.sandbox.dragonfly.settings import Clock, ManagerSettings

__all__ = ["RECONNECT_SECONDS", "RING_SECONDS", "Swarm"]

RING_SECONDS = 30.0
RECONNECT_SECONDS = 15.0


class Swarm:
    """Peers, the ring of seeds, and the rule who fetches what from where.

    The ring follows measurements: refreshed every 30 s with a health check; killed seeds fall out
    at the next refresh; when the last seed *left*, the old ring stays.

    :param peers: every host of the cluster, whatever its state.
    """

    def __init__(
        self, peers: Iterable[Peer], origin: Origin, clock: Clock, settings: ManagerSettings
    ) -> None:
        self.peers = list(peers)
        self._origin = origin
        self._clock = clock
        self._settings = settings
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._epoch = clock.monotonic()
        self._tick = 0
        self._ring: list[Peer] = []
        self.refresh()

    def close(self) -> None:
        """Wake up slow peers so that their threads end."""
        self._closing.set()

    def hosts(self, kind: PeerKind) -> list[Peer]:
        """Hosts the scheduler believes in: a killed one still, a stopped one no more."""
        return [
            peer for peer in self.peers if peer.kind is kind and peer.state is not PeerState.STOPPED
        ]

    def ring(self) -> list[Peer]:
        """Seeds among which blobs are spread by their task id, as of the last refresh."""
        with self._lock:
            elapsed = self._clock.monotonic() - self._epoch
            tick = int(elapsed / self._clock.real(RING_SECONDS))
            if tick > self._tick:
                self._tick = tick
                self._refresh()
            return list(self._ring)

    def refresh(self) -> None:
        """Do the 30 s refresh of the ring now."""
        with self._lock:
            self._refresh()

    def restart_scheduler(self) -> None:
        """Start with an empty ring: seed jobs fail until the first refresh (27 s measured)."""
        with self._lock:
            self._epoch = self._clock.monotonic()
            self._tick = 0
            self._ring = []

    def seed_of(self, task: BlobTask) -> Peer | None:
        """Pick the seed that is to hold a blob."""
        ring = self.ring()
        return ring[int(task.id, 16) % len(ring)] if ring else None

    def deliver(self, peer: Peer, task: BlobTask, deadline: float) -> bool:
        """Have a host download a blob.

        :return: whether the host held it already.
        :raises PeerError: in the scheduler's words.
        """
        self._reach(peer, deadline)
        return peer.hold(task, lambda copy: self._load(peer, copy, deadline))

    def _refresh(self) -> None:
        listed = self.hosts(PeerKind.SEED)
        if listed or not self._ring:
            self._ring = [peer for peer in listed if peer.state.is_running]

    def _reach(self, peer: Peer, deadline: float) -> None:
        now = self._clock.monotonic()
        if now >= deadline:
            raise PeerError("DeadlineExceeded", "context deadline exceeded")
        if not peer.state.is_running or now < peer.refused_until:
            words = f"dial tcp {peer.ip}:4000: connect: connection refused"
            raise PeerError(
                "Unavailable",
                f'connection error: desc = "transport: Error while dialing: {words}"',
            )
        if peer.state is PeerState.OVERLOADED:
            words = "server is overloaded: too many requests, please retry later"
            raise PeerError("ResourceExhausted", words)

    def _load(self, peer: Peer, copy: Copy, deadline: float) -> None:
        self._dawdle(peer, deadline)
        copy.size = self._origin.probe(copy.task, peer.ip)
        copy.is_known = copy.size > PIECE_BYTES
        if copy.is_known and self._parent(peer, copy.task, deadline) is not None:
            return
        self._origin.download(copy.task, peer.ip, copy.size)

    def _dawdle(self, peer: Peer, deadline: float) -> None:
        if peer.state is not PeerState.SLOW:
            return
        left = deadline - self._clock.monotonic()
        wanted = self._clock.real(peer.delay_seconds or self._settings.slow_seconds)
        if self._closing.wait(min(wanted, max(left, 0))):
            raise PeerError("Canceled", "context canceled")
        if wanted > left:
            raise PeerError("DeadlineExceeded", "context deadline exceeded")

    def _parent(self, peer: Peer, task: BlobTask, deadline: float) -> Peer | None:
        for other in self.peers:
            if other is not peer and other.state.is_running and other.holds(task.id):
                return other
        seed = self.seed_of(task) if peer.kind is PeerKind.NORMAL else None
        if seed is None:
            return None
        try:
            self.deliver(seed, task, deadline)
        except PeerError:
            return None
        return seed
