"""Asking the peers: the rows that an image distribution leaves, and blob by blob after that."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from preheat.artifact import Blob, Image
from preheat.demand import Demand
from preheat.drivers.base import PEER, SEED
from preheat.errors import (
    RateLimitedError,
    RefusedError,
    RemoteUnavailableError,
    UnexpectedAnswerError,
)
from preheat.placement import Scope
from preheat.verdict import Verdict, judge

if TYPE_CHECKING:
    from preheat.drivers.dragonfly import DragonflyDriver

REPOSITORY = "lab/m-missing-single"
BLOB_URL = f"http://10.77.0.1:5000/v2/{REPOSITORY}/blobs/"
A, B = "sha256:" + "1" * 64, "sha256:" + "2" * 64


def peer(ip: str, kind: str = "super", *, is_finished: bool = True) -> dict[str, Any]:
    """Build a host as get_task lists it."""
    return {"hostname": f"h-{ip}", "ip": ip, "host_type": kind, "IsFinished": is_finished}


def task_row(number: int, bio: str, digest: str, *peers: dict[str, Any], **changes: Any) -> Any:
    """Build a get_task job as a list holds it."""
    outcome = {"scheduler_cluster_id": 1, "peers": list(peers) or None}
    return {
        "id": number,
        "created_at": "2026-11-24T04:29:59Z",
        "type": "get_task",
        "state": "SUCCESS",
        "bio": bio,
        "args": {"url": BLOB_URL + digest},
        "result": {
            "state": "SUCCESS",
            "job_states": [{"state": "SUCCESS", "error": "", "results": [outcome]}],
        },
        **changes,
    }


class Peers:
    """A manager whose peers hold what the test says.

    :param rows: get_task rows that a distribution leaves, made for its bio.
    :param tasks: rows by digest, for get_task jobs.
    """

    def __init__(self, rows: Any = lambda _: [], tasks: Any = None) -> None:
        self.rows, self.tasks = rows, tasks or {}
        self.bio = ""
        self.asked: list[str] = []

    def __call__(self, call: Any) -> tuple[int, str, dict[str, str]]:
        """Answer one request."""
        if call.method == "GET" and call.path == "/oapi/v1/jobs":
            return 200, json.dumps(self.rows(self.bio)), {}
        if call.method == "GET":
            return 200, json.dumps(self.tasks[self.asked[int(call.path.rpartition("/")[2])]]), {}
        if call.body["type"] == "get_image_distribution":
            self.bio = call.body["bio"]
            return 200, '{"image":{"layers":[]},"peers":[]}', {}
        self.asked.append(call.body["args"]["url"].rpartition("/")[2])
        number = len(self.asked) - 1
        return 200, json.dumps(task_row(number, "", A, state="PENDING", result=None)), {}


def test_a_recorded_distribution_tells_finished_from_failed_copies(
    wire: Any, driver: DragonflyDriver, heat_request: Any, replayed: Any
) -> None:
    """The answer itself names no peer; its rows name the seed (fast-proof-image-distribution)."""
    rows = json.loads(replayed("fast-proof-image-distribution-rows", 1)[1])
    ours = [item for item in rows if item["bio"] == "verify-7c1f"]
    digests = [item["args"]["url"].rpartition("/")[2] for item in ours]

    def answer(call: Any) -> tuple[int, str, dict[str, str]]:
        if call.method == "POST":
            wire.bio = call.body["bio"]
            return replayed("fast-proof-image-distribution-rows", 0)
        text = replayed("fast-proof-image-distribution-rows", 1)[1]
        return 200, text.replace("verify-7c1f", wire.bio).replace("T04:26:", "T04:29:"), {}

    wire.answer = answer
    report = driver.verify(heat_request(repository=REPOSITORY), digests)
    assert len(digests) == 5
    assert {(copy.ip, copy.host_type) for copy in report.copies} == {("10.77.0.11", SEED)}
    assert len(report.copies) == 4
    assert [failure.digest for failure in report.failures] == [
        "sha256:0d74255d15b9acf0206314e6f62ccb6c0f7f948ef6c5abad64a7cbfc802bb2ac"
    ]
    assert report.error == ""


def test_what_is_sent_marks_the_rows_as_ours_and_carries_the_credential(
    wire: Any, driver: DragonflyDriver, heat_request: Any
) -> None:
    """A fresh mark each time: rows of an earlier proof must not count again."""
    wire.answer = Peers(lambda bio: [task_row(1, bio, A, peer("1"))])
    for _ in range(2):
        driver.verify(heat_request(repository=REPOSITORY), [A])
    first, second = [call.body for call in wire.calls if call.method == "POST"]
    assert first["type"] == "get_image_distribution"
    assert first["args"]["headers"] == {"Authorization": "Bearer pull"}
    assert first["scheduler_cluster_ids"] == [1]
    assert first["bio"].startswith("preheat:n-1 verify ")
    assert first["bio"] != second["bio"]


def test_normal_peers_and_seeds_are_told_apart(
    wire: Any, driver: DragonflyDriver, heat_request: Any, waits: list[float]
) -> None:
    """The verdict needs to know which hosts the scope means."""
    wire.answer = Peers(
        lambda bio: [
            task_row(2, bio, A, peer("1"), peer("2", "normal")),
            task_row(1, bio, B, peer("2", "normal", is_finished=False)),
        ]
    )
    report = driver.verify(heat_request(repository=REPOSITORY), [A, B])
    assert [(copy.ip, copy.host_type) for copy in report.copies] == [("1", SEED), ("2", PEER)]
    assert [(item.ip, item.host_type) for item in report.failures] == [("2", PEER)]
    assert waits == []


@pytest.mark.parametrize("kind", ["strong", ""])
@pytest.mark.parametrize("scope", list(Scope))
def test_a_host_of_a_type_that_we_do_not_know_warms_no_scope(
    wire: Any, driver: DragonflyDriver, heat_request: Any, kind: str, scope: Scope
) -> None:
    """Whoever it is: it is neither known to be a seed nor to be a node."""
    wire.answer = Peers(lambda bio: [task_row(1, bio, A, peer("1", kind))])
    request = heat_request(repository=REPOSITORY)
    report = driver.verify(request, [A])
    assert report.copies
    image = Image("sha256:m", "linux/amd64", (Blob(A, 1),))
    key = replace(request.key, scope=scope)
    assert judge(image, key, report, demand=Demand.parse("peers 1")).verdict is Verdict.COLD


def test_rows_of_others_and_of_other_repositories_do_not_count(
    wire: Any, driver: DragonflyDriver, heat_request: Any
) -> None:
    """Only the exact bio and the exact blob URL are ours."""
    wire.answer = Peers(
        lambda bio: [
            task_row(3, "preheat:n-1 verify", A, peer("9")),
            task_row(2, bio, A, peer("8"), args={"url": "http://elsewhere/v2/x/blobs/" + A}),
            task_row(1, bio, A, peer("1")),
        ]
    )
    report = driver.verify(heat_request(repository=REPOSITORY), [A])
    assert [copy.ip for copy in report.copies] == ["1"]


def test_blobs_without_a_row_are_asked_for_one_by_one(
    wire: Any, driver: DragonflyDriver, heat_request: Any, waits: list[float]
) -> None:
    """It takes one look of the manager, 30 s, and no registry."""
    wire.answer = Peers(
        lambda bio: [
            task_row(2, bio, A, peer("1")),
            task_row(1, bio, B, state="FAILURE"),
        ],
        {B: task_row(0, "", B, peer("2"))},
    )
    report = driver.verify(heat_request(repository=REPOSITORY), [A, B])
    assert [(copy.digest, copy.ip) for copy in report.copies] == [(A, "1"), (B, "2")]
    assert waits == [31.0]
    assert "headers" not in wire.calls[-2].body["args"]


def test_a_blob_that_cannot_be_asked_for_is_told(
    wire: Any, driver: DragonflyDriver, heat_request: Any, waits: list[float]
) -> None:
    """Nothing is taken for absent that nobody was asked for."""
    wire.answer = Peers(tasks={A: task_row(0, "", A, state="PENDING", result=None)})
    report = driver.verify(heat_request(repository=REPOSITORY), [A])
    assert report.copies == ()
    assert report.error == "1 of 1 layers could not be asked for."
    assert waits == [31.0, 60.0]


def test_an_image_that_the_registry_lost_is_asked_for_blob_by_blob(
    wire: Any, driver: DragonflyDriver, heat_request: Any, replayed: Any
) -> None:
    """Peers may hold what the registry has deleted (get-image-distribution-missing-image)."""
    peers = Peers(tasks={A: task_row(0, "", A, peer("1"))})
    lost = replayed("get-image-distribution-missing-image")

    def answer(call: Any) -> tuple[int, str, dict[str, str]]:
        is_distribution = call.body and call.body["type"] == "get_image_distribution"
        return lost if is_distribution else peers(call)

    wire.answer = answer
    report = driver.verify(heat_request(repository=REPOSITORY), [A])
    assert [copy.ip for copy in report.copies] == ["1"]


def test_the_rate_limit_slows_the_questions_down(
    wire: Any, driver: DragonflyDriver, heat_request: Any, replayed: Any, waits: list[float]
) -> None:
    """Each get_task uses up a token of the cluster (dragonfly: internal/ratelimiter)."""
    peers = Peers(tasks={A: task_row(0, "", A, peer("1"))})
    refusals = [replayed("rate-limit-429")] * 2

    def answer(call: Any) -> tuple[int, str, dict[str, str]]:
        is_task = call.body and call.body["type"] == "get_task"
        return refusals.pop() if is_task and refusals else peers(call)

    wire.answer = answer
    assert driver.verify(heat_request(repository=REPOSITORY), [A]).copies
    assert [0.2 <= pause <= 0.4 for pause in waits] == [True, True, False]
    assert len(set(waits)) == 3


@pytest.mark.parametrize(("wish", "is_here"), [("3", True), ("60", False)])
def test_a_proof_honours_retry_after(
    wire: Any,
    driver: DragonflyDriver,
    heat_request: Any,
    waits: list[float],
    wish: str,
    *,
    is_here: bool,
) -> None:
    """A short one is waited out in the proof; a thread is not held for a longer one."""
    peers = Peers(lambda bio: [task_row(1, bio, A, peer("1"))])
    refusals = [(429, "rate limit exceeded", {"Retry-After": wish})]
    wire.answer = lambda call: refusals.pop() if refusals else peers(call)
    if is_here:
        assert driver.verify(heat_request(repository=REPOSITORY), [A]).copies
        assert [3.2 <= pause <= 3.4 for pause in waits] == [True]
    else:
        with pytest.raises(RateLimitedError) as caught:
            driver.verify(heat_request(repository=REPOSITORY), [A])
        assert (caught.value.retry_after_seconds, waits) == (60, [])


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("auth-scope-cluster-only-get-jobs", RefusedError),
        ("auth-wrong-token", RefusedError),
        ("db-down-list", RemoteUnavailableError),
        ("healthy", UnexpectedAnswerError),
    ],
)
def test_a_manager_that_cannot_be_asked_is_an_error(
    wire: Any,
    driver: DragonflyDriver,
    heat_request: Any,
    replayed: Any,
    name: str,
    error: type[Exception],
) -> None:
    """An empty report would look like cold peers."""
    wire.answer = lambda _: replayed(name)
    with pytest.raises(error):
        driver.verify(heat_request(), [A])
