"""How the stand-in delivers webhooks: attempts, time-outs, redirects, faults and outages."""

from __future__ import annotations

import json
import time
from itertools import pairwise
from typing import Any

import pytest

from preheat.sandbox.harbor import ImageSpec, push_image

POLICIES = "/api/v2.0/projects/hooks/webhook/policies"
LOG = "/sandbox/webhooks/deliveries"
FAULTS = "/sandbox/webhooks/faults"


@pytest.fixture
def policy(lab: Any, receiver: Any) -> Any:
    """Give the way to create a CloudEvents policy for a path of the receiver."""

    def create(path: str = "/ok", kind: str = "CloudEvents", address: str = "") -> str:
        target = {"type": "http", "address": address or receiver.url + path}
        target |= {"payload_format": kind, "auth_header": "Bearer lab-hook"}
        body = {"name": path, "enabled": True, "event_types": ["PUSH_ARTIFACT"]}
        made = lab.call("POST", POLICIES, who="admin", json=body | {"targets": [target]})
        assert made.status_code == 201
        return str(made.headers["Location"])

    return create


def push(lab: Any, tag: str = "1") -> None:
    """Push one image."""
    push_image(lab.state, "hooks/app", ImageSpec(tag), tags=[tag])


def settle(lab: Any, seconds: float = 10) -> list[dict[str, Any]]:
    """Wait until every execution's task has ended, and give the log."""
    project = lab.state.projects["hooks"]
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        tasks = [
            execution.task
            for row in lab.state.webhooks.of_project(project)
            for execution in row.executions.values()
        ]
        if all(task is None or task.ended_at for task in tasks):
            return lab.call("GET", LOG).json()
        time.sleep(0.01)
    raise AssertionError("deliveries are still under way")


def tags(requests: list[Any]) -> list[str]:
    """Tell the tags of what arrived, in its order."""
    return [json.loads(one.body)["data"]["resources"][0]["tag"] for one in requests]


@pytest.mark.parametrize(
    ("path", "receiver_name", "status", "error"),
    [
        ("/status/500", "answers 500", 500, "StatusError"),
        ("/status/410", "answers 410", 410, "StatusError"),
        ("/loop", "answers 302", 0, "TooManyRedirects"),
        ("/slow/1.5", "answers after 5 s (client timeout 3 s)", 0, "ReadTimeout"),
    ],
)
def test_a_failing_receiver_is_tried_three_times(
    path: str,
    receiver_name: str,
    status: int,
    error: str,
    lab: Any,
    receiver: Any,
    recorded: Any,
    policy: Any,
) -> None:
    """Whatever the failure, with the same CloudEvents id each time (recorded: webhook-retries)."""
    if path.startswith("/slow"):
        lab.state.settings.webhook_timeout_seconds = 0.5
    theirs = next(
        row for row in recorded("webhook-retries")["receivers"] if row["receiver"] == receiver_name
    )
    where = policy(path)
    push(lab)
    log = settle(lab)
    assert [row["number"] for row in log] == list(range(1, theirs["attempts"] + 1))
    assert {(row["status"], row["error"]) for row in log} == {(status, error)}
    posts = [one for one in receiver.wait(3) if one.method == "POST"]
    assert len(posts) == theirs["attempts"]
    ids = {json.loads(one.body)["id"] for one in posts}
    assert (len(ids), ids) == (len(theirs["cloud_event_ids"]), {row["event_id"] for row in log})
    lab.state.settings.webhook_delay_factor = 0
    failed = lab.get(f"{where}/executions", "admin").json()[0]
    shown = recorded("webhook-executions-failed")["response"]["body_text"]
    assert (failed["status"], failed["metrics"]) == ("Error", json.loads(shown)[0]["metrics"])
    task = lab.get(f"{where}/executions/{failed['id']}/tasks", "admin").json()[0]
    other = json.loads(recorded("webhook-tasks-failed")["response"]["body_text"])[0]
    assert set(task) == set(other)
    assert [task[key] for key in ("status", "run_count")] == ["Error", 3]


def test_gaps_are_the_recorded_ones_scaled(
    lab: Any, receiver: Any, recorded: Any, policy: Any
) -> None:
    """A hundredth of the recorded seconds, but for what the machine adds (webhook-retries)."""
    policy("/status/500")
    push(lab)
    settle(lab)
    at = [one.at for one in receiver.wait(3)]
    theirs = recorded("webhook-retries")["receivers"][0]["gaps_s"]
    for (first, second), gap in zip(pairwise(at), theirs, strict=True):
        assert gap / 100 <= second - first < gap / 100 + 1


def test_a_redirect_is_followed_with_get_and_counts(lab: Any, receiver: Any, policy: Any) -> None:
    """A 302 loses the body, and the delivery is taken for done (recorded: webhook-retries)."""
    policy("/redirect")
    push(lab)
    log = settle(lab)
    told = [(one.method, one.path, one.body == "") for one in receiver.wait(2)]
    assert told == [("POST", "/redirect", False), ("GET", "/landed", True)]
    assert [(row["number"], row["status"], row["error"]) for row in log] == [(1, 200, "")]


def test_an_address_that_cannot_be_reached_fails_quietly(lab: Any, policy: Any) -> None:
    """One without a scheme is taken and never works; the log names no secret."""
    lab.state.settings.webhook_delay_factor = 0
    policy("/none", address="127.0.0.1:9/x")
    policy("/refused", address="http://127.0.0.1:9/x")
    push(lab)
    log = settle(lab)
    assert {row["error"] for row in log} == {"InvalidSchema", "ConnectionError"}
    assert len(log) == 6
    assert "lab-hook" not in json.dumps(log)
    assert "lab-hook" not in repr(lab.state.webhooks.of_project(lab.state.projects["hooks"]))


def test_executions_keep_what_was_sent(lab: Any, receiver: Any, recorded: Any, policy: Any) -> None:
    """Their payload is the delivery's body; their status follows late (webhook-executions)."""
    where = policy()
    push(lab, "1")
    push(lab, "2")
    settle(lab)
    lab.state.settings.webhook_delay_factor = 10
    early = lab.get(f"{where}/executions", "admin")
    assert {row["status"] for row in early.json()} == {"Running"}
    theirs = json.loads(recorded("webhook-executions")["response"]["body_text"])
    assert set(early.json()[0]) == set(theirs[0])
    assert early.json()[0]["metrics"] == theirs[0]["metrics"]
    assert early.json()[0]["end_time"] == theirs[0]["end_time"]
    lab.state.settings.webhook_delay_factor = 0
    rows = lab.get(f"{where}/executions?page_size=1", "admin")
    assert (rows.headers["X-Total-Count"], rows.json()[0]["status"]) == ("2", "Success")
    assert rows.headers["Link"] == f'<{where}/executions?page=2&page_size=1>; rel="next"'
    payloads = {row["extra_attrs"]["payload"] for row in early.json()}
    assert payloads == {one.body for one in receiver.wait(2)}
    path = f"{where}/executions/{rows.json()[0]['id']}/tasks"
    other = json.loads(recorded("webhook-tasks")["response"]["body_text"])[0]
    task = lab.get(path, "admin").json()[0]
    assert (set(task), task["run_count"], task["status"]) == (set(other), 1, "Success")


def test_a_policy_keeps_its_last_fifty_executions(lab: Any, policy: Any) -> None:
    """What is older can no longer be read (harbor: WEBHOOK_EXECUTION_RETENTION_COUNT)."""
    where = policy()
    order = {"repository": "hooks/burst", "count": 53}
    pushed = lab.call("POST", "/sandbox/bursts", json=order)
    assert (pushed.status_code, len(pushed.json())) == (201, 53)
    rows = lab.get(f"{where}/executions?page_size=1&sort=id", "admin")
    oldest = json.loads(rows.json()[0]["extra_attrs"]["payload"])
    assert rows.headers["X-Total-Count"] == "50"
    assert oldest["data"]["resources"][0]["tag"] == "v4"
    settle(lab)


def test_a_disabled_policy_and_another_event_fire_nothing(lab: Any, policy: Any) -> None:
    """Only enabled policies of the project, and only their event types."""
    where = policy()
    row = lab.get(where, "admin").json()
    lab.call("PUT", where, who="admin", json=row | {"enabled": False})
    push(lab)
    lab.call("PUT", where, who="admin", json=row)
    lab.state.delete(lab.state.find("hooks/app", "1"))
    push_image(lab.state, "other/app", ImageSpec("x"), tags=["1"])
    assert lab.get(f"{where}/executions", "admin").json() == []


def test_while_the_jobservice_is_down_events_are_lost_but_kept(
    lab: Any, receiver: Any, recorded: Any, policy: Any
) -> None:
    """Their executions run for ever without a task, and hold the payload.

    Recorded: webhook-jobservice-down, webhook-executions-jobservice-down, -back,
    health-jobservice-down.
    """
    where = policy()
    off = lab.call("PUT", "/sandbox/jobservice", json={"running": False}).json()
    assert off == {"running": False, "waiting": 0, "delay_factor": 0.01}
    push(lab, "down")
    health = lab.get("/api/v2.0/health")
    assert health.text == recorded("health-jobservice-down")["response"]["body_text"]
    lab.call("PUT", "/sandbox/jobservice", json={"running": True})
    push(lab, "up")
    settle(lab)
    assert tags(receiver.wait(1)) == ["up"]
    down = lab.get(f"{where}/executions?sort=id", "admin").json()[0]
    theirs = json.loads(recorded("webhook-executions-jobservice-back")["response"]["body_text"])[0]
    for key in ("status", "metrics", "end_time", "trigger", "vendor_type"):
        assert down[key] == theirs[key]
    assert json.loads(down["extra_attrs"]["payload"])["data"]["resources"][0]["tag"] == "down"
    assert lab.get(f"{where}/executions/{down['id']}/tasks", "admin").json() == []
    assert lab.get("/api/v2.0/health").json()["status"] == "healthy"


def test_what_is_queued_waits_for_the_jobservice(lab: Any, receiver: Any, policy: Any) -> None:
    """A retry that was due during the outage is made after it."""
    lab.state.settings.webhook_delay_factor = 0.03
    policy("/status/500")
    push(lab)
    receiver.wait(1)
    lab.call("PUT", "/sandbox/jobservice", json={"running": False, "delay_factor": 0})
    time.sleep(1.2)  # the retry was due after 1.05 s
    assert len(receiver.received) == 1
    assert lab.call("GET", "/sandbox/jobservice").json()["waiting"] == 1
    lab.call("PUT", "/sandbox/jobservice", json={"running": True})
    assert len(settle(lab)) == 3


def test_a_lost_delivery_is_taken_for_delivered(lab: Any, receiver: Any, policy: Any) -> None:
    """Harbor believes it arrived, so nothing tells of it but the stand-in's log."""
    where = policy()
    order = {"kind": "lose", "skip": 1, "times": 2}
    assert lab.call("POST", FAULTS, json=order).status_code == 201
    for tag in "1234":
        push(lab, tag)
    log = settle(lab)
    assert sorted(tags(receiver.wait(2))) == ["1", "4"]
    assert [row["tag"] for row in log if row["error"] == "lost"] == ["2", "3"]
    tasks = [row["metrics"] for row in lab.get(f"{where}/executions", "admin").json()]
    assert tasks == [{"success_task_count": 1, "task_count": 1}] * 4
    assert lab.call("GET", FAULTS).json() == []


def test_a_doubled_delivery_comes_twice(lab: Any, receiver: Any, policy: Any) -> None:
    """With the same body, CloudEvents id included."""
    policy()
    lab.call("POST", FAULTS, json={"kind": "double", "event_type": "PUSH_ARTIFACT"})
    push(lab)
    first, second = receiver.wait(2)
    assert first.body == second.body
    push(lab)
    assert len({one.body for one in receiver.wait(3)}) == 2
    settle(lab)


def test_a_late_delivery_comes_behind_later_ones(lab: Any, receiver: Any, policy: Any) -> None:
    """The order names real seconds."""
    policy()
    lab.call("POST", FAULTS, json={"kind": "delay", "seconds": 1})
    start = time.monotonic()
    push(lab, "late")
    push(lab, "next")
    arrived = receiver.wait(2)
    assert tags(arrived) == ["next", "late"]
    assert arrived[1].at - start >= 1
    settle(lab)


def test_deliveries_come_in_reverse(lab: Any, receiver: Any, policy: Any) -> None:
    """Kept until all of them are there, or the orders are taken back."""
    policy()
    lab.call("POST", FAULTS, json={"kind": "reverse", "times": 3})
    for tag in "123":
        push(lab, tag)
    assert tags(receiver.wait(3)) == ["3", "2", "1"]
    lab.call("POST", FAULTS, json={"kind": "reverse", "times": 9})
    for tag in "45":
        push(lab, tag)
    assert lab.call("GET", FAULTS).json()[0] | {"held": 2, "times": 7} == {
        "kind": "reverse",
        "times": 7,
        "skip": 0,
        "seconds": 0.0,
        "held": 2,
        "event_type": None,
        "policy_id": None,
    }
    assert lab.call("DELETE", FAULTS).status_code == 204
    assert tags(receiver.wait(5)[3:]) == ["5", "4"]
    settle(lab)


def test_the_log_tells_every_attempt_and_is_cleared(lab: Any, receiver: Any, policy: Any) -> None:
    """Who was told of what, in which attempt, and what came of it."""
    where = policy()
    push(lab)
    receiver.wait(1)
    settle(lab)
    row = lab.call("GET", LOG, params={"project": "hooks"}).json()[0]
    digest = lab.state.find("hooks/app", "1").digest
    assert row | {"at": "", "event_id": ""} == {
        "at": "",
        "event_id": "",
        "project": "hooks",
        "repository": "hooks/app",
        "tag": "1",
        "policy_id": int(where.rpartition("/")[2]),
        "execution_id": 1,
        "digest": digest,
        "event_type": "PUSH_ARTIFACT",
        "number": 1,
        "status": 200,
        "error": "",
    }
    assert lab.call("GET", LOG, params={"project": "other"}).json() == []
    assert lab.call("DELETE", LOG).json() == {"cleared": 1}
    assert lab.call("GET", LOG).json() == []


def test_a_burst_arrives_whole_and_unordered(lab: Any, receiver: Any, policy: Any) -> None:
    """A push never waits for a receiver, and ten workers deliver side by side."""
    lab.state.settings.webhook_delay_factor = 0.1
    policy("/slow/0.2")
    start = time.monotonic()
    lab.call("POST", "/sandbox/bursts", json={"repository": "hooks/burst", "count": 40})
    pushed = time.monotonic()
    arrived = receiver.wait(40)
    assert pushed < arrived[-1].at < start + 6  # one after the other would take 8 s
    assert sorted(tags(arrived)) == sorted(f"v{n}" for n in range(1, 41))
    assert tags(arrived) != [f"v{n}" for n in range(1, 41)]
    settle(lab)


def test_a_push_names_whoever_did_it(lab: Any, receiver: Any, policy: Any) -> None:
    """Robots by their full name, users by theirs; the request's id is told along."""
    policy()
    order = {"repository": "hooks/app", "tags": ["1"], "operator": "robot$hooks+ci"}
    lab.call("POST", "/sandbox/images", json=order)
    artifacts = "/api/v2.0/projects/hooks/repositories/copied/artifacts"
    lab.call(
        "POST",
        artifacts,
        who="admin",
        params={"from": "hooks/app:1"},
        headers={"X-Request-Id": "asked-by-us"},
    )
    told = {
        (body["operator"], body["requestid"] == "asked-by-us")
        for body in (json.loads(one.body) for one in receiver.wait(2))
    }
    assert told == {("robot$hooks+ci", False), ("admin", True)}
    settle(lab)


@pytest.mark.parametrize(
    ("path", "order", "told"),
    [
        ("tags", {"reference": "1", "tag": "2"}, []),
        ("tags", {"reference": "1", "tag": "2", "pushed": True}, ["2"]),
        ("tags", {"reference": "1", "tag": "old"}, ["old"]),
        ("labels", {"reference": "1", "label": "gold"}, []),
        ("copies", {"reference": "1", "target": "hooks/copy"}, ["1"]),
        ("signatures", {"reference": "1"}, ["sha256-HEX.sig"]),
        ("signatures", {"reference": "1", "scheme": "referrer"}, ["DIGEST"]),
        ("sboms", {"reference": "1"}, ["DIGEST"]),
    ],
)
def test_control_routes_are_told_like_all_else(
    path: str, order: dict[str, Any], told: list[str], lab: Any, receiver: Any, policy: Any
) -> None:
    """What a route under /sandbox does fires what the same fires in Harbor."""
    push(lab, "old")
    push(lab)
    where = policy()
    answer = lab.call("POST", f"/sandbox/{path}", json={"repository": "hooks/app"} | order)
    assert answer.ok, answer.text
    log = settle(lab)
    assert len(log) == len(told) == len(lab.get(f"{where}/executions", "admin").json())
    hexes = lab.state.find("hooks/app", "1").digest.removeprefix("sha256:")
    expected = {tag.replace("HEX", hexes) for tag in told}
    assert {row["tag"] or "DIGEST" for row in log} == expected


def test_what_goes_away_is_told(lab: Any, receiver: Any, policy: Any) -> None:
    """Images, repositories and what retention leaves out, by control routes; scans of an index."""
    where = policy()
    row = lab.get(where, "admin").json()
    kinds = ["DELETE_ARTIFACT", "TAG_RETENTION", "SCANNING_FAILED"]
    lab.call("PUT", where, who="admin", json=row | {"event_types": kinds})
    for name in ("one", "two"):
        lab.call("POST", "/sandbox/bursts", json={"repository": f"hooks/{name}", "count": 3})
    platforms = ["linux/amd64", "linux/arm64"]
    order = {"repository": "hooks/index", "tags": ["1"], "platforms": platforms}
    lab.call("POST", "/sandbox/images", json=order)
    reference = {"repository": "hooks/index", "reference": "1"}
    failed = lab.call("POST", "/sandbox/scans", json=reference | {"status": "Error"})
    gone = lab.call("DELETE", "/sandbox/images", params=reference)
    kept = lab.call("POST", "/sandbox/retentions", json={"repository": "hooks/one", "keep": 1})
    left = lab.call("DELETE", "/sandbox/repositories", params={"repository": "hooks/two"})
    assert [answer.status_code for answer in (failed, gone, kept, left)] == [200] * 4
    assert len(kept.json()["deleted"]) == 2
    told = sorted((row["event_type"], row["repository"], row["tag"]) for row in settle(lab))
    assert told == [
        ("DELETE_ARTIFACT", "hooks/index", "1"),
        *[("DELETE_ARTIFACT", "hooks/one", tag) for tag in ("v1", "v2")],
        *[("DELETE_ARTIFACT", "hooks/two", tag) for tag in ("v1", "v2", "v3")],
        *[("SCANNING_FAILED", "hooks/index", "")] * 2,
        ("TAG_RETENTION", "", ""),
    ]
    missing = lab.call("DELETE", "/sandbox/repositories", params={"repository": "hooks/two"})
    assert missing.status_code == 404
