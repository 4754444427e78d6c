"""A manager that answers what the test tells it to, on loopback."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from pydantic import SecretStr

from preheat.drivers.base import HeatRequest, Timing
from preheat.drivers.dragonfly import DragonflyDriver
from preheat.placement import PlacementKey, Scope, TrackSettings
from preheat.transport import Transport, harden

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

RECORDED = Path(__file__).parents[2] / "data" / "recorded" / "dragonfly"
DIGEST = "sha256:" + "a" * 64


@dataclass
class Call:
    """One request that reached the manager."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


@dataclass
class Wire:
    """The scripted manager: ``answer`` maps a call to (status, body, headers)."""

    answer: Callable[[Call], tuple[int, str, dict[str, str]]] = lambda _: (404, "", {})
    calls: list[Call] = field(default_factory=list)
    url: str = ""
    hold: threading.Event = field(default_factory=threading.Event)


@pytest.fixture
def wire() -> Iterator[Wire]:
    """Give a manager on a free port."""
    wire = Wire()

    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            raw = self.rfile.read(length)
            parts = urlsplit(self.path)
            query = {key: values[0] for key, values in parse_qs(parts.query).items()}
            body = json.loads(raw) if raw else None
            call = Call(self.command, parts.path, query, dict(self.headers), body)
            wire.calls.append(call)
            status, text, headers = wire.answer(call)
            data = text.encode()
            self.send_response(status)
            headers = {"Content-Length": str(len(data)), **headers}
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = _serve  # noqa: N815  # names that http.server calls

        def date_time_string(self, timestamp: float | None = None) -> str:
            return "Tue, 24 Nov 2026 04:30:00 GMT"

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    wire.url = f"http://127.0.0.1:{server.server_port}"
    yield wire
    wire.hold.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def recorded() -> Callable[[str], dict[str, Any]]:
    """Read one recording of a real manager."""
    return lambda name: json.loads((RECORDED / f"{name}.json").read_text())


@pytest.fixture
def replayed(recorded: Callable[[str], dict[str, Any]]) -> Callable[..., tuple[int, str, dict]]:
    """Give a recorded answer in the form that ``Wire.answer`` returns."""

    def answer(name: str, exchange: int = 0) -> tuple[int, str, dict[str, str]]:
        recording = recorded(name)
        response = recording.get("exchanges", [recording])[exchange]["response"]
        return response["status"], response["body_text"], response["headers"]

    return answer


@pytest.fixture
def waits() -> list[float]:
    """Collect the pauses that the driver asked for."""
    return []


@pytest.fixture
def driver(wire: Wire, waits: list[float]) -> Iterator[DragonflyDriver]:
    """Give the real driver, talking to the scripted manager."""
    with harden(requests.Session()) as session:
        yield DragonflyDriver(
            Transport(session, wire.url, system="Dragonfly"),
            token=SecretStr("the-token"),
            timing=Timing(),
            post_timeout_seconds=5,
            wait=waits.append,
        )


@pytest.fixture
def heat_request() -> Callable[..., HeatRequest]:
    """Build a request; keywords go into the key or the settings, whichever has them."""

    def build(**changes: Any) -> HeatRequest:
        key = {
            "cluster": "eu-1",
            "pull_endpoint": "http://10.77.0.1:5000",
            "repository": "lab/app",
            "digest": DIGEST,
            "platform": "linux/amd64",
            "scope": Scope.SINGLE_SEED_PEER,
            "peers": "",
        }
        settings = {
            "driver": "dragonfly",
            "connection": "dragonfly_default",
            "scheduler_cluster_id": 1,
            "registry": "harbor_default",
        }
        fields = {"nonce": "n-1", "authorization": SecretStr("Bearer pull"), "note": "by hand"}
        for name, value in changes.items():
            target = key if name in key else fields if name in fields else settings
            target[name] = value
        return HeatRequest(PlacementKey(**key), TrackSettings(**settings), **fields)

    return build
