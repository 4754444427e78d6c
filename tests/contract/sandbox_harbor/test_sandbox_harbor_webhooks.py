"""Webhook policies of the stand-in: made, shown, changed and taken away as recorded, by rights."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from preheat.sandbox.catalogue import ROBOT, ROBOT_SECRET, fill
from preheat.sandbox.harbor import HarborState, ImageSpec, Permission, push_image

HOOKS = "/api/v2.0/projects/hooks/webhook"
POLICIES = f"{HOOKS}/policies"
TARGET = {"type": "http", "address": "http://127.0.0.1:9/x", "auth_header": "Bearer one"}
BODY = {"name": "p", "enabled": True, "event_types": ["PUSH_ARTIFACT"], "targets": [TARGET]}


def send(lab: Any, recording: dict[str, Any]) -> Any:
    """Send the recorded request as the recorded kind of caller."""
    request = recording["request"]
    who = request["headers"]["Authorization"].partition("<")[2].partition(":")[0]
    return lab.call(request["method"], request["path"], who=who, data=request["body"])


def make(lab: Any, project: str = "hooks", **fields: Any) -> str:
    """Create a policy and give its path."""
    path = f"/api/v2.0/projects/{project}/webhook/policies"
    answer = lab.call("POST", path, who="admin", json=BODY | fields)
    assert answer.status_code == 201, answer.text
    return str(answer.headers["Location"])


def timeless(text: str) -> str:
    """Take times out of a list."""
    return re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z", "TIME", text)


def test_policies_are_created_and_listed_as_recorded(lab: Any, recorded: Any) -> None:
    """Created one after the other, refused by name, listed with the credential in clear.

    The refused one has used up an id. Recorded: webhook-policy-create-default, -cloudevents,
    -duplicate, -no-scheme, webhook-policies-list.
    """
    for name in ("default", "cloudevents", "duplicate", "no-scheme"):
        recording = recorded(f"webhook-policy-create-{name}")
        answer, theirs = send(lab, recording), recording["response"]
        assert (answer.status_code, answer.text) == (theirs["status"], theirs["body_text"])
        assert answer.headers.get("Location") == theirs["headers"].get("Location")
    recording = recorded("webhook-policies-list")
    answer = send(lab, recording)
    assert timeless(answer.text) == timeless(recording["response"]["body_text"])
    assert answer.headers["X-Total-Count"] == "3"


def test_a_robot_with_the_right_creates_a_policy(lab: Any, recorded: Any) -> None:
    """Rights are checked one by one (recorded: webhook-policy-create-robot-allowed)."""
    answer = send(lab, recorded("webhook-policy-create-robot-allowed"))
    assert (answer.status_code, answer.text) == (201, "")
    path, robot = answer.headers["Location"], "robot$team-a+hookadmin"
    assert path == "/api/v2.0/projects/team-a/webhook/policies/1"
    for method, where in (
        ("GET", "/api/v2.0/projects/team-a/webhook/policies"),
        ("GET", path),
        ("PUT", path),
        ("DELETE", path),
        ("GET", f"{path}/executions"),
        ("GET", f"{path}/executions/1/tasks"),
        ("GET", "/api/v2.0/projects/team-a/webhook/events"),
        ("GET", "/api/v2.0/projects/team-a/webhook/lasttrigger"),
    ):
        refused = lab.call(method, where, who=robot, json=BODY)
        assert (refused.status_code, refused.json()["errors"][0]["code"]) == (403, "FORBIDDEN")
        assert lab.call(method, where, json=BODY).status_code == 401


@pytest.mark.parametrize("action", ["list", "read", "create", "update", "delete"])
def test_each_right_opens_its_routes(action: str, lab: Any) -> None:
    """What one right opens, no other does (harbor: handler/webhook.go)."""
    path, who = make(lab), "robot$one-right"
    right = Permission.project("hooks", {f"notification-policy:{action}"})
    lab.state.accounts.add_robot(who, "right-secret", [right])
    routes = {
        "list": ("GET", POLICIES),
        "read": ("GET", path),
        "create": ("POST", POLICIES),
        "update": ("PUT", path),
        "delete": ("DELETE", path),
    }
    for needed, (method, where) in routes.items():
        answer = lab.call(method, where, who=who, json=BODY | {"name": needed})
        assert (answer.status_code == 403) == (needed != action)


def test_the_demo_s_robot_may_install_webhooks_and_read_the_feed(serve: Any) -> None:
    """The catalogue's robot holds the rights, in every project, and nothing was told before."""
    state = HarborState()
    fill(state, "demo")
    with serve(state) as lab:
        robot = {"who": ROBOT, "secret": ROBOT_SECRET}
        policies = "/api/v2.0/projects/web/webhook/policies"
        made = lab.call("POST", policies, json=BODY, **robot)
        path = made.headers["Location"]
        for method, where in (("GET", policies), ("GET", path), ("PUT", path), ("DELETE", path)):
            assert lab.call(method, where, json=BODY, **robot).status_code == 200
        feed = lab.call("GET", "/api/v2.0/auditlog-exts", **robot)
    assert (feed.status_code, feed.text, feed.headers["X-Total-Count"]) == (200, "[]\n", "0")


def test_a_policy_is_replaced_whole(lab: Any) -> None:
    """What a PUT does not tell is lost, the creation time too, unless it is sent back."""
    path = make(lab, description="first")
    shown = lab.get(path, "admin").json()
    assert (shown["targets"][0]["auth_header"], shown["description"]) == ("Bearer one", "first")
    changed = shown | {"targets": [TARGET | {"auth_header": "Bearer two"}]}
    assert lab.call("PUT", path, who="admin", json=changed).status_code == 200
    again = lab.get(path, "admin").json()
    assert again.pop("update_time") >= shown["update_time"]
    changed["targets"][0]["payload_format"] = "Default"
    assert again == {key: value for key, value in changed.items() if key != "update_time"}
    assert lab.call("PUT", path, who="admin", json=BODY).status_code == 200
    bare = lab.get(path, "admin").json()
    assert (bare["creation_time"], "description" in bare) == ("0001-01-01T00:00:00.000Z", False)


def test_a_name_is_taken_once_in_a_project(lab: Any) -> None:
    """Another project may have it; renaming to a name that is taken is 409."""
    make(lab, "team-a")
    make(lab)
    second = make(lab, name="q")
    refused = lab.call("PUT", second, who="admin", json=BODY)
    assert refused.status_code == 409
    assert "notification policy named p already exists" in refused.text
    assert lab.call("PUT", second, who="admin", json=BODY | {"name": "q"}).status_code == 200


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"event_types": None}, "empty event type"),
        ({"targets": []}, "empty notification target with policy p"),
        ({"targets": [TARGET | {"address": ""}]}, "empty URL"),
        ({"targets": [TARGET | {"address": "ftp://x/y"}]}, "invalid scheme: ftp"),
        ({"targets": [TARGET | {"type": "teams"}]}, "unsupported target type teams with policy p"),
    ],
)
def test_what_is_not_valid_is_refused(fields: Any, message: str, lab: Any) -> None:
    """In Harbor's words, on create and replace (harbor: handler/webhook.go)."""
    path = make(lab)
    for method, where in (("POST", POLICIES), ("PUT", path)):
        refused = lab.call(method, where, who="admin", json=BODY | fields)
        told = {"code": "BAD_REQUEST", "message": message}
        assert (refused.status_code, refused.json()["errors"]) == (400, [told])
    assert lab.call("POST", POLICIES, who="admin").status_code == 422


def test_a_missing_policy_is_not_found(lab: Any) -> None:
    """In words that tell another project's policy from none; an id must be a number."""
    path = make(lab, "team-a")
    number = path.rpartition("/")[2]
    for where, status, message in (
        (f"{POLICIES}/99", 404, "notificationPolicy 99 not found"),
        (f"{POLICIES}/{number}", 404, f"project id:4, webhook policy id: {number} not found"),
        (f"{path}/executions/7/tasks", 404, "execution 7 not found"),
        (f"{POLICIES}/x", 422, None),
    ):
        answer = lab.get(where, "admin")
        assert answer.status_code == status
        assert message in {None, answer.json()["errors"][0]["message"]}
    assert lab.call("DELETE", path, who="admin").status_code == 200
    assert lab.get(path, "admin").status_code == 404


def test_a_project_s_last_triggers_have_the_recorded_shape(
    lab: Any, recorded: Any, receiver: Any
) -> None:
    """One row for each policy and type, never fired ones at Go's zero (recorded: …-lasttrigger)."""
    recording = recorded("webhook-lasttrigger")
    for name in ("default", "cloudevents"):
        send(lab, recorded(f"webhook-policy-create-{name}"))
    ours, theirs = send(lab, recording).json(), json.loads(recording["response"]["body_text"])
    same = [("enabled", "event_type", "policy_name")] * len(theirs)
    assert [[row[key] for key in keys] for row, keys in zip(ours, same, strict=True)] == [
        [row[key] for key in keys] for row, keys in zip(theirs, same, strict=True)
    ]
    assert {row["last_trigger_time"] for row in ours} == {"0001-01-01T00:00:00.000Z"}
    assert set(ours[0]) == set(theirs[0])
    push_image(lab.state, "hooks/app", ImageSpec("app"), tags=["1"])
    fired = {
        row["event_type"]
        for row in send(lab, recording).json()
        if not row["last_trigger_time"].startswith("0001")
    }
    assert fired == {"PUSH_ARTIFACT"}
