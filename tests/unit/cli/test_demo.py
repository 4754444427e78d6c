"""What the demo says when something is in its way, and where it leads afterwards."""

from __future__ import annotations

import json
import socket
import threading
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import StringIO
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from preheat.cli.demo.addresses import proved_before, run_addresses
from preheat.cli.demo.airflow_api import AirflowApi, AirflowApiError
from preheat.cli.demo.show import Demo, DemoError
from preheat.ledger import Ledger, RunRef
from preheat.placement import PlacementKey, Scope, TrackSettings
from preheat.plan import Disposition, Plan, PlannedPlacement
from preheat.verdict import Finding, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

URL = "http://127.0.0.1:8080"
PARTS = ("metadatabase", "scheduler", "triggerer", "dag_processor")
WELL, ILL = {"status": "healthy"}, {"status": None}
KEY = PlacementKey(
    "eu-1", "http://h", "library/a", f"sha256:{1:064}", "linux/amd64", Scope.ALL_SEED_PEERS
)


@contextmanager
def airflow(body: bytes, status: int = 200, *, is_silent: bool = False) -> Iterator[str]:
    """Serve one answer to everything, or none; gives the URL."""
    leave = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if is_silent:
                leave.wait(10)
                return
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        leave.set()
        server.shutdown()
        thread.join()


def free_port() -> int:
    """Find a port that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (b"<html>", 200, "answered GET /api/v2/dags/a with what is no JSON: <html>"),
        (b"boom", 500, "answered GET /api/v2/dags/a with 500: boom"),
        (b"", 404, "answered GET /api/v2/dags/a with 404: an empty body"),
    ],
)
def test_an_answer_that_helps_nobody_is_told(body: bytes, status: int, words: str) -> None:
    """One sentence: which call, and what came."""
    with airflow(body, status) as url, pytest.raises(AirflowApiError) as caught:
        AirflowApi(url).call("GET", "/dags/a")
    assert words in str(caught.value)


def test_silence_is_told_as_such() -> None:
    """A read time-out is no broken connection, and must not show as a traceback."""
    with airflow(b"", is_silent=True) as url:
        api = AirflowApi(url, timeout_seconds=0.2)
        with pytest.raises(AirflowApiError, match=r"no answer to GET /api/v2/dags/a \(ReadTimeout"):
            api.knows("/dags/a")
        assert not api.is_healthy()


def test_nobody_there_is_told_as_such() -> None:
    """Airflow has not come up yet."""
    api = AirflowApi(f"http://127.0.0.1:{free_port()}")
    with pytest.raises(AirflowApiError, match="no answer to GET /api/v2/dags/a"):
        api.call("GET", "/dags/a")
    assert api.healthy_parts() == []


@pytest.mark.parametrize(
    ("body", "parts"),
    [
        (b"<html>", []),
        (b"{}", ["API server"]),
        (b"[]", ["API server"]),
        (
            json.dumps(dict.fromkeys(PARTS, ILL) | {"scheduler": WELL}).encode(),
            ["API server", "scheduler"],
        ),
    ],
)
def test_the_parts_that_are_well_are_named(body: bytes, parts: list[str]) -> None:
    """The demo tells of each as it comes up."""
    with airflow(body) as url:
        api = AirflowApi(url)
        assert api.healthy_parts() == parts
        assert not api.is_healthy()


def test_a_taken_port_is_told_with_the_way_around_it(tmp_path: Path) -> None:
    """Most people come by make, where the option has to be handed through."""
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags" / "preheat_policies.py").touch()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        demo = Demo(
            root=tmp_path,
            home=tmp_path / ".demo",
            console=Console(file=StringIO()),
            port=taken.getsockname()[1],
            harbor_port=free_port(),
            dragonfly_port=free_port(),
        )
        with pytest.raises(DemoError, match='make demo DEMO_ARGS="--port N"'):
            demo.run()


def run_of(ledger: Ledger, run_id: str, disposition: Disposition, *, warm: bool) -> RunRef:
    """Plan one placement for a run, and prove it if wanted."""
    run = RunRef("preheat__a", run_id)
    settings = TrackSettings("dragonfly", "d", 1, "h")
    placement = PlannedPlacement(KEY, settings, "library/a:1", disposition=disposition)
    plan = Plan("a", datetime.now(UTC), (), (placement,))
    (item,) = ledger.record_plan(plan, run).items
    if warm:
        claim = ledger.open_attempt(item.placement_id, owner="me", run=run, lease_seconds=60)
        ledger.close_attempt(claim.attempt.id, Finding(Verdict.WARM, 1, 1, 1, 1))
    return run


def test_a_second_demo_leads_to_the_run_that_did_the_work(tmp_path: Path) -> None:
    """In its own run every tracked task is skipped, which shows nothing."""
    with Ledger.open(f"sqlite:///{tmp_path}/preheat.db") as ledger:
        run_of(ledger, "one", Disposition.ASK, warm=True)
        run_of(ledger, "manual__2026-11-24T11:00:00+00:00", Disposition.ASK, warm=True)
        third = run_of(ledger, "three", Disposition.ALREADY_WARM, warm=False)
        earlier = proved_before(ledger, ledger.outcomes(third.dag_id, third.run_id))

    told = run_addresses(URL, (third.dag_id, third.run_id), earlier)

    assert told[0] == f"This run: {URL}/dags/preheat__a/runs/three"
    made_warm = f"  {URL}/dags/preheat__a/runs/manual__2026-11-24T11:00:00%2B00:00"
    assert [line for line in told if "/runs/" in line][1:] == [made_warm]
    assert all(len(line) <= 80 for line in told if "/runs/" not in line)


def test_a_first_demo_has_one_address(tmp_path: Path) -> None:
    """Nothing was warm before."""
    with Ledger.open(f"sqlite:///{tmp_path}/preheat.db") as ledger:
        first = run_of(ledger, "one", Disposition.ASK, warm=True)
        earlier = proved_before(ledger, ledger.outcomes(first.dag_id, first.run_id))

    assert run_addresses(URL, ("preheat__a", "one"), earlier) == [
        f"This run: {URL}/dags/preheat__a/runs/one"
    ]
