"""Every refusal that was recorded from v2.5.1 comes back from the sandbox word for word."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from preheat.sandbox.dragonfly.tokens import Token

REFUSED = [
    "bio-1025",
    "create-cluster-without-scheduler",
    "create-image-armonly-no-platform",
    "create-image-index-bad-platform",
    "create-image-index-no-match",
    "create-unknown-cluster-99",
    "create-clusters-1-and-99",
    "gc-job-bad-type",
    "get-id-negative",
    "get-id-zero",
    "get-image-distribution-missing-image",
    "get-image-distribution-no-url",
    "get-non-numeric-id",
    "get-task-no-args",
    "get-unknown-id",
    "invalid-args-empty",
    "invalid-args-type",
    "invalid-cluster-ids-string",
    "invalid-concurrent-task-101",
    "invalid-count-0",
    "invalid-count-201",
    "invalid-empty-body",
    "invalid-filtered-list",
    "invalid-headers-list",
    "invalid-ips-101",
    "invalid-ips-empty-list",
    "invalid-malformed-json",
    "invalid-missing-args",
    "invalid-missing-type",
    "invalid-percentage-0",
    "invalid-percentage-101",
    "invalid-piece-length-small",
    "invalid-scope-number",
    "invalid-timeout-float",
    "invalid-timeout-string",
    "invalid-unknown-type",
    "invalid-url-blob",
    "invalid-url-missing-file",
    "invalid-url-missing-image",
    "invalid-url-not-manifest",
    "invalid-url-number",
    "invalid-user-id-negative",
    "list-filter-user-id-text",
    "list-page-negative",
    "list-per-page-huge",
    "list-state-lowercase",
    "oapi-get-cluster-99",
    "oapi-list-peers",
    "oapi-list-scheduler-clusters",
    "patch-unknown-id",
    "registry-image-missing-digest",
    "registry-image-missing-repo",
    "registry-image-missing-tag",
    "registry-no-scheme",
    "registry-uppercase-repo",
    "registry-https-on-http-port",
    "route-head-jobs",
    "route-legacy-ping",
    "route-legacy-preheats",
    "route-post-to-id",
    "route-put-job",
    "route-trailing-slash",
    "route-trailing-slash-get",
    "route-unknown-oapi",
]
WITHOUT_TOKEN = ("auth-no-token", "auth-no-token-on-api", "auth-basic-scheme", "auth-wrong-token")
LAB_REGISTRY = "10.77.0.1:5000"


@pytest.fixture(scope="module", autouse=True)
def _images(registry: Any) -> None:
    registry.push("team/single")
    registry.push_index("team/multi", ("linux/amd64", "linux/arm64", "linux/arm/v7"))
    registry.push_index("team/armonly", ("linux/arm64",))


def _replay(manager: Any, registry: Any, recording: dict[str, Any], **headers: str) -> Any:
    asked = recording["request"]
    body = asked.get("body")
    options: dict[str, Any] = {"headers": headers}
    if isinstance(body, str):
        options["data"] = body
    elif body is not None:
        options["json"] = _moved(body, registry)
    return manager.call(asked["method"], asked["path"], **options)


def _moved(value: Any, registry: Any) -> Any:
    if isinstance(value, dict):
        return {name: _moved(item, registry) for name, item in value.items()}
    return value.replace(LAB_REGISTRY, registry.host) if isinstance(value, str) else value


def _assert_same(answer: Any, recording: dict[str, Any], registry: Any) -> None:
    wanted = recording["response"]
    assert answer.status_code == wanted["status"]
    assert answer.text == (wanted["body_text"] or "").replace(LAB_REGISTRY, registry.host)
    for name in ("Content-Type", "Location"):
        assert answer.headers.get(name) == wanted["headers"].get(name)


@pytest.mark.parametrize("name", REFUSED)
def test_a_refusal_is_the_recorded_one(
    name: str, shared_manager: Any, registry: Any, recorded: Any
) -> None:
    """The same request gets the same status, body, type and location as from v2.5.1."""
    recording = recorded(name)
    answer = _replay(shared_manager, registry, recording)
    _assert_same(answer, recording, registry)


@pytest.mark.parametrize("name", WITHOUT_TOKEN)
def test_nobody_gets_in_without_a_known_token(
    name: str, shared_manager: Any, registry: Any, recorded: Any
) -> None:
    """No token, a wrong one, or another scheme is 401 with the recorded body."""
    recording = recorded(name)
    sent = {"auth-basic-scheme": "Basic eDp5", "auth-wrong-token": "Bearer nonsense"}
    answer = _replay(shared_manager, registry, recording, Authorization=sent.get(name, ""))
    _assert_same(answer, recording, registry)


@pytest.mark.parametrize(
    ("name", "token"),
    [
        ("auth-expired-token", Token("a", ("job",), expires=datetime(2026, 1, 1, tzinfo=UTC))),
        ("auth-inactive-token", Token("b", ("job",), active=False)),
        ("auth-scope-cluster-only-get-jobs", Token("c", ("cluster",))),
        ("auth-scope-cluster-only-post-job", Token("d", ("cluster",))),
        ("auth-scope-job-only-get-clusters", Token("e", ("job",))),
    ],
)
def test_a_token_must_be_active_current_and_in_scope(
    name: str, token: Token, shared_manager: Any, registry: Any, recorded: Any
) -> None:
    """Expiry, state and scope are refused with 403 in the recorded words."""
    shared_manager.state.tokens.add(token)
    answer = _replay(
        shared_manager, registry, recorded(name), Authorization=f"Bearer {token.value}"
    )
    _assert_same(answer, recorded(name), registry)


def test_a_token_with_empty_scopes_may_do_everything(shared_manager: Any) -> None:
    """Recording auth-empty-scopes-token: an empty list of scopes is no limit."""
    shared_manager.state.tokens.add(Token("all"))
    headers = {"Authorization": "Bearer all"}
    for path in ("/oapi/v1/jobs?per_page=1", "/oapi/v1/clusters"):
        assert shared_manager.call("GET", path, headers=headers).status_code == 200


def test_a_loopback_registry_is_refused_on_demand(
    serve_manager: Any, registry: Any, recorded: Any
) -> None:
    """Recording registry-loopback: the safe dialer refuses it; off by default in the sandbox."""
    with serve_manager(refuse_loopback=True) as manager:
        answer = manager.post({"type": "image", "url": registry.manifest_url("team/single")})
    wanted = recorded("registry-loopback")["response"]
    assert answer.status_code == wanted["status"]
    assert answer.text == wanted["body_text"].replace("127.0.0.1:5000", registry.host)


def test_a_closed_port_is_told_in_the_dialers_words(shared_manager: Any, recorded: Any) -> None:
    """Recording registry-port-closed, at another address."""
    url = "http://127.0.0.1:9/v2/team/single/manifests/1.0"
    answer = shared_manager.post({"type": "image", "url": url})
    wanted = recorded("registry-port-closed")["response"]
    assert answer.status_code == wanted["status"]
    assert answer.text == wanted["body_text"].replace("10.77.0.1:5999", "127.0.0.1:9")


def test_more_than_ten_creates_a_second_are_refused(
    manager: Any, registry: Any, recorded: Any
) -> None:
    """Recordings rate-limit-429 and rate-limit-bursts: a burst of ten, bad bodies count as well.

    An id listed eleven times needs eleven tokens at once, which no waiting can give.
    """
    bad = {"type": "oci", "url": registry.manifest_url("team/single")}
    assert manager.post(bad, scheduler_cluster_ids=[1] * 10).status_code == 422
    refused = manager.post(bad, scheduler_cluster_ids=[1] * 11)
    wanted = recorded("rate-limit-429")["response"]
    assert (refused.status_code, refused.text) == (wanted["status"], wanted["body_text"])
    assert refused.headers["Content-Type"] == wanted["headers"]["Content-Type"]
    assert manager.post(bad, scheduler_cluster_ids=[]).status_code == 422
    assert manager.call("GET", "/oapi/v1/jobs").status_code == 200
