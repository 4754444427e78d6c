"""A server that answers with any bytes at all, and all that we ever ask of either system."""

from __future__ import annotations

import socketserver
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
import requests
from pydantic import SecretStr

from preheat.drivers.base import HeatRequest, Timing
from preheat.drivers.dragonfly import DragonflyDriver
from preheat.errors import PreheatError
from preheat.facts import Kind, Question
from preheat.harbor.client import HarborClient
from preheat.placement import PlacementKey, Scope, TrackSettings
from preheat.transport import Transport, harden

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

DIGEST = "sha256:" + "a" * 64
SECRET = "s3cret-of-the-robot"
REQUEST = HeatRequest(
    PlacementKey("eu-1", "http://10.0.0.1", "a/b", DIGEST, "linux/amd64", Scope.SINGLE_SEED_PEER),
    TrackSettings("dragonfly", "dragonfly_default", 1, "harbor_default"),
    nonce="n-1",
)


@dataclass
class Liar:
    """Answers every request with the same bytes, however it is told to.

    :param answer: gives the pieces that are sent, headers included; the connection closes then.
    :param truths: JSON bodies that are sent instead, by a part of the request line or body.
    """

    url: str = ""
    answer: Callable[[], Iterable[bytes]] = lambda: [b""]
    truths: dict[str, bytes] = field(default_factory=dict)
    over: threading.Event = field(default_factory=threading.Event)

    def says(
        self, body: bytes, status: str = "200 OK", kind: str = "application/json", **headers: str
    ) -> None:
        """Answer with one whole body."""
        whole = whole_answer(body, status, kind, headers)
        self.answer = lambda: [whole]


def whole_answer(
    body: bytes, status: str = "200 OK", kind: str = "application/json", headers: Any = ()
) -> bytes:
    """Write an answer as HTTP wants it."""
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in dict(headers).items()]
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode("latin-1") + body


@pytest.fixture(scope="session")
def served() -> Iterator[Liar]:
    """Serve on a free port."""
    liar = Liar()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            asked, length = self.rfile.readline(), 0
            while (line := self.rfile.readline()).strip():
                name, _, value = line.decode("latin-1").partition(":")
                length = int(value) if name.lower() == "content-length" else length
            asked += self.rfile.read(length)
            true = [body for part, body in liar.truths.items() if part.encode() in asked]
            with suppress(OSError):
                for piece in [whole_answer(true[0])] if true else liar.answer():
                    if liar.over.is_set():
                        return
                    self.wfile.write(piece)

    socketserver.ThreadingTCPServer.daemon_threads = True
    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    liar.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield liar
    liar.over.set()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def liar(served: Liar) -> Iterator[Liar]:
    """Give the server, and stop what it sends without end."""
    served.over.clear()
    served.truths = {}
    yield served
    served.over.set()


_sessions: list[requests.Session] = []
_patience = [10.0]


@pytest.fixture
def impatient() -> Iterator[None]:
    """Give an exchange one second."""
    before, _patience[0] = _patience[0], 1.0
    yield
    _patience[0] = before


@pytest.fixture(autouse=True)
def closing() -> Iterator[None]:
    """Close the sessions of a test after it."""
    yield
    while _sessions:
        _sessions.pop().close()


def transport(url: str, system: str) -> Transport:
    """Talk to the server as one of the two systems, with little patience."""
    session = harden(requests.Session())
    _sessions.append(session)
    return Transport(
        session,
        url,
        system=system,
        connect_timeout=2,
        read_timeout=2,
        total_timeout=_patience[0],
    )


def driver(url: str) -> DragonflyDriver:
    """Take the server for a manager whose clock runs fast."""
    return DragonflyDriver(
        transport(url, "Dragonfly"),
        token=SecretStr(SECRET),
        timing=Timing(0.001),
        post_timeout_seconds=_patience[0],
        wait=lambda _: None,
    )


def harbor(url: str) -> HarborClient:
    """Take the server for a Harbor."""
    return HarborClient(
        transport(url, "Harbor"), registry="harbor", username="robot$r", secret=SecretStr(SECRET)
    )


QUESTIONS = [Question(kind, "harbor", "a", "b", DIGEST) for kind in Kind]

CALLS: dict[str, Callable[[str], Any]] = {
    "heat": lambda url: driver(url).heat(REQUEST),
    "one job": lambda url: driver(url).query([7], scheduler_cluster_id=1),
    "jobs": lambda url: driver(url).query(range(1, 7), scheduler_cluster_id=1),
    "look": lambda url: driver(url).look(dict.fromkeys(range(1, 7), 1)),
    "find": lambda url: driver(url).find("n-1"),
    "verify": lambda url: driver(url).verify(REQUEST, [DIGEST]),
    "clusters": lambda url: driver(url).manager.clusters(),
    "manager's check": lambda url: driver(url).check(),
    "projects": lambda url: harbor(url).projects([lambda _: True]),
    "artifacts": lambda url: list(harbor(url).project_artifacts("team-a", labels=True)),
    "artifact": lambda url: harbor(url).artifact("a", "b", DIGEST),
    "answers": lambda url: harbor(url).answer(QUESTIONS),
    "report": lambda url: harbor(url).answer([Question(Kind.REPORT, "harbor", "a", "b", DIGEST)]),
    "CVEs": lambda url: harbor(url).answer([
        Question(Kind.VULNERABILITIES, "harbor", "a", "b", DIGEST)
    ]),
    "token": lambda url: harbor(url).pull_authorization(["a/b"]),
    "manifest": lambda url: harbor(url).resolve("a/b", DIGEST, "linux/amd64"),
    "children": lambda url: harbor(url).children("a/b", DIGEST),
    "blob": lambda url: harbor(url).blob_answer("a/b", DIGEST).words,
    "instances": lambda url: harbor(url).preheat_instances(),
    "policies": lambda url: harbor(url).preheat_policies("a"),
    "security": lambda url: harbor(url).project_security("a"),
    "Harbor's check": lambda url: harbor(url).check(),
}
CHECKS = {"manager's check", "Harbor's check"}
TELLING = {"blob"}  # tells what the registry says, in words


def tried(name: str, url: str) -> Exception | None:
    """Call, and give the error; anything but one of ours with a message fails the test."""
    try:
        got = CALLS[name](url)
    except PreheatError as error:
        words = str(error)
        assert words.strip()
        assert len(words) < 3000
        assert SECRET not in words
        assert words.isprintable() or words.replace("\n", "").isprintable()
        return error
    if name in CHECKS:
        assert not got.ok
        assert str(got)
    if name in TELLING:
        assert got.isprintable()
    return None


@pytest.fixture
def tried_call(liar: Liar) -> Callable[[str], Exception | None]:
    """Call by name, and give the error."""
    return lambda name: tried(name, liar.url)


@pytest.fixture(params=sorted(CALLS))
def call(request: pytest.FixtureRequest, liar: Liar) -> Callable[[], Exception | None]:
    """Give each of our calls in turn."""
    return lambda: tried(request.param, liar.url)
