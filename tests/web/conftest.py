"""The app of the plugin over real HTTP: uvicorn, a ledger, connections by the environment."""

from __future__ import annotations

import json
import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
import requests
import uvicorn
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
from fastapi import FastAPI
from tests.web.realairflow import RealAirflow, copied_clone

from preheat.provider import config
from preheat.web import access
from preheat.web.app import PREFIX, make_app

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator
    from pathlib import Path

    from preheat.ledger import Ledger, StoredEvent

SECRET = "Bearer correct-horse-battery"
DIGEST = f"sha256:{'a' * 64}"
DEFAULT = "application/json"
CLOUD_EVENTS = "application/cloudevents+json"


def delivery(number: int = 1, **changes: Any) -> dict[str, Any]:
    """Make a push as a CloudEvent; each number is another one."""
    repository = {"repo_full_name": f"team/app-{number}"}
    resource = {"digest": f"sha256:{number:064x}", "tag": "v1"}
    return {
        "specversion": "1.0",
        "id": f"7b3e0000-0000-0000-0000-{number:012d}",
        "type": "harbor.artifact.pushed",
        "time": "2026-11-24T04:01:16Z",
        "operator": "admin",
        "data": {"repository": repository, "resources": [resource]},
        **changes,
    }


@dataclass(frozen=True)
class Heard:
    """What a raw exchange brought.

    :param sent: bytes of the body that could be sent.
    """

    status: int
    head: str
    body: bytes
    sent: int


@dataclass
class Receiver:
    """The app, served."""

    bound: socket.socket
    server: uvicorn.Server
    thread: threading.Thread
    app: FastAPI = field(repr=False)
    ledger_url: str
    environment: pytest.MonkeyPatch = field(repr=False)

    @property
    def port(self) -> int:
        """Where it listens on loopback."""
        return int(self.bound.getsockname()[1])

    @property
    def url(self) -> str:
        """Where the app is mounted."""
        return f"http://127.0.0.1:{self.port}{PREFIX}"

    @property
    def ledger(self) -> Ledger:
        """The ledger that the app writes to."""
        return config.open_ledger()

    def connect(self, conn_id: str, conn_type: str = "harbor", **extra: Any) -> None:
        """Name a connection in the environment."""
        known = {name: extra.pop(name) for name in ("host", "login", "password") if name in extra}
        fields = {"conn_type": conn_type, "host": "https://h", **known, "extra": json.dumps(extra)}
        self.environment.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(fields))

    def post(
        self,
        body: object,
        content_type: str = CLOUD_EVENTS,
        *,
        conn_id: str = "harbor_default",
        authorization: str | None = SECRET,
        **headers: str,
    ) -> requests.Response:
        """Deliver a body as Harbor does."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        if authorization is not None:
            headers["Authorization"] = authorization
        headers = {"Content-Type": content_type, **headers}
        url = f"{self.url}/webhooks/harbor/{conn_id}"
        with requests.Session() as session:
            session.trust_env = False
            return session.post(url, data=raw, headers=headers, timeout=30)

    def read_as(self, dag_ids: Collection[str] | None) -> None:
        """Let whoever calls the API be somebody who may read these DAGs; None for all."""
        known = frozenset(dag_ids or {"preheat__web", "preheat_events", "preheat_upkeep"})
        reader = access.Reader(
            SimpleAuthManagerUser(username="reader", role="viewer"), known, sees_all=dag_ids is None
        )
        self.app.dependency_overrides[access._reader] = lambda: reader

    def get(self, path: str, **params: Any) -> requests.Response:
        """Read a route of the API."""
        with requests.Session() as session:
            session.trust_env = False
            return session.get(f"{self.url}/api/v1{path}", params=params, timeout=30)

    def exchange(self, head: Iterable[str], body: Iterable[bytes]) -> Heard:
        """Send what no HTTP library would, and read meanwhile."""
        request = f"POST {PREFIX}/webhooks/harbor/harbor_default HTTP/1.1"
        with socket.create_connection(("127.0.0.1", self.port), timeout=30) as opened:
            heard = bytearray()
            reader = threading.Thread(target=_read, args=(opened, heard))
            reader.start()
            opened.sendall("\r\n".join([request, "Host: h", *head, "", ""]).encode())
            sent = 0
            with suppress(OSError):
                for part in body:
                    opened.sendall(part)
                    sent += len(part)
            reader.join(30)
        first, _, rest = bytes(heard).partition(b"\r\n\r\n")
        return Heard(int(first.split()[1]), first.decode("latin-1"), rest, sent)

    def stop(self) -> None:
        """Stop serving, as a signal does."""
        self.server.should_exit = True
        self.thread.join(15)
        self.bound.close()

    def events(self) -> list[StoredEvent]:
        """Read what the inbox holds, oldest first."""
        return self.ledger.inbox.recent(limit=10_000)


def _read(opened: socket.socket, heard: bytearray) -> None:
    """Read one answer: to its end by its length, or to the end of the connection."""
    with suppress(OSError):
        while part := opened.recv(65536):
            heard += part
            head, separator, rest = bytes(heard).partition(b"\r\n\r\n")
            length = [line for line in head.lower().split(b"\r\n") if b"content-length" in line]
            if separator and length and len(rest) >= int(length[0].split(b":")[1]):
                return


def wait_for(happened: Callable[[], bool]) -> None:
    """Wait until something is true, or fail."""
    end = time.monotonic() + 10
    while not happened():
        assert time.monotonic() < end, "it did not happen in time"
        pause()


def pause() -> None:
    """Let a moment pass."""
    threading.Event().wait(0.05)


@pytest.fixture
def receiver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """Serve an app of its own for each test, mounted as Airflow does it."""
    url = f"sqlite:///{tmp_path}/preheat.db"
    monkeypatch.setenv("AIRFLOW__PREHEAT__LEDGER_URL", url)
    config._opened.clear()
    inner = make_app()
    outer = FastAPI(lifespan=lambda _: inner.router.lifespan_context(inner))
    outer.mount(PREFIX, inner)
    bound = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(outer, log_config=None, access_log=False))
    thread = threading.Thread(target=server.run, args=([bound],))
    thread.start()
    wait_for(lambda: server.started and bool(config._opened))
    made = Receiver(bound, server, thread, inner, url, monkeypatch)
    made.connect("harbor_default", webhook_authorization=SECRET)
    yield made
    made.stop()
    for ledger in config._opened.values():
        ledger.close()
    config._opened.clear()


@pytest.fixture(scope="session")
def real_airflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealAirflow]:
    """Start Airflow with all its parts and the sandbox, once; a policy has warmed its images."""
    root = tmp_path_factory.mktemp("clone")
    made = RealAirflow(**copied_clone(root, {"broken.yaml": "spec: {sources: []}\n"}))
    try:
        made.start()
        assert made.run_to_its_end("preheat__library-base")[1] == "success"
        yield made
    finally:
        made.stop()
