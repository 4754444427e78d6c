"""Ordered faults: answers replaced, delayed, and connections really cut."""

from __future__ import annotations

import socket
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
import requests
from fastapi import FastAPI, Response

from preheat.sandbox.server import Server

if TYPE_CHECKING:
    from collections.abc import Iterator


class Counting:
    """A server with one route, which counts how often its handler ran."""

    def __init__(self) -> None:
        self.ran = 0
        app = FastAPI()
        app.add_api_route("/thing/{name}", self.handle, methods=["GET", "POST"])
        self.server = Server(app)

    def handle(self, name: str) -> Response:
        """Answer the name."""
        self.ran += 1
        return Response(name)

    def call(self, method: str = "GET", path: str = "/thing/a", **options: Any) -> Any:
        """Send one request on a connection of its own."""
        return requests.request(method, self.server.url + path, timeout=10, **options)


@pytest.fixture
def thing() -> Iterator[Counting]:
    """Serve the one-route application."""
    counting = Counting()
    counting.server.start()
    yield counting
    counting.server.stop()


def test_the_next_answers_are_replaced_then_all_is_well(thing: Counting) -> None:
    """Two times 503 with body and headers, ordered over HTTP; the handler does not run."""
    order = {
        "match": {"method": "POST", "path": "^/thing/"},
        "times": 2,
        "status": 503,
        "body": {"message": "later"},
        "headers": {"Retry-After": "7"},
    }
    assert thing.call("POST", "/sandbox/faults", json=order).status_code == 201
    assert thing.call().text == "a"
    for _ in range(2):
        refused = thing.call("POST")
        assert (refused.status_code, refused.json()) == (503, {"message": "later"})
        assert refused.headers["Retry-After"] == "7"
    assert thing.call("POST").status_code == 200
    assert thing.ran == 2


@pytest.mark.parametrize(("drop", "ran"), [("before", 0), ("after", 1)])
def test_a_cut_connection_is_a_closed_socket_without_a_byte(
    thing: Counting, drop: str, ran: int
) -> None:
    """The client cannot tell whether the handler ran; the server stays up."""
    thing.server.faults.add(drop=drop)
    with socket.create_connection((thing.server.host, thing.server.port), 10) as raw:
        raw.sendall(b"GET /thing/a HTTP/1.1\r\nHost: x\r\n\r\n")
        with pytest.raises(ConnectionResetError):
            _read_or_reset(raw)
    assert thing.ran == ran
    assert thing.call().text == "a"


def _read_or_reset(raw: socket.socket) -> None:
    """Read to the end; an end without a byte is as broken as a reset."""
    received = raw.recv(65536)
    assert received == b""
    raise ConnectionResetError


@pytest.mark.parametrize("drop", ["before", "after"])
def test_requests_sees_a_broken_connection(thing: Counting, drop: str) -> None:
    """What Preheat's own transport will see: a ConnectionError, no answer."""
    thing.server.faults.add(drop=drop)
    with pytest.raises(requests.ConnectionError):
        thing.call("POST")


def test_a_delay_alone_lets_the_handler_answer(thing: Counting) -> None:
    """Latency is a fault of its own."""
    thing.server.faults.add(delay_seconds=0.2)
    began = time.monotonic()
    assert thing.call().text == "a"
    assert time.monotonic() - began >= 0.2


def test_faults_fit_by_header_and_may_let_some_pass_first(thing: Counting) -> None:
    """One peer's requests can be meant, and the second of them only."""
    thing.server.faults.add(
        match={"headers": {"user-agent": r"dragonfly-peer/10\.77\.0\.12"}}, skip=1, status=500
    )
    agent = {"User-Agent": "dragonfly-peer/10.77.0.12"}
    statuses = [thing.call(headers=agent).status_code for _ in range(3)]
    assert statuses == [200, 500, 200]
    assert thing.call().status_code == 200


def test_a_fault_without_times_lasts_until_cleared(thing: Counting) -> None:
    """GET shows what is left, DELETE clears; control routes are never harmed."""
    thing.server.faults.add(times=None, status=500)
    assert [thing.call().status_code for _ in range(3)] == [500] * 3
    assert len(thing.call("GET", "/sandbox/faults").json()) == 1
    assert thing.call("DELETE", "/sandbox/faults").status_code == 204
    assert thing.call().status_code == 200


@pytest.mark.parametrize(
    "order", [{"match": {"path": "("}}, {"tmes": 2}, {"drop": "later"}, {"times": 0}]
)
def test_a_mistaken_order_is_refused(thing: Counting, order: dict[str, Any]) -> None:
    """A typo must not pass for a fault that does nothing."""
    assert thing.call("POST", "/sandbox/faults", json=order).status_code == 422


def test_a_stopped_server_refuses_connections_and_comes_back_on_its_port(thing: Counting) -> None:
    """An outage keeps the address, so that clients find the server again."""
    before = thing.server.url
    thing.server.stop()
    with pytest.raises(requests.ConnectionError):
        thing.call()
    thing.server.start()
    assert thing.server.url == before
    assert thing.call().text == "a"


def test_a_request_under_way_when_the_server_stops_is_broken(thing: Counting) -> None:
    """A stop is no polite shutdown: the waiting client sees a closed connection, no 500."""
    thing.server.faults.add(delay_seconds=60)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(thing.call)
        while thing.server.faults.left():
            pass
        thing.server.stop()
        with pytest.raises(requests.ConnectionError):
            waiting.result(20)


def test_a_taken_port_is_an_error_at_once(thing: Counting) -> None:
    """Two servers on one port is the caller's mistake, not a hang."""
    with pytest.raises(OSError, match="in use"):
        Server(FastAPI(), port=thing.server.port).start()


@pytest.mark.parametrize(("hold", "ran"), [("before", 0), ("after", 1)])
def test_a_held_request_waits_until_the_orders_are_cleared(
    thing: Counting, hold: str, ran: int
) -> None:
    """Kept before the handler runs or after; the order tells that it holds one; others pass."""
    thing.call("POST", "/sandbox/faults", json={"match": {"method": "POST"}, "hold": hold})
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(thing.call, "POST")
        while not thing.call(path="/sandbox/faults").json()[0]["held"]:
            assert not waiting.done()
        assert thing.call("POST", "/thing/other").text == "other"
        assert (waiting.done(), thing.ran) == (False, ran + 1)
        thing.call("DELETE", "/sandbox/faults")
        assert waiting.result(10).text == "a"
    assert thing.ran == 2


def test_what_is_held_goes_on_after_its_client_died(thing: Counting) -> None:
    """As a manager's handler does: the work is done although nobody waits for the answer."""
    thing.call("POST", "/sandbox/faults", json={"match": {"method": "POST"}, "hold": "before"})
    with socket.create_connection((thing.server.host, thing.server.port)) as client:
        client.sendall(b"POST /thing/a HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
        while not thing.call(path="/sandbox/faults").json()[0]["held"]:
            pass
    assert thing.ran == 0
    thing.call("DELETE", "/sandbox/faults")
    deadline = time.monotonic() + 10
    while not thing.ran:
        assert time.monotonic() < deadline
