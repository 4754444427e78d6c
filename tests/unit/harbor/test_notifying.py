"""Webhook policies, on recorded answers: what is read and written, and that no secret shows."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr

from preheat.errors import RefusedError, UnexpectedAnswerError
from preheat.harbor.notifying import WebhookPolicy, WebhookTarget

if TYPE_CHECKING:
    from conftest import Replay
    from preheat.harbor.client import HarborClient

POLICIES = "/api/v2.0/projects/hooks/webhook/policies"
LAST = "/api/v2.0/projects/hooks/webhook/lasttrigger"
SECRET = "Bearer a-made-up-secret"
POLICY = WebhookPolicy(
    "preheat",
    ("PUSH_ARTIFACT",),
    (WebhookTarget("http://airflow/x", SecretStr(SECRET), payload_format="CloudEvents"),),
)


def by_age(body: bytes) -> bytes:
    """Order a recorded list as we ask for it: it was asked for without an order."""
    return json.dumps(sorted(json.loads(body), key=lambda row: row["id"])).encode()


def test_policies_are_read_with_their_secret_hidden(replay: Replay, robot: HarborClient) -> None:
    """Harbor shows it in clear (recorded: webhook-policies-list)."""
    replay.recorded(POLICIES, "webhook-policies-list")
    status, headers, body = replay.answers[POLICIES].pop()
    replay.answers[POLICIES].append((status, headers, by_age(body)))
    default, events, bare = robot.webhooks.policies("hooks")
    assert [policy.name for policy in (default, events, bare)] == ["default", "ce", "b3"]
    assert (events.id, events.enabled, len(events.events)) == (2, True, 10)
    (target,) = events.targets
    assert target.address == "http://127.0.0.1:8094/ok/ce"
    assert (target.type, target.payload_format) == ("http", "CloudEvents")
    assert target.authorization is not None
    assert target.authorization.get_secret_value() == "Bearer lab-hook"
    assert "lab-hook" not in repr(events)
    assert bare.targets[0].authorization is None


def test_the_last_trigger_of_each_policy(replay: Replay, robot: HarborClient) -> None:
    """The latest of its event types; Go's zero time is never (recorded: webhook-lasttrigger)."""
    replay.recorded(LAST, "webhook-lasttrigger")
    found = robot.webhooks.last_triggers("hooks")
    assert found["ce"] == datetime(2026, 11, 24, 4, 44, 55, 838_000, tzinfo=UTC)
    assert set(found) <= {"ce", "default", "b3"}


def test_a_new_policy_is_written_in_harbors_words(replay: Replay, robot: HarborClient) -> None:
    """The body that Harbor took (recorded: webhook-policy-create-cloudevents)."""
    replay.recorded(f"POST {POLICIES}", "webhook-policy-create-cloudevents")
    robot.webhooks.create("hooks", POLICY)
    (asked,) = replay.asked
    assert json.loads(asked.body) == {
        "name": "preheat",
        "description": "",
        "enabled": True,
        "event_types": ["PUSH_ARTIFACT"],
        "targets": [
            {
                "type": "http",
                "address": "http://airflow/x",
                "auth_header": SECRET,
                "skip_cert_verify": False,
                "payload_format": "CloudEvents",
            }
        ],
    }
    assert asked.headers["Authorization"].startswith("Basic ")
    assert "Cookie" not in asked.headers


def test_an_update_gives_back_what_harbor_would_empty(replay: Replay, robot: HarborClient) -> None:
    """PUT writes the whole row (harbor: src/pkg/notification/policy/dao/dao.go)."""
    replay.made_up(f"PUT {POLICIES}/7", "")
    made = replace(
        POLICY, id=7, creator="alice", created_at="2026-11-24T03:59:39.623Z", description="ours"
    )
    robot.webhooks.update("hooks", made)
    body = json.loads(replay.asked[0].body)
    assert (body["id"], body["creator"], body["description"]) == (7, "alice", "ours")
    assert body["creation_time"] == "2026-11-24T03:59:39.623Z"


def test_a_policy_is_removed_by_its_id(replay: Replay, robot: HarborClient) -> None:
    """One DELETE."""
    replay.made_up(f"DELETE {POLICIES}/7", "")
    robot.webhooks.delete("hooks", 7)
    assert [(one.method, one.path) for one in replay.asked] == [("DELETE", f"{POLICIES}/7")]


def test_a_refusal_names_the_permission(replay: Replay, robot: HarborClient) -> None:
    """Harbor says only *forbidden* (recorded: webhook-policy-create-robot-forbidden)."""
    replay.recorded(f"POST {POLICIES}", "webhook-policy-create-robot-forbidden")
    with pytest.raises(RefusedError, match="lacks notification-policy:create on it") as caught:
        robot.webhooks.create("hooks", POLICY)
    assert caught.value.status == 403
    assert "a-made-up-secret" not in str(caught.value)


def test_a_name_that_is_taken_is_refused_in_harbors_words(
    replay: Replay, robot: HarborClient
) -> None:
    """Recorded: webhook-policy-create-duplicate."""
    replay.recorded(f"POST {POLICIES}", "webhook-policy-create-duplicate")
    with pytest.raises(RefusedError, match="notification policy named ce already exists"):
        robot.webhooks.create("hooks", POLICY)


@pytest.mark.parametrize(
    "body",
    [
        '[{"id":"x","targets":[{"auth_header":"a-made-up-secret"}]}]',
        '[{"id":2,"targets":[{"auth_header":"a-made-up-secret"}]},{"id":1}]',
        '{"auth_header":"a-made-up-secret"}',
    ],
)
def test_an_odd_answer_is_told_without_its_secrets(
    body: str, replay: Replay, robot: HarborClient
) -> None:
    """What is not understood is shown elsewhere; here it may hold somebody's credential."""
    replay.made_up(POLICIES, body)
    with pytest.raises(UnexpectedAnswerError, match="may hold secrets") as caught:
        robot.webhooks.policies("hooks")
    assert "a-made-up-secret" not in str(caught.value) + caught.value.words
