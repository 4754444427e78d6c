"""Rows, lists, clusters and other good answers have the recorded shape."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

MIB = 1024 * 1024
HOUR = 3600.0


def _shape(value: Any) -> Any:
    """Reduce a JSON value to its keys (in order) and types; numbers and texts lose their value."""
    if isinstance(value, dict):
        return [(name, _shape(item)) for name, item in value.items()]
    if isinstance(value, list):
        return [_shape(value[0])] if value else []
    return type(value).__name__


def _body(recording: dict[str, Any]) -> Any:
    exchange = recording["exchanges"][-1] if "exchanges" in recording else recording
    return json.loads(exchange["response"]["body_text"])


@pytest.fixture
def url(registry: Any) -> str:
    """Push an image with three blobs and give its manifest URL."""
    registry.push("rows/image")
    return registry.manifest_url("rows/image")


def test_create_echoes_every_argument_with_its_default(
    shared_manager: Any, url: str, recorded: Any
) -> None:
    """Recording create-image-single-docker: 200, PENDING, null result, same keys in same order."""
    wanted = _body(recorded("create-image-single-docker"))
    answer = shared_manager.post({"type": "image", "url": url}, bio="single")
    assert answer.status_code == 200
    assert _shape(answer.json()) == _shape(wanted)
    assert answer.json()["args"] == {**wanted["args"], "url": url}
    assert (answer.json()["state"], answer.json()["result"]) == ("PENDING", None)


def test_create_echoes_given_arguments_in_clear(
    shared_manager: Any, url: str, recorded: Any
) -> None:
    """Recording create-image-all-args: timeout in nanoseconds, headers and all as sent."""
    recording = recorded("create-image-all-args")
    args = {**recording["request"]["body"]["args"], "url": url}
    secret = {"username": "u", "password": "p"}
    answer = shared_manager.post({**args, **secret, "never": "heard of"}, whatever=1)
    assert answer.json()["args"] == {**_body(recording)["args"], "url": url, **secret}
    assert "a\\u0026b" in answer.text


def test_a_row_tells_its_times_in_milliseconds_by_the_clock_of_the_date_header(
    serve_manager: Any, registry: Any, url: str
) -> None:
    """Rows carry the manager's zone; the Date header comes from the same (here skewed) clock."""
    with serve_manager(utc_offset_hours=1, skew_seconds=7200) as manager:
        answer = manager.post({"type": "image", "url": url})
        date = manager.call("GET", "/healthy").headers["Date"]
    created = answer.json()["created_at"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,3})?\+01:00", created)
    utc_hour = int(date.split()[4][:2])
    assert int(created[11:13]) == (utc_hour + 1) % 24


def test_the_result_is_null_then_pending_then_final_at_thirty_seconds(
    manager: Any, registry: Any, url: str, recorded: Any
) -> None:
    """Recordings manager-restart-job-pending and run-1mib-single-seed: looks at 0 and 30 s."""
    job_id = manager.post({"type": "image", "url": url}).json()["id"]
    early = manager.after_look(job_id, 29)
    assert (early["state"], early["result"]["state"]) == ("PENDING", "PENDING")
    pending = _body(recorded("manager-restart-job-pending"))
    assert _shape(early["result"]) == _shape(pending["result"])
    done = manager.after_look(job_id, 1.5)
    wanted = _body(recorded("run-1mib-single-seed"))
    assert done["state"] == "SUCCESS"
    assert _shape(done) == _shape(wanted)


def test_a_failure_has_no_results_and_its_reason_only_in_error(
    manager: Any, registry: Any, recorded: Any
) -> None:
    """Recording run-one-blob-missing-all-peers: same shape, same words."""
    registry.push("rows/missing")
    registry.missing.add(registry.blob_urls("rows/missing")[1].rpartition("/")[2])
    row = manager.preheat(registry.manifest_url("rows/missing"), by="all_peers")
    wanted = _body(recorded("run-one-blob-missing-all-peers"))
    assert _shape(row) == _shape(wanted)
    words = r"all peers preheat failed: group_\S+ task_\S+ 10\.77\.0\.1[23] node-[12] task \w{64} "
    error = row["result"]["job_states"][0]["error"]
    assert re.match(words, error)
    assert error.endswith(wanted["result"]["job_states"][0]["error"].partition(" failed: rpc")[2])


@pytest.mark.parametrize(
    ("query", "rows"),
    [("page=1&per_page=2", 2), ("page=2&per_page=2", 2), ("page=3&per_page=2", 1), ("page=9", 0)],
)
def test_lists_are_newest_first_with_links_that_never_end(
    manager: Any, url: str, query: str, rows: int
) -> None:
    """Recordings list-*: rel unquoted; the last page is its own next, beyond the end page + 1."""
    for number in range(5):
        manager.post({"type": "image", "url": url}, bio=f"{number}")
    answer = manager.call("GET", f"/oapi/v1/jobs?{query}&type=preheat")
    listed = answer.json()
    page = int(query[5])
    per_page = 2 if "per_page" in query else 10
    first = 4 - (page - 1) * per_page
    assert [row["bio"] for row in listed] == [str(first - n) for n in range(rows)]
    assert all(row["scheduler_clusters"] is row["seed_peer_clusters"] is None for row in listed)
    last = -(-5 // per_page)
    pages = [max(page - 1, 1), page if page == last else page + 1, 1, last]
    wanted = [
        f"</oapi/v1/jobs?page={number}&per_page={per_page}&type=preheat>;rel={rel}"
        for number, rel in zip(pages, ("prev", "next", "first", "last"), strict=True)
    ]
    assert answer.headers["Link"] == ",".join(wanted)


def test_an_empty_list_links_to_a_second_page(manager: Any, recorded: Any) -> None:
    """Recording job-list-empty: last is 0 and next is 2."""
    answer = manager.call("GET", "/oapi/v1/jobs")
    wanted = recorded("job-list-empty")["response"]
    assert (answer.text, answer.headers["Link"]) == (wanted["body_text"], wanted["headers"]["Link"])


def test_a_token_in_the_query_leaks_into_the_link(manager: Any) -> None:
    """Recording list-access-token-query."""
    path = f"/oapi/v1/jobs?access_token={manager.token}"
    answer = manager.call("GET", path, headers={"Authorization": ""})
    assert answer.headers["Link"].count(manager.token) == 4


def test_filters_work_on_what_is_shown_and_unknown_ones_do_nothing(manager: Any, url: str) -> None:
    """Recordings list-state-success, list-type-unknown, list-filter-bio-ignored."""
    manager.post({"type": "image", "url": url}, bio="a")
    count = {
        query: len(manager.call("GET", f"/oapi/v1/jobs?{query}").json())
        for query in ("state=SUCCESS", "state=PENDING", "type=nothing", "bio=zzz", "user_id=1")
    }
    assert list(count.values()) == [0, 1, 0, 1, 0]
    manager.state.advance(31)
    assert len(manager.call("GET", "/oapi/v1/jobs?state=SUCCESS").json()) == 1


def test_clusters_look_as_recorded(manager: Any, recorded: Any) -> None:
    """Recordings oapi-list-clusters and oapi-get-cluster-1."""
    listed = manager.call("GET", "/oapi/v1/clusters?name=cluster-1")
    wanted = recorded("oapi-list-clusters")["response"]
    assert _shape(listed.json()) == _shape(json.loads(wanted["body_text"]))
    assert listed.headers["Link"].startswith("</oapi/v1/clusters?name=cluster-1&page=1")
    assert manager.call("GET", "/oapi/v1/clusters/1").json() == listed.json()[0]


def test_health_is_a_json_string_whatever_is_broken(manager: Any) -> None:
    """Recordings healthy, db-down-healthy, redis-down-healthy."""
    manager.state.tokens.database_is_down = manager.state.redis_is_down = True
    assert manager.call("GET", "/healthy").text == '"OK"'


def test_bio_counts_characters_and_too_long_ones_lose_the_row_but_not_the_work(
    manager: Any, registry: Any
) -> None:
    """Recordings bio-1024-umlauts and bio-1025: the work of the refused job runs untracked."""
    registry.push("rows/bio")
    url = registry.manifest_url("rows/bio")
    assert manager.post({"type": "image", "url": url}, bio="y" * 1025).status_code == 500
    manager.state.advance(0)
    assert manager.call("GET", "/oapi/v1/jobs").json() == []
    assert len(manager.state.peer("10.77.0.11").copies) == 3
    assert manager.post({"type": "image", "url": url}, bio="ü" * 1024).status_code == 200


def test_an_unknown_user_spoils_the_row_and_every_list_with_it(manager: Any, url: str) -> None:
    """Recordings user-id-unknown-* and patch-user-id-unknown: 404 for all, also for repairs."""
    good = manager.post({"type": "image", "url": url}, user_id=1).json()["id"]
    assert manager.row(good)["user"]["name"] == "root"
    path = f"/oapi/v1/jobs/{good}"
    assert manager.call("PATCH", path, json={"user_id": 778}).status_code == 200
    for method in ("GET", "PATCH", "DELETE"):
        answer = manager.call(method, path, json={"user_id": 1} if method == "PATCH" else None)
        assert (answer.status_code, answer.json()) == (404, {"message": "record not found"})
    assert manager.call("GET", "/oapi/v1/jobs").status_code == 404
    assert manager.call("GET", "/oapi/v1/jobs?user_id=1").json() == []


def test_patch_writes_bio_only_and_delete_is_for_good(manager: Any, url: str) -> None:
    """Recordings patch-bio, patch-bio-empty, patch-state-ignored, delete-*."""
    job_id = manager.post({"type": "image", "url": url}, bio="before").json()["id"]
    path = f"/oapi/v1/jobs/{job_id}"
    changed = manager.call("PATCH", path, json={"bio": "after", "state": "SUCCESS"}).json()
    assert (changed["bio"], changed["state"]) == ("after", "PENDING")
    assert manager.call("PATCH", path, json={"bio": ""}).json()["bio"] == "after"
    assert manager.call("PATCH", path, json={"bio": "z" * 1025}).status_code == 500
    assert manager.call("PATCH", path, data="{").json() == {"errors": "unexpected EOF"}
    gone = manager.call("DELETE", path)
    assert (gone.status_code, gone.content) == (200, b"")
    assert manager.call("DELETE", path).status_code == 404


def test_rows_vanish_after_six_to_nine_hours_and_ids_are_not_used_again(
    manager: Any, url: str
) -> None:
    """Fact sheet 2.7: the cleaner comes every 3 h and takes what is older than 6 h."""
    job_id = manager.post({"type": "image", "url": url}).json()["id"]
    manager.state.advance(5.9 * HOUR)
    assert manager.row(job_id)["id"] == job_id
    manager.state.advance(3.2 * HOUR)
    assert manager.row(job_id) == {"message": "record not found"}
    assert manager.post({"type": "image", "url": url}).json()["id"] == job_id + 1


def test_chores_answer_late_and_only_gc_leaves_a_row(serve_manager: Any, recorded: Any) -> None:
    """Recordings gc-job and sync-peers."""
    with serve_manager(clock_factor=0.001) as manager:
        assert manager.post({}, type="sync_peers").json() == "OK"
        row = manager.post({"type": "job"}, type="gc").json()
        assert _shape(row) == _shape(_body(recorded("gc-job")))
        assert [job["type"] for job in manager.call("GET", "/oapi/v1/jobs").json()] == ["gc"]


def test_old_managers_are_open_to_anyone(serve_manager: Any, url: str) -> None:
    """Fact sheet 1.1: up to v2.4.0 /_ping, /preheats and /api/v1/jobs ask for no token."""
    with serve_manager(version="2.4.0") as manager:
        manager.token = ""
        assert manager.call("GET", "/_ping").status_code == 200
        created = manager.call("POST", "/preheats", json={"type": "image", "url": url}).json()
        assert created == {"id": "1"}
        manager.state.advance(31)
        assert manager.call("GET", "/preheats/1").json()["status"] == "SUCCESS"
        assert [row["id"] for row in manager.call("GET", "/api/v1/jobs").json()] == [1]
    with serve_manager(version="2.4.1") as manager:
        manager.token = ""
        assert manager.call("GET", "/_ping").status_code == 301
        assert manager.call("GET", "/api/v1/jobs").status_code == 401
