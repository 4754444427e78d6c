"""A manager to talk to over HTTP, a small registry of our own, and the recorded answers."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests

from preheat.sandbox import ManagerServer
from preheat.sandbox.dragonfly import ClusterSpec, DragonflyState, ManagerSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

RECORDED = Path(__file__).parents[2] / "data" / "recorded" / "dragonfly"
MIB = 1024 * 1024
LAB = (
    ClusterSpec(1, "cluster-1", ("10.77.0.11",), ("10.77.0.12", "10.77.0.13")),
    ClusterSpec(2, "cluster-2", has_scheduler=False),
)


class Registry:
    """An open registry in the manner of distribution 2.8; Basic authentication on demand."""

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}
        self.manifests: dict[tuple[str, str], bytes] = {}
        self.missing: set[str] = set()
        self.log: list[tuple[str, str, int, str]] = []
        self.password = ""
        self.url = ""

    @property
    def host(self) -> str:
        """Host and port."""
        return self.url.removeprefix("http://")

    def push(self, name: str, sizes: tuple[int, ...] = (3000, 2000), platform: str = "") -> str:
        """Push a single manifest and give its digest."""
        config = self._blob(f"{name} {platform} config".encode())
        layers = [
            self._blob(hashlib.sha256(f"{name} {platform} {n}".encode()).digest() * (size // 32))
            for n, size in enumerate(sizes)
        ]
        body = json.dumps({"schemaVersion": 2, "config": config, "layers": layers}).encode()
        return self._manifest(name, body)

    def push_index(self, name: str, platforms: tuple[str, ...]) -> None:
        """Push one image for several platforms."""
        children = []
        for platform in platforms:
            system, architecture = platform.split("/")[:2]
            where = {"os": system, "architecture": architecture}
            digest = self.push(name, platform=platform)
            children.append({"digest": digest, "platform": where})
        self._manifest(name, json.dumps({"schemaVersion": 2, "manifests": children}).encode())

    def blob_urls(self, name: str) -> list[str]:
        """URLs of the blobs of a single manifest, config first."""
        manifest = json.loads(self.manifests[name, "1.0"])
        parts = [manifest["config"], *manifest["layers"]]
        return [f"{self.url}/v2/{name}/blobs/{part['digest']}" for part in parts]

    def manifest_url(self, name: str) -> str:
        """URL of the tag 1.0."""
        return f"{self.url}/v2/{name}/manifests/1.0"

    def fetched(self, ip: str) -> list[tuple[str, int]]:
        """Tell which blob requests came from a peer: last part of the path and status."""
        return [
            (path.rpartition("/")[2], status)
            for path, agent, status, _ in self.log
            if agent == f"dragonfly-peer/{ip}"
        ]

    def _blob(self, content: bytes) -> dict[str, Any]:
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        self.blobs[digest] = content
        return {"digest": digest, "size": len(content)}

    def _manifest(self, name: str, body: bytes) -> str:
        digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
        self.manifests[name, digest] = self.manifests[name, "1.0"] = body
        return digest

    def answer(self, path: str, headers: Any) -> tuple[int, bytes, dict[str, str]]:
        """Answer one GET."""
        sent = headers.get("Authorization", "")
        wanted = base64.b64encode(f"puller:{self.password}".encode()).decode()
        if self.password and sent != f"Basic {wanted}":
            body = _errors("UNAUTHORIZED", "authentication required")
            return 401, body, {"WWW-Authenticate": 'Basic realm="lab"'}
        if path == "/v2/":
            return 200, b"{}", {}
        name, kind, reference = path.removeprefix("/v2/").rsplit("/", 2)
        if name != name.lower():
            return 404, b"404 page not found\n", {"Content-Type": "text/plain"}
        if kind == "manifests":
            found = self.manifests.get((name, reference.partition("?")[0]))
            return (200, found, {}) if found else (404, _errors("MANIFEST_UNKNOWN"), {})
        content = self.blobs.get(reference)
        if content is None or reference in self.missing:
            return 404, _errors("BLOB_UNKNOWN"), {}
        return _ranged(content, headers.get("Range"))


def _errors(code: str, message: str = "") -> bytes:
    words = message or code.lower().replace("_", " ")
    return json.dumps({"errors": [{"code": code, "message": words}]}).encode()


def _ranged(content: bytes, wanted: str | None) -> tuple[int, bytes, dict[str, str]]:
    if not wanted:
        return 200, content, {}
    first, last = (int(part) for part in wanted.removeprefix("bytes=").split("-"))
    shown = f"bytes {first}-{last}/{len(content)}"
    return 206, content[first : last + 1], {"Content-Range": shown}


@contextmanager
def serve_registry() -> Iterator[Registry]:
    """Serve a registry on a free port."""
    registry = Registry()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            status, body, headers = registry.answer(self.path, self.headers)
            entry = (self.path, self.headers["User-Agent"], status, self.headers.get("Range", ""))
            registry.log.append(entry)
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    registry.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield registry
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Manager:
    """A client of one manager, and the manager itself."""

    def __init__(self, server: ManagerServer) -> None:
        self.server = server
        self.state = server.state
        self.url = server.url
        self.token = "preheat-sandbox-token"

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        """Send one request with the token, following no redirect."""
        headers = {"Authorization": f"Bearer {self.token}", **options.pop("headers", {})}
        return requests.request(
            method,
            self.url + path,
            headers=headers,
            allow_redirects=False,
            timeout=30,
            **options,
        )

    def post(self, args: dict[str, Any], **envelope: Any) -> requests.Response:
        """Create a job in cluster 1, a preheat unless the type says otherwise."""
        body = {"type": "preheat", "args": args, "scheduler_cluster_ids": [1], **envelope}
        return self.call("POST", "/oapi/v1/jobs", json=body)

    def preheat(self, url: str, *, by: str = "single_seed_peer", **args: Any) -> dict[str, Any]:
        """Preheat an image and give its row once the manager has looked at the ended work."""
        created = self.post({"type": "image", "url": url, "scope": by, **args})
        assert created.status_code == 200, created.text
        return self.after_look(created.json()["id"])

    def after_look(self, job_id: int, seconds: float = 30.5) -> dict[str, Any]:
        """Let time pass and read a row."""
        self.state.advance(seconds)
        return self.row(job_id)

    def row(self, job_id: int) -> dict[str, Any]:
        """Read a row."""
        return self.call("GET", f"/oapi/v1/jobs/{job_id}").json()


@contextmanager
def serve_manager(**settings: Any) -> Iterator[Manager]:
    """Serve the lab of the recordings: one seed, two peers, a cluster without scheduler."""
    state = DragonflyState(ManagerSettings(**settings), LAB)
    server = ManagerServer(state)
    server.start()
    try:
        yield Manager(server)
    finally:
        server.stop()
        state.close()


@pytest.fixture(scope="module")
def registry() -> Iterator[Registry]:
    """Serve a registry for all tests of a module; each test pushes under its own names."""
    with serve_registry() as served:
        yield served


@pytest.fixture
def manager() -> Iterator[Manager]:
    """Serve a fresh manager."""
    with serve_manager() as served:
        yield served


@pytest.fixture(scope="module")
def shared_manager() -> Iterator[Manager]:
    """Serve one manager for tests that leave no trace others could see."""
    with serve_manager(job_rate_limit=10_000) as served:
        yield served


def recorded(name: str) -> dict[str, Any]:
    """Read one recording."""
    loaded: dict[str, Any] = json.loads((RECORDED / f"{name}.json").read_text())
    return loaded


@pytest.fixture(name="recorded")
def recorded_fixture() -> Any:
    """Give the reader of recordings."""
    return recorded


@pytest.fixture(name="serve_manager")
def serve_manager_fixture() -> Any:
    """Give the way to serve a manager with other settings."""
    return serve_manager
