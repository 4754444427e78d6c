"""Peers truly download, and jobs say about it what the real ones were seen to say."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

MIB = 1024 * 1024
SEED, NODE_1, NODE_2 = "10.77.0.11", "10.77.0.12", "10.77.0.13"


def _state(row: dict[str, Any]) -> dict[str, Any]:
    state: dict[str, Any] = row["result"]["job_states"][0]
    return state


def _told(row: dict[str, Any]) -> tuple[str, dict[str, int] | None, dict[str, int] | None]:
    """Give the state a job tells, and how many blobs it lists as success and failure by host."""
    results = _state(row)["results"]
    if results is None:
        return row["state"], None, None
    lists = [
        None if entries is None else dict(Counter(entry["ip"] for entry in entries))
        for entries in (results[0]["success_tasks"], results[0]["failure_tasks"])
    ]
    return row["state"], lists[0], lists[1]


def _truth(manager: Any) -> list[int]:
    """How many complete copies the seed and both nodes really hold."""
    return [
        sum(copy.complete for copy in manager.state.peer(ip).copies.values())
        for ip in (SEED, NODE_1, NODE_2)
    ]


@pytest.fixture
def push(registry: Any, request: pytest.FixtureRequest) -> Any:
    """Push an image under a name of the test's own; ``missing`` names blobs by their place."""

    def push(*sizes: int, missing: tuple[int, ...] = ()) -> str:
        name = f"lab/{abs(hash(request.node.nodeid))}-{len(registry.manifests)}"
        registry.push(name, sizes or (6 * MIB, 6 * MIB, 3000))
        urls = registry.blob_urls(name)
        registry.missing.update(urls[place].rpartition("/")[2] for place in missing)
        return str(registry.manifest_url(name))

    return push


def test_single_seed_fetches_each_blob_once_and_a_repeat_nothing(
    manager: Any, registry: Any, push: Any
) -> None:
    """Recordings run-6mib-single-seed, repeat-6mib-single-seed: then the host is "unknown"."""
    url = push()
    assert _told(manager.preheat(url)) == ("SUCCESS", {SEED: 4}, None)
    assert _truth(manager) == [4, 0, 0]
    fetched = registry.fetched(SEED)
    assert len(fetched) == 4 + (2 * 2 + 2)
    assert {status for _, status in fetched} == {206}
    assert _told(manager.preheat(url)) == ("SUCCESS", {"unknown": 4}, None)
    assert len(registry.fetched(SEED)) == len(fetched)


def test_large_blobs_reach_nodes_through_the_seed_and_small_ones_do_not(
    serve_manager: Any, registry: Any, push: Any
) -> None:
    """Recording run-6mib-all-peers: a probe a node for P2P blobs, small ones from the registry."""
    registry.log.clear()
    with serve_manager() as manager:
        row = manager.preheat(push(), by="all_peers")
        assert _told(row) == ("SUCCESS", {NODE_1: 4, NODE_2: 4}, {})
        assert _truth(manager) == [2, 4, 4]
    assert len(registry.fetched(NODE_1)) == 2 + 2 * 2
    assert len(registry.fetched(SEED)) == 2 * 3


@pytest.mark.parametrize(
    ("scope", "said", "truth"),
    [
        ("single_seed_peer", ("SUCCESS", {SEED: 3}, None), [3, 0, 0]),
        ("all-peers", ("SUCCESS", {SEED: 3}, None), [3, 0, 0]),
        ("all_seed_peers", ("FAILURE", None, None), [3, 0, 0]),
        ("all_peers", ("FAILURE", None, None), [1, 3, 3]),
    ],
)
def test_a_missing_blob_is_told_by_some_scopes_only(
    manager: Any, push: Any, scope: str, said: Any, truth: list[int]
) -> None:
    """Recordings run-6mib-one-blob-missing-*: silent for one seed (and a misspelt scope)."""
    row = manager.preheat(push(missing=(1,)), by=scope)
    assert _told(row) == said
    assert _truth(manager) == truth


def test_all_blobs_missing_is_still_a_success_for_a_single_seed(manager: Any, push: Any) -> None:
    """Recording run-all-blobs-missing-single-seed: both lists null."""
    assert _told(manager.preheat(push(3000, missing=(0, 1)))) == ("SUCCESS", None, None)
    assert _truth(manager) == [0, 0, 0]


@pytest.mark.parametrize(
    ("ip", "scope", "said"),
    [
        (SEED, "single_seed_peer", ("SUCCESS", None, None)),
        (NODE_1, "all_peers", ("SUCCESS", {NODE_2: 4}, {NODE_1: 4})),
    ],
)
def test_an_overloaded_peer_refuses_and_only_nodes_tell(
    manager: Any, push: Any, ip: str, scope: str, said: Any
) -> None:
    """Recording scale-concurrent-jobs: ResourceExhausted is swallowed for a single seed."""
    manager.state.set_peer(ip, "overloaded")
    assert _told(manager.preheat(push(), by=scope)) == said


def test_a_killed_node_is_listed_with_failures_and_dropped_from_success(
    manager: Any, push: Any
) -> None:
    """Recording all-peers-one-dead."""
    manager.state.set_peer(NODE_2, "killed")
    row = manager.preheat(push(), by="all_peers")
    assert _told(row) == ("SUCCESS", {NODE_1: 4}, {NODE_2: 4})
    failure = _state(row)["results"][0]["failure_tasks"][0]
    assert failure["description"].endswith(
        'failed: rpc error: code = Unavailable desc = connection error: desc = "transport: Error'
        ' while dialing: dial tcp 10.77.0.13:4000: connect: connection refused"'
    )


def test_a_stopped_node_is_simply_not_there(manager: Any, push: Any) -> None:
    """Recording all-peers-after-graceful-stop: success with one host fewer, no failure entry."""
    manager.state.set_peer(NODE_2, "stopped")
    assert _told(manager.preheat(push(), by="all_peers")) == ("SUCCESS", {NODE_1: 4}, {})


def test_a_node_that_came_back_is_refused_for_fifteen_seconds_and_empty(
    manager: Any, push: Any
) -> None:
    """Recording all-peers-after-return."""
    url = push()
    manager.preheat(url, by="all_peers")
    manager.state.set_peer(NODE_2, "killed")
    manager.state.set_peer(NODE_2, "up")
    assert _told(manager.preheat(url, by="all_peers"))[2] == {NODE_2: 4}
    assert _truth(manager) == [2, 4, 0]
    assert _told(manager.preheat(url, by="all_peers"))[2] == {}


@pytest.mark.parametrize(
    ("how", "seconds", "scope", "state", "words"),
    [
        ("stopped", 40, "single_seed_peer", "SUCCESS", ""),
        ("stopped", 40, "all_seed_peers", "FAILURE", "has no available seed peer"),
        ("killed", 1, "single_seed_peer", "SUCCESS", ""),
        ("killed", 1, "all_seed_peers", "FAILURE", "connection refused"),
        ("killed", 31, "single_seed_peer", "FAILURE", "10.77.0.1 no available seed peer"),
        ("killed", 31, "all_seed_peers", "FAILURE", "10.77.0.1 no available seed peer"),
    ],
)
def test_a_lost_seed_is_silent_until_the_ring_is_refreshed(
    manager: Any, push: Any, how: str, seconds: float, scope: str, state: str, words: str
) -> None:
    """Recordings seed-sigterm-series and seed-sigkill-series."""
    manager.state.set_peer(SEED, how)
    manager.state.advance(seconds)
    row = manager.preheat(push(), by=scope)
    assert row["state"] == state
    assert words in _state(row)["error"]
    assert _truth(manager) == [0, 0, 0]


def test_seed_jobs_fail_in_the_first_thirty_seconds_after_a_scheduler_start(
    manager: Any, push: Any
) -> None:
    """Recordings create-scheduler-killed and scheduler-start-series."""
    url = push()
    manager.state.set_scheduler(1, is_up=False)
    refused = manager.post({"type": "image", "url": url})
    assert refused.json() == {"message": "candidate schedulers not found"}
    manager.state.set_scheduler(1, is_up=True)
    assert manager.preheat(url)["state"] == "FAILURE"
    assert manager.preheat(url)["state"] == "SUCCESS"


@pytest.mark.parametrize(
    ("args", "hosts"),
    [
        ({"ips": [NODE_1]}, 1),
        ({"ips": [NODE_1, "10.77.0.99"]}, 1),
        ({"count": 1}, 1),
        ({"count": 200}, 2),
        ({"percentage": 1}, 1),
        ({"percentage": 50}, 1),
        ({"percentage": 100, "count": 1, "ips": [NODE_1, NODE_2]}, 2),
    ],
)
def test_hosts_are_chosen_by_address_count_or_percentage(
    manager: Any, push: Any, args: dict[str, Any], hosts: int
) -> None:
    """Recordings run-ips-*, run-count-1, run-percentage-*: unknown addresses silently left out."""
    _, success, failure = _told(manager.preheat(push(3000), by="all_peers", **args))
    assert (len(success or {}), failure) == (hosts, {})


def test_only_unknown_addresses_is_a_failure(manager: Any, push: Any, recorded: Any) -> None:
    """Recording run-ips-unknown."""
    row = manager.preheat(push(3000), by="all_peers", ips=["10.77.0.99"])
    assert _state(row)["error"] == "no peer found for ips [10.77.0.99]"


def test_a_cluster_without_hosts_fails_in_the_recorded_words(manager: Any, push: Any) -> None:
    """Recording no-dfdaemon-all-peers."""
    for ip in (NODE_1, NODE_2):
        manager.state.set_peer(ip, "stopped")
    error = _state(manager.preheat(push(3000), by="all_peers"))["error"]
    assert error == "[preheat]: cluster 1 scheduler 10.77.0.1 has no available peer"


def test_a_cluster_without_scheduler_is_skipped_silently(manager: Any, push: Any) -> None:
    """Recording create-clusters-1-and-2: visible in scheduler_clusters only."""
    body = manager.post({"type": "image", "url": push()}, scheduler_cluster_ids=[1, 2]).json()
    assert [cluster["id"] for cluster in body["scheduler_clusters"]] == [1]


def test_tag_application_and_piece_length_make_other_tasks(manager: Any, push: Any) -> None:
    """Recordings run-tag-application, run-piece-length: nothing of the plain preheat is used."""
    url = push(3000)
    for args in ({}, {"tag": "t"}, {"application": "a"}, {"piece_length": 4 * MIB}):
        assert _told(manager.preheat(url, **args))[1] == {SEED: 2}
    assert _truth(manager) == [8, 0, 0]


def test_a_timeout_loses_layers_silently_or_fails(serve_manager: Any, push: Any) -> None:
    """Recordings timeout-3s-single-seed and timeout-3s-all-peers."""
    timeout = 3_000_000_000
    with serve_manager(clock_factor=0.01) as manager:
        for ip in (SEED, NODE_1, NODE_2):
            manager.state.set_peer(ip, "slow")
        single = manager.preheat(push(3000), timeout=timeout)
        everyone = manager.preheat(push(3000), by="all_peers", timeout=timeout)
    assert _told(single) == ("SUCCESS", None, None)
    assert _state(everyone)["error"].endswith("DeadlineExceeded desc = context deadline exceeded")


def test_an_overloaded_seed_loses_layers_and_the_job_says_success(
    serve_manager: Any, push: Any
) -> None:
    """Fact sheet 2.5: bursts are lost silently; with a capacity of one, the second job loses."""
    with serve_manager(clock_factor=0.01, seed_capacity=1) as manager:
        manager.state.set_peer(SEED, "slow")
        urls = [push(3000), push(3000)]
        ids = [manager.post({"type": "image", "url": url}).json()["id"] for url in urls]
        said = sorted(str(_told(manager.after_look(job_id))) for job_id in ids)
    assert said == [f"('SUCCESS', {{'{SEED}': {n}}}, None)" for n in (1, 2)]


def test_file_preheats_fetch_plain_urls(manager: Any, registry: Any) -> None:
    """Recordings file-one-url-single-seed, file-404-*: no look at the network while creating."""
    good, bad = f"{registry.url}/v2/", f"{registry.url}/v2/no/blobs/nothing"
    job_id = manager.post({"type": "file", "url": good}).json()["id"]
    assert _told(manager.after_look(job_id)) == ("SUCCESS", {SEED: 1}, None)
    job_id = manager.post({"type": "file", "url": bad, "scope": "all_peers"}).json()["id"]
    error = _state(manager.after_look(job_id))["error"]
    assert error.endswith("code = Internal desc = backend error: 404 Not Found")


def test_a_basic_registry_takes_a_header_but_not_a_password(
    serve_manager: Any, registry: Any, push: Any, recorded: Any
) -> None:
    """Recordings run-basic-userpass, run-basic-header: with a password peers are sent nothing."""
    url = push(3000)
    registry.password = "secret"
    try:
        with serve_manager() as manager:
            naked = manager.post({"type": "image", "url": url})
            wrong = manager.post({"type": "image", "url": url, "username": "x", "password": "y"})
            known = {"username": "puller", "password": "secret"}
            by_password = manager.preheat(url, **known)
            header = {"Authorization": "Basic cHVsbGVyOnNlY3JldA=="}
            by_header = manager.preheat(url, headers=header)
    finally:
        registry.password = ""
    assert naked.json() == {"message": f'Get "{url}": no basic auth credentials'}
    assert wrong.text == recorded("registry-basic-wrong-credentials")["response"]["body_text"]
    assert _told(by_password) == ("SUCCESS", None, None)
    assert _told(by_header) == ("SUCCESS", {SEED: 2}, None)
