"""Simulated hosts: what each holds, in which state it is, and one download at a time per blob."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from preheat.sandbox.dragonfly.blobs import PeerError

if TYPE_CHECKING:
    from collections.abc import Callable

    from preheat.sandbox.dragonfly.blobs import BlobTask

__all__ = ["Copy", "Peer", "PeerKind", "PeerState"]


class PeerKind(StrEnum):
    """How the scheduler calls seeds and plain hosts."""

    SEED = "super"
    NORMAL = "normal"


class PeerState(StrEnum):
    """What may befall a host.

    ``stopped`` is SIGTERM: it leaves the scheduler at once. ``killed`` is SIGKILL: the scheduler
    still believes in it, so every download on it fails (measured on v2.5.1).
    """

    UP = "up"
    STOPPED = "stopped"
    KILLED = "killed"
    SLOW = "slow"
    OVERLOADED = "overloaded"

    @property
    def is_running(self) -> bool:
        """Whether a process is there to answer at all."""
        return self not in {PeerState.STOPPED, PeerState.KILLED}


@dataclass(slots=True)
class Copy:
    """What a host holds of one task.

    :param complete: all bytes are there and their digest is right.
    :param is_known: the scheduler took part, so ``delete_task`` can find it (only over 4 MiB).
    """

    task: BlobTask
    complete: bool = False
    size: int = 0
    is_known: bool = False
    failure: PeerError | None = None

    def shown(self) -> dict[str, Any]:
        """Tell it to the control API."""
        return {
            "task_id": self.task.id,
            "url": self.task.url,
            "digest": f"sha256:{self.task.digest}" if self.task.digest else "",
            "tag": self.task.tag,
            "application": self.task.application,
            "piece_length": self.task.piece_length,
            "size": self.size,
            "complete": self.complete,
            "error": str(self.failure or ""),
        }


@dataclass(slots=True)
class Peer:
    """One dfdaemon.

    :param refused_until: the scheduler's connection back-off after a kill (15 s measured).
    """

    ip: str
    hostname: str
    kind: PeerKind
    cluster_id: int
    announced: str = ""
    state: PeerState = PeerState.UP
    delay_seconds: float = 0.0
    refused_until: float = 0.0
    copies: dict[str, Copy] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _loading: dict[str, threading.Event] = field(default_factory=dict)

    @property
    def host_id(self) -> str:
        """Id under which ``get_task`` lists the host."""
        return f"{self.ip}-{self.hostname}{'-seed' if self.kind is PeerKind.SEED else ''}"

    def holds(self, task_id: str) -> bool:
        """Whether the whole blob is here."""
        copy = self.copies.get(task_id)
        return copy is not None and copy.complete

    def wipe(self) -> None:
        """Empty the cache, as a dfdaemon restart does (``storage.keep`` is off by default)."""
        with self._lock:
            self.copies.clear()

    def forget(self, task_id: str) -> bool:
        """Delete one task if the scheduler knows that it is complete here."""
        with self._lock:
            copy = self.copies.get(task_id)
            if copy is None or not (copy.complete and copy.is_known):
                return False
            del self.copies[task_id]
            return True

    def hold(self, task: BlobTask, load: Callable[[Copy], None]) -> bool:
        """Make sure that the blob is here, downloading it at most once at a time.

        :return: whether it was here already.
        :raises PeerError: if the download failed, now or in the thread that was already at it.
        """
        with self._lock:
            if self.holds(task.id):
                return True
            running = self._loading.get(task.id)
            if running is None:
                ours = self._loading[task.id] = threading.Event()
        if running is not None:
            running.wait()
            return self._joined(task)
        try:
            self._load(task, load)
        finally:
            with self._lock:
                del self._loading[task.id]
            ours.set()
        return False

    def _joined(self, task: BlobTask) -> bool:
        if self.holds(task.id):
            return False
        copy = self.copies.get(task.id)
        if copy is not None and copy.failure is not None:
            raise copy.failure
        raise PeerError("Unavailable", "error reading from server: EOF")

    def _check_alive(self) -> None:
        if not self.state.is_running:
            raise PeerError("Unavailable", "error reading from server: EOF")

    def _load(self, task: BlobTask, load: Callable[[Copy], None]) -> None:
        copy = Copy(task)
        try:
            load(copy)
            self._check_alive()
        except PeerError as error:
            copy.failure = error
            raise
        else:
            copy.complete = True
        finally:
            if self.state.is_running:
                with self._lock:
                    self.copies[task.id] = copy
