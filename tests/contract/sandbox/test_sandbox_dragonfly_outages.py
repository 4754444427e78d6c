"""Restarts, outages, forced rows and lost peers: by the state and by the control API."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
import requests

if TYPE_CHECKING:
    from collections.abc import Callable

SEED, NODE = "10.77.0.11", "10.77.0.12"


@pytest.fixture
def url(registry: Any, request: pytest.FixtureRequest) -> str:
    """Push an image of three small blobs."""
    name = f"outages/{abs(hash(request.node.nodeid))}"
    registry.push(name)
    return str(registry.manifest_url(name))


def _wait_until(happened: Callable[[], bool]) -> None:
    for _ in range(200):
        threading.Event().wait(0.05)
        if happened():
            return


def _control(manager: Any, path: str, body: dict[str, Any] | None = None) -> Any:
    if body is None:
        return requests.get(f"{manager.url}/sandbox/{path}", timeout=10).json()
    answer = requests.post(f"{manager.url}/sandbox/{path}", json=body, timeout=10)
    assert answer.ok, answer.text
    return answer.json()


def test_a_job_under_way_at_a_restart_stays_pending_for_ever(manager: Any, url: str) -> None:
    """Recordings manager-restart-*: still PENDING past 62.5 min, though the work succeeded."""
    job_id = manager.post({"type": "image", "url": url}).json()["id"]
    manager.state.advance(4)
    manager.server.restart()
    assert manager.after_look(job_id, 4000)["state"] == "PENDING"
    assert len(manager.state.peer(SEED).copies) == 3
    assert manager.preheat(url)["state"] == "SUCCESS"


def test_a_row_is_forced_to_failure_after_sixteen_looks(serve_manager: Any, url: str) -> None:
    """Fact sheet 2.3: at 62.5 min the row is FAILURE even when the work still runs."""
    with serve_manager(clock_factor=1.0) as manager:
        manager.state.set_peer(SEED, "slow")
        manager.state.peer(SEED).delay_seconds = 5000
        job_id = manager.post({"type": "image", "url": url}).json()["id"]
        # What begins after the clock was put forward is past its deadline, and ends the work.
        _wait_until(lambda: len(manager.state.peer(SEED).copies) > 0)
        manager.state.clock.advance(3700)
        assert manager.row(job_id)["state"] == "PENDING"
        manager.state.clock.advance(60)
        row = manager.row(job_id)
    assert row["state"] == "FAILURE"
    assert row["result"]["job_states"][0]["results"] is None


def test_an_outage_of_the_server_keeps_port_and_rows(manager: Any, url: str) -> None:
    """Stop and start of the server is a network outage: nothing answers, nothing is lost."""
    job_id = manager.post({"type": "image", "url": url}).json()["id"]
    manager.server.stop()
    with pytest.raises(requests.ConnectionError):
        manager.row(job_id)
    manager.server.start()
    assert manager.after_look(job_id)["state"] == "SUCCESS"


def test_a_lost_database_is_a_500_first_and_a_401_later(manager: Any) -> None:
    """Recordings db-down-list and db-down-over-time: the token row is cached for 30 s."""
    assert manager.call("GET", "/oapi/v1/jobs").status_code == 200
    _control(manager, "outage", {"database": True})
    cached = manager.call("GET", "/oapi/v1/jobs")
    assert (cached.status_code, cached.json()) == (500, {"message": "invalid connection"})
    manager.state.advance(31)
    assert manager.call("GET", "/oapi/v1/jobs").status_code == 401
    _control(manager, "outage", {"database": False})
    assert manager.call("GET", "/oapi/v1/jobs").status_code == 200


def test_a_lost_redis_is_a_429_with_ids_and_a_500_without(
    manager: Any, url: str, recorded: Any
) -> None:
    """Recordings redis-down-create-listed-id and redis-down-create-no-ids."""
    _control(manager, "outage", {"redis": True})
    args = {"type": "image", "url": url}
    answers = manager.post(args), manager.post(args, scheduler_cluster_ids=[])
    names = "redis-down-create-listed-id", "redis-down-create-no-ids"
    for answer, name in zip(answers, names, strict=True):
        wanted = recorded(name)["response"]
        assert (answer.status_code, answer.text) == (wanted["status"], wanted["body_text"])


def test_rows_can_be_forced_and_expired(manager: Any, url: str) -> None:
    """A forced state stands at once with its error; an expired row is 404."""
    ids = [manager.post({"type": "image", "url": url}).json()["id"] for _ in range(3)]
    _control(manager, f"jobs/{ids[0]}", {"state": "FAILURE", "error": "out of order"})
    row = manager.row(ids[0])
    state = row["result"]["job_states"][0]
    assert (row["state"], state["state"], state["error"]) == ("FAILURE", "FAILURE", "out of order")
    assert state["results"] is None
    assert _control(manager, "jobs")["states"] == {"FAILURE": 1, "PENDING": 2}
    assert _control(manager, "expire", {"ids": [ids[1]]}) == {"expired": 1}
    assert manager.row(ids[1]) == {"message": "record not found"}
    assert _control(manager, "expire", {}) == {"expired": 2}
    assert manager.call("GET", "/oapi/v1/jobs").json() == []


def test_the_control_api_shows_what_peers_truly_hold(manager: Any, registry: Any, url: str) -> None:
    """Copies by URL and digest, complete or not, with the words of a failure; wipe empties."""
    name = url.removesuffix("/manifests/1.0").partition("/v2/")[2]
    urls = registry.blob_urls(name)
    registry.missing.add(urls[0].rpartition("/")[2])
    manager.preheat(url)
    seed = next(peer for peer in _control(manager, "peers") if peer["ip"] == SEED)
    held = {copy["url"]: copy["complete"] for copy in seed["copies"]}
    assert held == {urls[0]: False, urls[1]: True, urls[2]: True}
    assert {copy["error"] for copy in seed["copies"] if not copy["complete"]} == {
        "rpc error: code = Internal desc = backend error: 404 Not Found"
    }
    assert _control(manager, f"peers/{SEED}", {"wipe": True})["copies"] == []


def test_a_peer_is_killed_and_brought_back_over_http(manager: Any, url: str) -> None:
    """With ``settle`` the ring and the scheduler's connections are fresh at once."""
    assert _control(manager, f"peers/{SEED}", {"state": "killed"})["state"] == "killed"
    _control(manager, "advance", {"seconds": 31})
    assert manager.preheat(url)["state"] == "FAILURE"
    _control(manager, f"peers/{SEED}", {"state": "up", "settle": True})
    assert manager.preheat(url)["state"] == "SUCCESS"


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("peers/10.9.9.9", {"state": "up"}, 404),
        (f"peers/{SEED}", {"state": "asleep"}, 422),
        (f"peers/{SEED}", {"stat": "up"}, 422),
        ("jobs/99", {"state": "FAILURE"}, 404),
        ("schedulers/99", {"state": "up"}, 404),
        ("nothing", {}, 404),
    ],
)
def test_a_mistake_in_a_control_request_is_refused(
    manager: Any, path: str, body: dict[str, Any], status: int
) -> None:
    """A typo in a control request must not pass for a fault that does nothing."""
    answer = requests.post(f"{manager.url}/sandbox/{path}", json=body, timeout=10)
    assert answer.status_code == status


def test_a_new_cluster_is_unknown_to_the_limiter_for_three_minutes(manager: Any, url: str) -> None:
    """Recordings create-new-cluster-at-once and cluster-create-2 (168 s measured)."""
    cluster = {"id": 7, "name": "ap-1", "seeds": ["10.79.0.11"], "peers": ["10.79.0.12"]}
    _control(manager, "clusters", cluster)
    args = {"type": "image", "url": url}
    assert manager.post(args, scheduler_cluster_ids=[7]).status_code == 429
    manager.state.advance(181)
    created = manager.post(args, scheduler_cluster_ids=[7]).json()
    assert manager.after_look(created["id"])["state"] == "SUCCESS"
    assert len(manager.state.peer("10.79.0.11").copies) == 3


def test_hundreds_of_jobs_at_once_all_end(manager: Any, registry: Any) -> None:
    """300 jobs over 30 connections, each with blobs of its own: every row ends complete."""
    _control(manager, "settings", {"job_rate_limit": 10_000})
    urls = []
    for number in range(300):
        registry.push(f"many/{number}")
        urls.append(registry.manifest_url(f"many/{number}"))
    with ThreadPoolExecutor(30) as pool:
        answers = list(pool.map(lambda one: manager.post({"type": "image", "url": one}), urls))
    assert {answer.status_code for answer in answers} == {200}
    manager.state.advance(31)
    rows = manager.call("GET", "/oapi/v1/jobs?per_page=1000").json()
    assert [row["id"] for row in rows] == list(range(300, 0, -1))
    assert {row["state"] for row in rows} == {"SUCCESS"}
    assert len(manager.state.peer(SEED).copies) == 900
