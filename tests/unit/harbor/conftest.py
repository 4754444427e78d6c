"""A loopback server that replays recorded answers of a Harbor 2.15.2, and clients that ask it."""

from __future__ import annotations

import json
import threading
from collections import deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import jwt
import pytest
import requests
from pydantic import SecretStr

from preheat.harbor.client import HarborClient
from preheat.transport import Transport, harden

if TYPE_CHECKING:
    from collections.abc import Iterator

RECORDED = Path(__file__).parents[2] / "data" / "recorded" / "harbor"
KEY = "a key of thirty-two bytes or more"


@dataclass(frozen=True)
class Asked:
    """One request that reached the server."""

    path: str
    query: list[tuple[str, str]]
    headers: dict[str, str]
    method: str = "GET"
    body: bytes = b""

    def value(self, name: str) -> str:
        """Return one query parameter."""
        return dict(self.query)[name]


@dataclass
class Replay:
    """Answers by path: the recordings given for it one after the other, the last one for ever.

    What is asked with another method than GET has it before its path, and a blank.
    """

    answers: dict[str, deque[tuple[int, dict[str, str], bytes]]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    url: str = ""

    def recorded(self, path: str, *names: str) -> None:
        """Answer a path with these recordings."""
        for name in names:
            recording = json.loads((RECORDED / f"{name}.json").read_text("utf-8"))
            answer = recording["response"]
            kept = ("Content-Type", "X-Total-Count", "Www-Authenticate")
            headers = {key: value for key, value in answer["headers"].items() if key in kept}
            body = answer["body_text"].replace("<jwt>", _token(recording))
            self.made_up(path, body, status=answer["status"], headers=headers)

    def made_up(
        self,
        path: str,
        body: str | bytes,
        *,
        status: int = 200,
        headers: dict[str, str] | None = None,
    ) -> None:
        """Answer a path with something that no recording holds."""
        content = body if isinstance(body, bytes) else body.encode()
        self.answers.setdefault(path, deque()).append((status, headers or {}, content))

    def next(self, path: str) -> tuple[int, dict[str, str], bytes]:
        """Return the answer that is due."""
        queue = self.answers.get(path)
        if not queue:
            return 418, {}, f"nothing recorded for {path}".encode()
        return queue.popleft() if len(queue) > 1 else queue[0]


def _token(recording: dict[str, Any]) -> str:
    """Sign the recorded claims anew: the recordings hold no real token."""
    claims = (recording["observed"].get("note") or {}) if recording.get("observed") else {}
    return jwt.encode(claims["jwt_claims"], KEY) if "jwt_claims" in claims else "<jwt>"


@pytest.fixture
def replay() -> Iterator[Replay]:
    """Serve recorded answers on loopback."""
    script = Replay()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = urlsplit(self.path)
            sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            asked = (url.path, parse_qsl(url.query), dict(self.headers), self.command, sent)
            script.asked.append(Asked(*asked))
            place = url.path if self.command == "GET" else f"{self.command} {url.path}"
            status, headers, body = script.next(place)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815 - http.server's names

        def log_message(self, *args: object) -> None:
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    script.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield script
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def session() -> Iterator[requests.Session]:
    """Open a safe session, closed after the test."""
    with harden(requests.Session()) as opened:
        yield opened


@pytest.fixture
def robot(replay: Replay, session: requests.Session) -> HarborClient:
    """Ask as the robot of the recordings."""
    transport = Transport(session, replay.url, system="Harbor")
    return HarborClient(
        transport, registry="harbor_default", username="robot$orch", secret=SecretStr("s3cret")
    )


@pytest.fixture
def anonymous(replay: Replay, session: requests.Session) -> HarborClient:
    """Ask without credentials."""
    return HarborClient(Transport(session, replay.url, system="Harbor"), registry="harbor_default")
