"""Creating jobs: what is sent, what is refused before, and what each answer means."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import requests
from pydantic import SecretStr

from preheat.drivers.base import JobState, Timing
from preheat.drivers.dragonfly import DragonflyDriver
from preheat.errors import (
    PreheatError,
    ProblemsError,
    RateLimitedError,
    RefusedError,
    RemoteError,
    RemoteUnavailableError,
    UnexpectedAnswerError,
)
from preheat.placement import Scope
from preheat.transport import Transport, harden

if TYPE_CHECKING:
    from collections.abc import Callable

SECOND = 1_000_000_000


def answering(*answers: tuple[int, str, dict[str, str]]) -> Callable[[Any], Any]:
    """Answer one after the other, the last one for ever."""
    left = list(answers)
    return lambda _: left.pop(0) if len(left) > 1 else left[0]


def test_the_body_holds_what_dragonfly_needs_and_nothing_that_harms(
    wire: Any, driver: DragonflyDriver, heat_request: Any, replayed: Any
) -> None:
    """No user_id (breaks lists), no tag or piece_length (pulls miss), credentials as a header."""
    wire.answer = answering(replayed("run-all-peers"))
    driver.heat(
        heat_request(scope=Scope.ALL_PEERS, peers="ips=10.0.0.1,10.0.0.2", timeout_seconds=90)
    )
    (call,) = wire.calls
    assert (call.method, call.path) == ("POST", "/oapi/v1/jobs")
    assert call.headers["Authorization"] == "Bearer the-token"
    assert call.body == {
        "type": "preheat",
        "bio": "preheat:n-1 by hand",
        "args": {
            "type": "image",
            "url": "http://10.77.0.1:5000/v2/lab/app/manifests/sha256:" + "a" * 64,
            "scope": "all_peers",
            "ips": ["10.0.0.1", "10.0.0.2"],
            "concurrent_task_count": 8,
            "concurrent_peer_count": 500,
            "timeout": 90 * SECOND,
            "headers": {"Authorization": "Bearer pull"},
        },
        "scheduler_cluster_ids": [1],
    }


@pytest.mark.parametrize(
    ("peers", "argument"), [("count=3", ("count", 3)), ("percentage=10", ("percentage", 10))]
)
def test_a_selection_of_peers_is_sent_as_one_argument(
    wire: Any,
    driver: DragonflyDriver,
    heat_request: Any,
    replayed: Any,
    peers: str,
    argument: tuple[str, int],
) -> None:
    """Exactly one of ips, count and percentage goes along."""
    wire.answer = answering(replayed("run-all-peers"))
    driver.heat(heat_request(scope=Scope.ALL_SEED_PEERS, peers=peers, authorization=None))
    args = wire.calls[0].body["args"]
    assert args[argument[0]] == argument[1]
    assert {"ips", "count", "percentage"} & args.keys() == {argument[0]}
    assert "headers" not in args


def test_a_long_note_is_cut_to_what_the_column_holds(
    wire: Any, driver: DragonflyDriver, heat_request: Any, replayed: Any
) -> None:
    """1025 characters get a 500 while the job runs unseen (recorded bio-1025)."""
    wire.answer = answering(replayed("run-all-peers"))
    driver.heat(heat_request(note="ü" * 2000))
    assert len(wire.calls[0].body["bio"]) == 1024
    assert wire.calls[0].body["bio"].startswith("preheat:n-1 üü")


def test_the_created_job_is_running(
    wire: Any, driver: DragonflyDriver, heat_request: Any, replayed: Any
) -> None:
    """A new job is PENDING, its age measured by the manager's clock."""
    status, body, headers = replayed("run-all-peers")
    row = json.loads(body) | {"created_at": "2026-11-24T04:29:58Z", "bio": "preheat:n-1 by hand"}
    wire.answer = answering((status, json.dumps(row), headers))
    job = driver.heat(heat_request())
    assert (job.id, job.state, job.nonce, job.report) == (row["id"], JobState.RUNNING, "n-1", None)
    assert job.age_seconds == 2.0


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"nonce": "two words"}, "nonce"),
        ({"nonce": ""}, "nonce"),
        ({"digest": "latest"}, "manifest_url"),
        ({"pull_endpoint": "reg.example"}, "manifest_url"),
        ({"pull_endpoint": "http://user:word@reg"}, "manifest_url"),
        ({"scope": "all-peers"}, "scope"),
        ({"peers": "count=1"}, "peers"),
        ({"scope": Scope.ALL_PEERS, "peers": "some"}, "peers"),
        ({"scope": Scope.ALL_PEERS, "peers": "count=201"}, "peers.count"),
        ({"scope": Scope.ALL_PEERS, "peers": "count=0"}, "peers.count"),
        ({"scope": Scope.ALL_PEERS, "peers": "percentage=101"}, "peers.percentage"),
        ({"scope": Scope.ALL_PEERS, "peers": "ips=node-1"}, "peers.ips"),
        ({"scope": Scope.ALL_PEERS, "peers": "ips=" + ",".join(["1.1.1.1"] * 101)}, "peers.ips"),
        ({"concurrent_tasks": 101}, "concurrent_tasks"),
        ({"concurrent_peers": 0}, "concurrent_peers"),
        ({"timeout_seconds": -1}, "timeout_seconds"),
        ({"scheduler_cluster_id": 0}, "scheduler_cluster_id"),
    ],
)
def test_a_wrong_request_is_refused_before_anything_is_sent(
    wire: Any, driver: DragonflyDriver, heat_request: Any, changes: dict[str, Any], path: str
) -> None:
    """The manager would misread most of these silently (recorded run-scope-misspelt)."""
    with pytest.raises(ProblemsError) as caught:
        driver.heat(heat_request(**changes))
    assert [problem.path for problem in caught.value.problems] == [path]
    assert wire.calls == []


def test_all_problems_of_a_request_are_told_at_once(
    driver: DragonflyDriver, heat_request: Any
) -> None:
    """One repair, not one per try."""
    with pytest.raises(ProblemsError) as caught:
        driver.heat(heat_request(nonce="", concurrent_tasks=0, timeout_seconds=0))
    assert len(caught.value.problems) == 3


def test_a_job_for_other_clusters_is_an_unexpected_answer(
    wire: Any, driver: DragonflyDriver, heat_request: Any, replayed: Any
) -> None:
    """A cluster without a scheduler is left out silently (recorded create-clusters-1-and-2)."""
    wire.answer = answering(replayed("create-clusters-1-and-2"))
    with pytest.raises(UnexpectedAnswerError, match=r"scheduler clusters \[1\] instead of \[2\]"):
        driver.heat(heat_request(scheduler_cluster_id=2))


@pytest.mark.parametrize(
    ("name", "error", "said"),
    [
        ("registry-image-missing-tag", RefusedError, "has no such image"),
        ("registry-image-missing-repo", RefusedError, "has no such image"),
        ("registry-uppercase-repo", RefusedError, "has no such image"),
        ("create-image-index-no-match", RefusedError, "no manifest for this platform"),
        ("create-image-index-bad-platform", RefusedError, "misspelt"),
        ("registry-basic-wrong-credentials", RefusedError, "refused the credentials"),
        ("registry-basic-no-credentials", RefusedError, "refused the credentials"),
        ("registry-bearer-no-credentials", RefusedError, "refused the credentials"),
        ("registry-loopback", RefusedError, "no loopback"),
        ("registry-https-on-http-port", RefusedError, "speaks http"),
        ("registry-no-scheme", RefusedError, "check the cluster's pull endpoint"),
        ("invalid-url-not-manifest", RefusedError, "check the cluster's pull endpoint"),
        ("invalid-args-empty", RefusedError, "check the cluster's pull endpoint"),
        ("registry-port-closed", RemoteUnavailableError, "cannot reach the registry"),
        ("registry-unknown-host", RemoteUnavailableError, "cannot reach the registry"),
        ("create-scheduler-killed", RemoteUnavailableError, "no scheduler of this cluster"),
        ("get-task-scheduler-stopped", RemoteUnavailableError, "no scheduler of this cluster"),
        ("db-down-create", RemoteUnavailableError, "cannot reach its database"),
        ("db-down-clusters", RemoteUnavailableError, "cannot reach its database"),
        ("redis-down-create-no-ids", RemoteUnavailableError, "cannot reach its Redis"),
        ("bio-1025", RemoteUnavailableError, "Internal Server Error"),
    ],
)
def test_a_recorded_failure_text_is_told_apart_and_kept(
    wire: Any,
    driver: DragonflyDriver,
    heat_request: Any,
    replayed: Any,
    recorded: Any,
    name: str,
    error: type[RemoteError],
    said: str,
) -> None:
    """The manager answers all of these with 500 and a text; its own words stay in the error."""
    wire.answer = answering(replayed(name))
    with pytest.raises(error, match=said) as caught:
        driver.heat(heat_request())
    assert caught.value.status == 500
    assert caught.value.words[:20] in str(caught.value)
    assert caught.value.words[:20] in json.loads(recorded(name)["response"]["body_text"])["message"]


@pytest.mark.parametrize(
    ("name", "is_sent"),
    [("create-scheduler-killed", False), ("registry-port-closed", False), ("bio-1025", True)],
)
def test_only_texts_that_prove_it_say_that_nothing_runs(
    wire: Any, driver: DragonflyDriver, heat_request: Any, replayed: Any, name: str, is_sent: bool
) -> None:
    """After a 500 of the database the job runs without a row (recorded bio-1025)."""
    wire.answer = answering(replayed(name))
    with pytest.raises(RemoteUnavailableError) as caught:
        driver.heat(heat_request())
    assert caught.value.sent is is_sent


@pytest.mark.parametrize(
    "name", ["invalid-malformed-json", "invalid-missing-type", "invalid-empty-body"]
)
def test_a_422_of_two_objects_is_read(
    wire: Any, driver: DragonflyDriver, heat_request: Any, replayed: Any, name: str
) -> None:
    """The manager writes some of its refusals twice."""
    wire.answer = answering(replayed(name))
    with pytest.raises(RefusedError) as caught:
        driver.heat(heat_request())
    assert caught.value.words
    assert "{" not in caught.value.words


def test_a_429_of_a_known_cluster_is_the_rate_limit(
    wire: Any, driver: DragonflyDriver, heat_request: Any, replayed: Any
) -> None:
    """The cluster list tells what the 429 does not, and is read once."""
    driver.manager.post_timeout_seconds = 0.5  # no time to wait and try again
    wire.answer = answering(replayed("rate-limit-429"), replayed("oapi-list-clusters"))
    with pytest.raises(RateLimitedError, match="the same to all three"):
        driver.heat(heat_request())
    assert [call.path for call in wire.calls] == ["/oapi/v1/jobs", "/oapi/v1/clusters"]


def test_a_429_of_an_unknown_cluster_is_a_refusal_that_names_the_known(
    wire: Any, driver: DragonflyDriver, heat_request: Any, replayed: Any
) -> None:
    """Asking again would bring 429 for ever (recorded create-unknown-cluster-99)."""
    wire.answer = answering(replayed("create-unknown-cluster-99"), replayed("oapi-list-clusters"))
    with pytest.raises(RefusedError, match=r"no scheduler cluster 99.* 1 cluster-1\."):
        driver.heat(heat_request(scheduler_cluster_id=99))


def test_a_429_says_both_when_the_token_may_not_list_clusters(
    wire: Any, driver: DragonflyDriver, heat_request: Any, replayed: Any
) -> None:
    """A token without the scope cluster cannot tell."""
    driver.manager.post_timeout_seconds = 0.5
    wire.answer = answering(
        replayed("rate-limit-429"), replayed("auth-scope-job-only-get-clusters")
    )
    with pytest.raises(RateLimitedError, match="or no such scheduler cluster"):
        driver.heat(heat_request())


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("auth-wrong-token", "does not know this token.*database"),
        ("auth-expired-token", "Token has expired"),
        ("auth-inactive-token", "Token is inactive"),
        ("auth-scope-cluster-only-get-jobs", "Required permission: job"),
    ],
)
def test_a_refused_token_says_why(
    wire: Any, driver: DragonflyDriver, heat_request: Any, replayed: Any, name: str, said: str
) -> None:
    """401 and 403 mean different things, and 401 may mean a database that is down."""
    wire.answer = answering(replayed(name))
    with pytest.raises(RefusedError, match=said):
        driver.heat(heat_request())


def test_a_401_to_a_token_that_worked_before_is_worth_a_repeat(
    wire: Any, driver: DragonflyDriver, heat_request: Any, replayed: Any
) -> None:
    """With the database down every good token gets 401 (recorded db-down-over-time)."""
    wire.answer = answering(replayed("run-all-peers"), replayed("auth-wrong-token"))
    driver.heat(heat_request())
    with pytest.raises(RemoteUnavailableError, match="though this token worked before") as caught:
        driver.heat(heat_request())
    assert caught.value.sent is False


def test_a_redirect_is_not_followed_and_means_a_wrong_address(
    wire: Any, driver: DragonflyDriver, heat_request: Any, replayed: Any
) -> None:
    """Managers send unknown paths to / with 301 (recorded route-unknown-oapi)."""
    wire.answer = answering(replayed("route-unknown-oapi"))
    with pytest.raises(UnexpectedAnswerError, match="not how a Dragonfly manager answers"):
        driver.heat(heat_request())
    assert len(wire.calls) == 1


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("", "an empty body"),
        ("<html>", "<html>"),
        ("[]", "a list of 0"),
        ('"OK"', "a JSON str"),
        ('{"id": 1}', "an object with id: int"),
    ],
)
def test_an_answer_of_another_shape_says_what_was_received(
    wire: Any, driver: DragonflyDriver, heat_request: Any, body: str, said: str
) -> None:
    """A 200 alone is no job."""
    wire.answer = answering((200, body, {}))
    with pytest.raises(UnexpectedAnswerError, match="something else than a job") as caught:
        driver.heat(heat_request())
    assert said in str(caught.value)


@pytest.mark.parametrize("field", ["id", "state", "bio", "created_at", "args", "result"])
def test_a_missing_field_is_named_and_no_secret_is_told(
    wire: Any, driver: DragonflyDriver, heat_request: Any, replayed: Any, field: str
) -> None:
    """The echoed arguments hold the registry's credentials: only the shape is shown."""
    status, text, headers = replayed("run-all-peers")
    row = json.loads(text)
    row["args"]["password"] = "hunter2"
    del row[field]
    wire.answer = answering((status, json.dumps(row), headers))
    with pytest.raises(UnexpectedAnswerError, match=f"missing required field `{field}`") as caught:
        driver.heat(heat_request())
    assert "hunter2" not in str(caught.value) + repr(caught.value.__dict__)


def test_an_unknown_state_is_an_error_that_names_it(
    wire: Any, driver: DragonflyDriver, heat_request: Any, replayed: Any
) -> None:
    """A state that we do not know is neither running nor ended."""
    status, text, headers = replayed("run-all-peers")
    wire.answer = answering((status, text.replace("PENDING", "PAUSED"), headers))
    with pytest.raises(UnexpectedAnswerError, match="unknown state 'PAUSED'"):
        driver.heat(heat_request())


def test_a_post_ends_at_its_hard_time_out(wire: Any, heat_request: Any) -> None:
    """An answer that drips byte by byte would never trip a read time-out."""

    def never(_: object) -> tuple[int, str, dict[str, str]]:
        wire.hold.wait(5)
        return 200, "", {}

    wire.answer = never
    with harden(requests.Session()) as session:
        driver = DragonflyDriver(
            Transport(session, wire.url, system="Dragonfly"),
            token=SecretStr("the-token"),
            timing=Timing(),
            post_timeout_seconds=0.2,
        )
        with pytest.raises(RemoteUnavailableError) as caught:
            driver.heat(heat_request())
    assert caught.value.sent is True


def test_a_manager_that_is_down_was_sent_nothing(heat_request: Any) -> None:
    """A refused connection has no effect to look for."""
    with harden(requests.Session()) as session:
        driver = DragonflyDriver(
            Transport(session, "http://127.0.0.1:9", system="Dragonfly"),
            token=SecretStr("the-token"),
            timing=Timing(),
        )
        with pytest.raises(RemoteUnavailableError, match="did not answer") as caught:
            driver.heat(heat_request())
    assert caught.value.sent is False


def test_no_error_holds_a_secret(
    wire: Any, driver: DragonflyDriver, heat_request: Any, replayed: Any
) -> None:
    """Neither the token nor the registry's authorization is in any text or field."""
    for name in ("auth-wrong-token", "registry-basic-wrong-credentials", "route-unknown-oapi"):
        wire.answer = answering(replayed(name))
        with pytest.raises(PreheatError) as caught:
            driver.heat(heat_request(authorization=SecretStr("Bearer very-secret")))
        told = str(caught.value) + repr(caught.value.__dict__)
        assert "the-token" not in told
        assert "very-secret" not in told
