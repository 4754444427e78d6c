"""A Dragonfly manager scripted at the wire, and the real driver and protocol against it."""

from __future__ import annotations

import json
import socket
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
import requests
from pydantic import SecretStr

from preheat.asking import ask
from preheat.drivers.base import Timing
from preheat.drivers.dragonfly import DragonflyDriver
from preheat.ledger import Attempt
from preheat.transport import Transport, harden

if TYPE_CHECKING:
    from collections.abc import Iterator

    from preheat.ledger import Ledger, RunRef

Ask = Callable[..., Attempt]
PassTime = Callable[[float], None]


class ScriptedManager(ThreadingHTTPServer):
    """A Dragonfly manager that creates and lists jobs, and fails as its script says.

    Each entry of ``script`` serves one POST: ``ok``; ``cut_before`` or ``cut_after`` (breaks the
    connection before or after it makes the row); ``late`` (breaks it, the row comes with
    ``arrive``); ``hang`` (makes the row, answers only after ``resume``); or ``(status, body)``.
    Jobs are made for the clusters ``made_for``, if that is set, whatever was asked.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.script: deque[str | tuple[int, bytes]] = deque()
        self.list_failures: deque[tuple[int, bytes]] = deque()
        self.jobs: list[dict[str, Any]] = []
        self.late: list[dict[str, Any]] = []
        self.posts: list[dict[str, Any]] = []
        self.lists = 0
        self.listing: Callable[[], None] = lambda: None
        self.made_for: list[int] | None = None
        self.posted = threading.Event()
        self.resume = threading.Event()
        self.lock = threading.Lock()
        self.thread = threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True)
        self.thread.start()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def stop(self) -> None:
        """Refuse connections from now on."""
        self.resume.set()
        self.shutdown()
        self.server_close()
        self.thread.join()

    def arrive(self) -> None:
        """Let the rows of late POSTs appear."""
        self.jobs += self.late
        self.late = []

    def job(self, bio: str) -> dict[str, Any]:
        """Make a row, not yet listed."""
        return {
            "id": len(self.jobs) + len(self.late) + 1,
            "created_at": datetime.now(UTC).isoformat(),
            "type": "preheat",
            "state": "PENDING",
            "bio": bio,
            "args": {},
            "result": None,
        }

    def take(self, body: dict[str, Any]) -> tuple[str | tuple[int, bytes], dict[str, Any]]:
        """Do what the script says to one POST's row."""
        with self.lock:
            self.posts.append(body)
            act = self.script.popleft() if self.script else "ok"
            job = self.job(body["bio"])
            if act in {"ok", "cut_after", "hang"}:
                self.jobs.append(job)
            elif act == "late":
                self.late.append(job)
        self.posted.set()
        return act, job


class Handler(BaseHTTPRequestHandler):
    """One connection to the scripted manager."""

    protocol_version = "HTTP/1.1"
    server: ScriptedManager

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """List all jobs, newest first, on one page."""
        self.server.lists += 1
        self.server.listing()
        if self.server.list_failures:
            self.answer(*self.server.list_failures.popleft())
            return
        rows = [{**job, "scheduler_clusters": None} for job in self.server.jobs[::-1]]
        self.answer(200, json.dumps(rows if "page=1&" in self.path else []).encode())

    def do_POST(self) -> None:
        """Create a job as the script says."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        act, job = self.server.take(body)
        if isinstance(act, tuple):
            self.answer(*act)
        elif act == "ok" or (act == "hang" and self.server.resume.wait(30)):
            made_for = self.server.made_for or body["scheduler_cluster_ids"]
            clusters = [{"id": number} for number in made_for]
            self.answer(200, json.dumps({**job, "scheduler_clusters": clusters}).encode())
        else:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)

    def answer(self, status: int, body: bytes) -> None:
        """Send an answer, if anybody is still there."""
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        with suppress(OSError):
            self.end_headers()
            self.wfile.write(body)


@pytest.fixture
def manager() -> Iterator[ScriptedManager]:
    """Start a scripted manager."""
    started = ScriptedManager()
    yield started
    if started.thread.is_alive():
        started.stop()


@pytest.fixture
def driver(manager: ScriptedManager) -> Iterator[DragonflyDriver]:
    """Connect the real driver to the scripted manager."""
    with requests.Session() as session:
        yield DragonflyDriver(
            Transport(harden(session), manager.url, system="Dragonfly"),
            token=SecretStr("token"),
            timing=Timing(factor=0.1),
            post_timeout_seconds=2,
        )


@pytest.fixture
def asked(
    ledger: Ledger, driver: DragonflyDriver, placement_id: int, run: RunRef, pass_time: PassTime
) -> Ask:
    """Give a way to ask for the one placement; waiting lets the ledger's time pass."""

    def call(**changes: Any) -> Attempt:
        options: dict[str, Any] = {
            "owner": "worker",
            "run": run,
            "authorize": lambda: SecretStr("Bearer pull"),
            "wait": pass_time,
            **changes,
        }
        return ask(ledger, driver, ledger.placement(placement_id), **options)

    return call


@pytest.fixture
def left(ledger: Ledger, placement_id: int) -> Callable[[], Attempt]:
    """Give a way to read the placement's attempt, which insists that it is the only one."""

    def read() -> Attempt:
        (attempt,) = ledger.attempts(placement_id)
        return attempt

    return read
