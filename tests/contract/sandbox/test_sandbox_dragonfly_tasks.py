"""get_task, delete_task and get_image_distribution: what peers hold, as told afterwards."""

from __future__ import annotations

import json
from typing import Any

import pytest

from preheat.sandbox.dragonfly.blobs import BlobTask

MIB = 1024 * 1024
SEED, NODE_1, NODE_2 = "10.77.0.11", "10.77.0.12", "10.77.0.13"


def _peers(row: dict[str, Any]) -> dict[str, bool]:
    found = row["result"]["job_states"][0]["results"][0]["peers"]
    return {peer["ip"]: peer["IsFinished"] for peer in found}


def _ask(manager: Any, url: str, job_type: str = "get_task", **args: Any) -> dict[str, Any]:
    created = manager.post({"url": url, **args}, type=job_type)
    row: dict[str, Any] = manager.after_look(created.json()["id"])
    return row


@pytest.fixture
def blobs(registry: Any, request: pytest.FixtureRequest) -> list[str]:
    """Push an image: config, a layer over 4 MiB, and a small one."""
    name = f"tasks/{abs(hash(request.node.nodeid))}"
    registry.push(name, (6 * MIB, 3000))
    urls: list[str] = registry.blob_urls(name)
    return urls


def _manifest(blobs: list[str]) -> str:
    return blobs[0].partition("/blobs/")[0] + "/manifests/1.0"


def test_the_task_id_is_the_one_the_real_manager_knew(recorded: Any) -> None:
    """Recordings get-task-by-url-all-peers and get-task-by-id are about the same layer."""
    url = recorded("get-task-by-url-all-peers")["exchanges"][0]["request"]["body"]["args"]["url"]
    by_id = recorded("get-task-by-id")["exchanges"][0]["request"]["body"]["args"]["task_id"]
    assert BlobTask(url).id == by_id


def test_get_task_lists_whoever_holds_the_blob(
    manager: Any, blobs: list[str], recorded: Any
) -> None:
    """Recording get-task-by-url-all-peers: seeds too, IsFinished spelt so, after 30 s."""
    manager.preheat(_manifest(blobs), by="all_peers")
    row = _ask(manager, blobs[1])
    assert _peers(row) == {SEED: True, NODE_1: True, NODE_2: True}
    wanted = json.loads(
        recorded("get-task-by-url-all-peers")["exchanges"][-1]["response"]["body_text"]
    )
    peer, wanted_peer = (
        state["result"]["job_states"][0]["results"][0]["peers"][0] for state in (row, wanted)
    )
    assert set(peer) == set(wanted_peer)
    assert row["args"] == {**wanted["args"], "url": blobs[1]}
    assert _peers(_ask(manager, blobs[0])) == {NODE_1: True, NODE_2: True}


def test_get_task_lists_a_failed_download_as_not_finished(
    manager: Any, registry: Any, blobs: list[str]
) -> None:
    """Recording get-task-failed-blob: presence in the list is no proof."""
    registry.missing.add(blobs[1].rpartition("/")[2])
    manager.preheat(_manifest(blobs))
    assert _peers(_ask(manager, blobs[1])) == {SEED: False}


def test_get_task_leaves_out_dead_hosts_and_other_tasks(manager: Any, blobs: list[str]) -> None:
    """Recordings get-task-one-peer-dead, get-task-tag-mismatch, get-task-unknown-url."""
    manager.preheat(_manifest(blobs), by="all_peers", tag="t")
    manager.state.set_peer(NODE_2, "killed")
    assert _peers(_ask(manager, blobs[1], tag="t")) == {SEED: True, NODE_1: True}
    assert _peers(_ask(manager, blobs[1])) == {}
    task_id = BlobTask(blobs[1], tag="t").id
    assert _peers(_ask(manager, "", task_id=task_id)) == {SEED: True, NODE_1: True}


def test_delete_task_finds_only_what_the_scheduler_knows(manager: Any, blobs: list[str]) -> None:
    """Recordings delete-task-by-url, delete-task-small-blob: small blobs stay on the disks."""
    manager.preheat(_manifest(blobs), by="all_peers")
    results = [
        _ask(manager, url, "delete_task")["result"]["job_states"][0]["results"][0] for url in blobs
    ]
    assert [len(result["success_tasks"] or ()) for result in results] == [0, 3, 0]
    assert results[0]["failure_tasks"] is None
    assert [manager.state.peer(ip).holds(BlobTask(blobs[1]).id) for ip in (SEED, NODE_1)] == [
        False,
        False,
    ]
    assert manager.state.peer(NODE_1).holds(BlobTask(blobs[0]).id)


def test_a_distribution_hides_seeds_but_its_rows_do_not(
    serve_manager: Any, registry: Any, blobs: list[str], recorded: Any
) -> None:
    """Recording fast-proof-image-distribution-rows: rows by bio, finished when it answers."""
    registry.missing.add(blobs[2].rpartition("/")[2])
    with serve_manager(clock_factor=0.01) as manager:
        manager.preheat(_manifest(blobs))
        answer = manager.post(
            {"url": _manifest(blobs)}, type="get_image_distribution", bio="verify-7c1f"
        ).json()
        rows = manager.call("GET", "/oapi/v1/jobs?type=get_task&per_page=20").json()
    assert answer["image"]["layers"] == [{"url": url} for url in blobs]
    assert answer["peers"] == []
    assert {(row["bio"], row["state"]) for row in rows} == {("verify-7c1f", "SUCCESS")}
    held = {row["args"]["url"]: _peers(row) for row in rows}
    assert held == {blobs[0]: {SEED: True}, blobs[1]: {SEED: True}, blobs[2]: {SEED: False}}
    wanted = json.loads(
        recorded("fast-proof-image-distribution-rows")["exchanges"][1]["response"]["body_text"]
    )
    assert list(rows[0]) == list(wanted[0])
    assert list(rows[0]["args"]) == list(wanted[0]["args"])


def test_a_distribution_lists_nodes_with_their_layers(serve_manager: Any, blobs: list[str]) -> None:
    """Recording get-image-distribution-all-peers: layers of nodes, config included."""
    with serve_manager(clock_factor=0.01) as manager:
        manager.preheat(_manifest(blobs), by="all_peers")
        answer = manager.post({"url": _manifest(blobs)}, type="get_image_distribution").json()
    assert {peer["ip"] for peer in answer["peers"]} == {NODE_1, NODE_2}
    for peer in answer["peers"]:
        assert {layer["url"] for layer in peer["cached_layers"]} == set(blobs)
        assert peer["scheduler_cluster_id"] == 1
