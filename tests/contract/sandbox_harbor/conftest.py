"""The lab in which Harbor was recorded, rebuilt in the stand-in, and a client to ask it."""

from __future__ import annotations

import json
import re
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests

from preheat.sandbox import HarborServer
from preheat.sandbox.harbor import (
    By,
    HarborState,
    ImageSpec,
    Permission,
    Settings,
    make_scan,
    push_chart,
    push_image,
    sign,
)
from preheat.sandbox.harbor.content import Document, Layer, Platform
from preheat.sandbox.harbor.recipes import ManifestRecipe

if TYPE_CHECKING:
    from collections.abc import Iterator

RECORDED = Path(__file__).parents[2] / "data" / "recorded" / "harbor"
SECRET = "right-secret"
BUILT = datetime(2026, 11, 24, 3, 55, tzinfo=UTC)
READ = {
    *("project:read", "repository:list", "repository:read", "repository:pull", "label:list"),
    *("artifact:list", "artifact:read", "tag:list", "accessory:list"),
}
LOAD = {"repository:push", "artifact:delete", "tag:create", "tag:delete", "artifact-label:create"}


def build_lab() -> HarborState:
    """Build the projects, images and accounts of the recordings."""
    state = HarborState(Settings(scanner=False))
    for name in (
        "library",
        "team-a",
        "public-lib",
        "hooks",
        "ph",
        "big",
        "sec",
        "hookfail",
        "other",
    ):
        state.add_project(name, public=name in {"library", "public-lib"}, at=BUILT)
    team_a = state.projects["team-a"]
    labels = [state.add_label(name) for name in ("gold", "preheat")]
    stable = state.add_label("stable", team_a)
    state.add_label("preheat-p", team_a)
    _images(state)
    state.label(state.find("team-a/api", "1.0"), labels[0])
    for label in (labels[0], stable):
        state.label(state.find("team-a/web/frontend", "v1.1.0"), label)
    state.label(state.find("team-a/deep/nested/path/app", "v3"), labels[1])
    _accounts(state)
    _history(state)
    return state


def _history(state: HarborState) -> None:
    """Do what leaves rows in the audit feed and nothing else."""
    demo = state.find("team-a/retag-demo", "v1")
    for _ in range(3):
        state.tag(demo, "promoted", by=By("robot$loader"))
        state.untag(demo, "promoted", by=By("robot$loader"))
    gone = push_image(state, "other/gone", ImageSpec("gone"), tags=["v1"], by=By("robot$loader"))
    for who in ("robot$orch", "admin", "", "robot$loader", "", "robot$orch"):
        state.note_pull(gone, "v1", by=By(who))
    state.delete_repository("other/gone")


def _images(state: HarborState) -> None:
    at = iter(BUILT + timedelta(seconds=n) for n in range(1000))
    push_image(state, "team-a/web/frontend", ImageSpec("fe1"), tags=["v1.0.0"], at=next(at))
    push_image(
        state, "team-a/web/frontend", ImageSpec("fe2"), tags=["v1.1.0", "latest"], at=next(at)
    )
    push_image(state, "team-a/web/frontend", ImageSpec("fe3"), tags=["v2.0.0-rc1"], at=next(at))
    push_image(state, "team-a/api", ImageSpec("api", docker=True), tags=["1.0"], at=next(at))
    for name in ("clean-app", "crit-app", "high-app", "scanfail-app"):
        push_image(state, f"team-a/{name}", ImageSpec(name), tags=["1.0"], at=next(at))
    app = "team-a/deep/nested/path/app"
    both = ("linux/amd64", "linux/arm64/v8")
    spec = ImageSpec("app", platforms=both, attested=True)
    push_image(state, app, spec, tags=["v3"], at=next(at))
    push_image(state, "team-a/untagged", ImageSpec("untagged"), at=next(at))
    push_chart(state, "team-a/charts/demo", "0.1.0", at=next(at))
    _custom(state, "team-a/models/tiny-llm", "cncf.model", "1.0", next(at))
    _custom(state, "team-a/misc/policy", "cncf.openpolicyagent", "1", next(at))
    sign(state, push_image(state, "team-a/signed", ImageSpec("s1"), tags=["1.0"], at=next(at)))
    subject = push_image(state, "team-a/signed", ImageSpec("s2"), tags=["2.0"], at=next(at))
    for kind in ("signature.cosign", "subject.accessory", "signature.notation", "sbom.harbor"):
        sign(state, subject, kind)
    sign(
        state,
        push_image(state, app, ImageSpec("app", platforms=both), tags=["signed"], at=next(at)),
    )
    _custom(state, "team-a/models/tiny-llm", "cnai.model", "1.1", next(at))
    early = BUILT - timedelta(hours=1)
    child = push_image(
        state, "team-a/winapp", ImageSpec("win", platforms=["windows/amd64"]), at=early
    )
    windows = Platform("windows", "amd64", "", "10.0.20348.2113", ("win32k",))
    state.push_index("team-a/winapp", [(child, windows)], tags=["ltsc2022"], at=early)
    push_image(state, "team-a/retag-demo", ImageSpec("rt1"), tags=["v1"], at=early)
    push_image(state, "public-lib/busy", ImageSpec("busy"), tags=["1"], at=next(at))
    push_image(state, "hooks/multi", ImageSpec("multi", platforms=both), tags=["v1"], at=next(at))


def _custom(state: HarborState, name: str, family: str, tag: str, at: datetime) -> None:
    """Push something that is no image."""
    about = {
        "config": {"architecture": "transformer", "format": "safetensors", "paramSize": "1b"},
        "descriptor": {"createdAt": "2026-01-01T00:00:00Z", "name": "tiny-llm"},
        "modelfs": {"diffIds": ["sha256:2d71"], "type": "layers"},
    }
    kind = f"application/vnd.{family}.config.v1+json"
    config = Document(kind, json.dumps(about).encode(), about if "model" in family else None)
    state.push(name, ManifestRecipe(config, (Layer(kind, 4000),)), tags=[tag], at=at)


def _accounts(state: HarborState) -> None:
    accounts = state.accounts
    everywhere = Permission.project("*", READ)
    feed = Permission.system({"project:list", "audit-log:list"})
    log = Permission.project("team-a", {"log:list"})
    accounts.add_robot("robot$orch", SECRET, [everywhere, feed, log])
    accounts.add_robot("robot$loader", SECRET, [Permission.project("*", READ | LOAD)])
    for name, project, rights in (
        ("pullonly", "team-a", {"repository:pull"}),
        ("pusher", "team-a", {"repository:pull", "repository:push"}),
        ("minimal", "team-a", {"repository:pull", "artifact:list"}),
        ("noperm", "other", {"project:read"}),
        ("hookadmin", "team-a", {"notification-policy:create"}),
    ):
        permission = Permission.project(project, rights)
        accounts.add_robot(f"robot${project}+{name}", SECRET, [permission], level="project")
    accounts.add_user("alice", SECRET)
    accounts.users["admin"] = SECRET


class Lab:
    """A client of one stand-in, and the stand-in's state."""

    def __init__(self, server: HarborServer) -> None:
        self.url = server.url
        self.state = server.state

    def call(self, method: str, path: str, *, who: str = "", **options: Any) -> requests.Response:
        """Send one request, as an account or as nobody."""
        secret = options.pop("secret", SECRET)
        auth = (who, secret) if who else None
        return requests.request(method, self.url + path, auth=auth, timeout=10, **options)

    def get(self, path: str, who: str = "robot$orch", **options: Any) -> requests.Response:
        """Send a GET, as the orchestrator's robot."""
        return self.call("GET", path, who=who, **options)

    def listed(self, project: str, q: str = "", who: str = "robot$orch") -> list[dict[str, Any]]:
        """List a whole project's artifacts with labels."""
        params = {"q": q, "sort": "id", "page_size": "100", "with_label": "true"}
        rows: list[dict[str, Any]] = self.get(
            f"/api/v2.0/projects/{project}/artifacts", who, params=params
        ).json()
        return rows

    def token(self, *repositories: str, who: str = "robot$orch", secret: str = SECRET) -> str:
        """Get a registry token."""
        params = [("service", "harbor-registry")]
        params += [("scope", f"repository:{name}:pull") for name in repositories]
        answer = self.get("/service/token", who, params=params, secret=secret)
        return str(answer.json()["token"])

    def bearer(self, *repositories: str, who: str = "robot$orch") -> dict[str, str]:
        """Get a registry token as a header."""
        return {"Authorization": f"Bearer {self.token(*repositories, who=who)}"}


@contextmanager
def serve_lab(state: HarborState) -> Iterator[Lab]:
    """Serve a state on a free port."""
    server = HarborServer(state)
    server.start()
    try:
        yield Lab(server)
    finally:
        server.stop()
        state.close()


@pytest.fixture(scope="module")
def shared_lab() -> Iterator[Lab]:
    """Serve one lab for tests that leave no trace others could see."""
    with serve_lab(build_lab()) as lab:
        yield lab


@pytest.fixture
def lab() -> Iterator[Lab]:
    """Serve a fresh lab."""
    with serve_lab(build_lab()) as served:
        yield served


@pytest.fixture
def serve() -> Any:
    """Give the way to serve a state of one's own."""
    return serve_lab


@pytest.fixture
def scan() -> Any:
    """Give the way to record a scan by tag."""

    def record(state: HarborState, name: str, status: str = "Success", **counts: int) -> None:
        for reference in state.repository(name).by_digest.values():
            state.settings.scanner = True
            made = make_scan(counts, BUILT, status=status, fixable=1)
            state.set_scan(reference, made)

    return record


@pytest.fixture
def settings() -> Any:
    """Give the settings' class, for stand-ins that behave differently."""
    return Settings


def recorded(name: str) -> dict[str, Any]:
    """Read one recording; its lab's address becomes a placeholder."""
    text = (RECORDED / f"{name}.json").read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(re.sub(r"127\.0\.0\.1:8088", "HOST", text))
    return loaded


@pytest.fixture(name="recorded")
def recorded_fixture() -> Any:
    """Give the reader of recordings."""
    return recorded


@dataclass(frozen=True)
class Received:
    """One request to the receiver; ``at`` is monotonic."""

    method: str
    path: str
    headers: dict[str, str]
    body: str
    at: float


class Receiver:
    """Takes webhooks and answers as the path says.

    ``/status/N`` answers N, ``/slow/S`` answers after S seconds, ``/redirect`` sends to
    ``/landed``, ``/loop`` to itself; all else is answered with 200.
    """

    def __init__(self) -> None:
        self.url = ""
        self.changed = threading.Condition()
        self.received: list[Received] = []

    def wait(self, count: int, seconds: float = 10) -> list[Received]:
        """Wait until that many requests are there, and give all."""
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.received) >= count, seconds), (
                f"{len(self.received)} of {count} requests came: {self.received}"
            )
            return list(self.received)

    def take(self, request: Received) -> tuple[int, dict[str, str]]:
        """Note a request and say what to answer."""
        with self.changed:
            self.received.append(request)
            self.changed.notify_all()
        _, kind, told = (*request.path.split("/"), "")[:3]
        if kind == "slow":
            time.sleep(float(told))
        status = int(told) if kind == "status" else 200
        where = {"redirect": "/landed", "loop": "/loop"}.get(kind)
        return (302, {"Location": where}) if where else (status, {})


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Serve a receiver of webhooks on a free port."""
    taker = Receiver()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            headers = dict(self.headers.items())
            request = Received(self.command, self.path, headers, body, time.monotonic())
            status, told = taker.take(request)
            self.send_response(status)
            for name, value in {"Content-Length": "0", **told}.items():
                self.send_header(name, value)
            self.end_headers()

        def do_GET(self) -> None:
            self.do_POST()

        def log_message(self, *args: object) -> None:
            """Say nothing."""

        def handle(self) -> None:
            try:
                super().handle()
            except ConnectionError:
                self.close_connection = True

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    taker.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield taker
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
