"""The one way we talk HTTP, against a small server on loopback."""

from __future__ import annotations

import select
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest
import requests

from preheat import transport
from preheat.errors import (
    NotFoundError,
    RateLimitedError,
    RefusedError,
    RemoteError,
    RemoteUnavailableError,
    UnexpectedAnswerError,
)
from preheat.transport import Transport, harden, redact

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Handler(BaseHTTPRequestHandler):
    """Answers ``/<status>`` with that status and a cookie; keeps what it was sent."""

    protocol_version = "HTTP/1.1"
    seen: list[dict[str, str]]
    release: threading.Event
    cut: threading.Event

    def do_GET(self) -> None:
        """Answer one request."""
        self.seen.append(dict(self.headers))
        if self.path.startswith("/hang"):
            self.release.wait(30)
            return
        if self.path in {"/drip", "/late"}:
            self.stall()
            return
        body = b"x" * 5000 if self.path == "/big" else b'{"said": "so"}'
        self.send_response(int(self.path[1:]) if self.path[1:].isdigit() else 200)
        self.send_header("Set-Cookie", "sid=abc; Path=/")
        self.send_header("Location", "/elsewhere")
        self.send_header("Retry-After", "7")
        self.send_header("Content-Length", str(len(body) + 100 * (self.path == "/short")))
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = self.path == "/short"

    def stall(self) -> None:
        """Answer late or without end, and tell when the client closes the connection."""
        if self.path == "/late":
            self.release.wait(0.5)
        self.send_response(200)
        self.send_header("Content-Length", "100000")
        self.end_headers()
        self.close_connection = True
        with suppress(OSError):
            while not self.release.wait(0.02):
                self.wfile.write(b"x" if self.path == "/drip" else b"")
                if select.select([self.connection], [], [], 0)[0] and not self.rfile.read(1):
                    break
        self.cut.set()

    def log_message(self, *args: object) -> None:
        """Keep quiet."""


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    """Serve on a free port."""
    Handler.seen, Handler.release, Handler.cut = [], threading.Event(), threading.Event()
    served = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=served.serve_forever, args=(0.01,))
    thread.start()
    yield served
    Handler.release.set()
    served.shutdown()
    served.server_close()
    thread.join()


@pytest.fixture
def client(server: ThreadingHTTPServer) -> Iterator[Transport]:
    """Talk to it."""
    with harden(requests.Session()) as session:
        yield Transport(session, f"http://127.0.0.1:{server.server_port}/", system="Harbor")


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (302, UnexpectedAnswerError),
        (401, RefusedError),
        (404, NotFoundError),
        (408, RemoteUnavailableError),
        (412, RefusedError),
        (429, RateLimitedError),
        (500, RemoteUnavailableError),
        (503, RemoteUnavailableError),
    ],
)
def test_each_status_has_its_error(client: Transport, status: int, kind: type[RemoteError]) -> None:
    """Callers decide by type; the error carries status, request and the other side's words."""
    with pytest.raises(RemoteError) as caught:
        client.call("GET", f"/{status}")
    assert type(caught.value) is kind
    assert (caught.value.status, caught.value.request) == (status, f"GET /{status}")
    assert caught.value.words == '{"said": "so"}'


def test_rate_limit_tells_how_long(client: Transport) -> None:
    """Retry-After is read."""
    with pytest.raises(RateLimitedError) as caught:
        client.call("GET", "/429")
    assert caught.value.retry_after_seconds == 7


def test_redirect_is_not_followed(client: Transport) -> None:
    """Dragonfly answers unknown paths with 301 to its console."""
    assert client.send("GET", "/301").status == 301
    assert len(Handler.seen) == 1


def test_cookie_is_not_kept(client: Transport) -> None:
    """A stored sid would turn later writes into 403 (recorded: csrf-post-with-session-cookie)."""
    client.call("GET", "/200")
    client.call("GET", "/200")
    assert "Cookie" not in Handler.seen[-1]


def test_netrc_does_not_replace_credentials(
    client: Transport, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A netrc of the worker's user must not change who asks."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login other password other")
    monkeypatch.setenv("NETRC", str(netrc))
    client.call("GET", "/200", headers={"Authorization": "Bearer ours"})
    assert Handler.seen[-1]["Authorization"] == "Bearer ours"


def test_body_is_bounded(client: Transport, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer without end does not fill the memory."""
    monkeypatch.setattr(transport, "MAX_BODY_BYTES", 4999)
    with pytest.raises(UnexpectedAnswerError, match="more than 4999 bytes"):
        client.call("GET", "/big")


def test_cut_body_is_no_answer(client: Transport) -> None:
    """Half a list must not be read as a whole one."""
    with pytest.raises(RemoteUnavailableError) as caught:
        client.call("GET", "/short")
    assert caught.value.sent


def test_silence_ends_at_the_time_out(client: Transport) -> None:
    """A server that hangs may have acted: the request counts as sent."""
    client.timeouts = (1, 0.05)
    with pytest.raises(RemoteUnavailableError) as caught:
        client.send("GET", "/hang")
    assert caught.value.sent


@pytest.mark.parametrize("path", ["/drip", "/late"])
def test_a_call_that_was_given_up_on_keeps_no_connection(client: Transport, path: str) -> None:
    """Neither an answer that drips for ever nor one that begins too late holds it.

    Each byte starts a read time-out anew, so those of a dripping answer never trip it.
    """
    client.timeouts = (1, 5)
    with pytest.raises(RemoteUnavailableError, match=r"within 0\.2 s|timeout=0\.2\)") as caught:
        client.send("GET", path, within=0.2)
    assert caught.value.sent
    assert Handler.cut.wait(10)
    assert client.send("GET", "/200", within=5).status == 200


def test_a_call_in_time_brings_its_answer_or_its_error(client: Transport) -> None:
    """The bound changes nothing else."""
    assert client.call("GET", "/200", within=5).json() == {"said": "so"}
    with pytest.raises(RemoteUnavailableError, match="did not answer GET /short"):
        client.call("GET", "/short", within=5)


def test_refused_connection_was_not_sent() -> None:
    """Nothing can have happened on the other side."""
    with harden(requests.Session()) as session, pytest.raises(RemoteUnavailableError) as caught:
        Transport(session, "http://127.0.0.1:9", system="Dragonfly").send("POST", "/jobs")
    assert not caught.value.sent


def test_other_than_json_says_what_came(client: Transport) -> None:
    """The first bytes tell a person whose page that was."""
    with pytest.raises(UnexpectedAnswerError, match="something else than JSON: xxx"):
        client.call("GET", "/big").json()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Authorization: Bearer abc.def", "Authorization: Bearer ***"),
        ("Basic cm9ib3Q6eA== sent", "Basic *** sent"),
        ('Basic realm="harbor"', 'Basic realm="harbor"'),
        ("http://user:pass@host/path", "http://***host/path"),
        ('{"token":"eyJhbGciOiJSUzI1NiJ9.eyJz.s"}', '{"token":"***"}'),
        ("cut eyJhbGciOiJSUzI1Ni", "cut ***"),
        ("y" * 600, "y" * 500 + "…"),
    ],
)
def test_words_hold_no_secret(text: str, shown: str) -> None:
    """Other systems quote what they were sent; we do not pass it on."""
    assert redact(text) == shown
