"""What the stand-in's webhooks carry, beside recorded deliveries: the same bytes but for names.

Each case does in the stand-in what was done to the real Harbor, with the two recorded policies, and
compares everything that arrives: headers, keys and their order, words and values. Only what differs
from one Harbor to the next is blurred: digests, ids, times, the host and the scanner's name.
"""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from preheat.sandbox.harbor import (
    By,
    ImageSpec,
    generate_sbom,
    make_scan,
    push_chart,
    push_image,
    retain,
    sign,
)

if TYPE_CHECKING:
    from collections.abc import Callable

APP, COPIED, MULTI = "hooks/team/app", "hooks/copied", "hooks/multi"
ARTIFACTS = "/api/v2.0/projects/hooks/repositories/team%252Fapp/artifacts"
ADMIN = {"who": "admin"}
BOTH = ("linux/amd64", "linux/arm64/v8")
SECRET = "Bearer lab-hook"

BLURS = (
    (r"sha256[:-][0-9a-f]{64}", "DIGEST"),
    (r"robot\$hooks\+[\w-]+", "SCANNER"),
    (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "UUID"),
    (r"\d{4}-\d\d-\d\dT[\d:.]+Z", "TIME"),
    (r'"(occur_at|date_created|duration|retention_policy_id)":\d+', r'"\1":N'),
    (r'"scanner":\{[^}]*\}', '"scanner":S'),
    (r"/projects/\d+/webhook/policies/\d+", "SOURCE"),
)


def blurred(text: str) -> str:
    """Take out of a payload what no two Harbors share."""
    for pattern, name in BLURS:
        text = re.sub(pattern, name, text)
    return text


def push(lab: Any, seed: str = "v1", **details: Any) -> Any:
    """Push an image into the repository of the recordings."""
    return push_image(lab.state, APP, ImageSpec(seed), **details)


def prepare(lab: Any, name: str) -> None:
    """Have there what the recorded Harbor had: images, a second tag, a signature, a copy."""
    state = lab.state
    push(lab, "v2", tags=["v1-stable"])
    signed = push(lab, tags=["v1"])
    for service in ("hooks/crit-svc", "hooks/scanfail-svc"):
        push_image(state, service, ImageSpec(service), tags=["1"])
    for number in range(4):
        at = state.now() + timedelta(seconds=number)
        push_image(state, "hooks/keep", ImageSpec(f"r{number}"), tags=[f"r{number}"], at=at)
    if name != "copy-artifact":  # it was copied before it was signed
        sign(state, signed, by_tag=True)
        push_image(state, COPIED, ImageSpec("v1"), tags=["v1"])


def pull(lab: Any, reference: str, method: str = "GET") -> None:
    """Pull a manifest as the robot of the recordings."""
    path = f"/v2/{APP}/manifests/{reference}"
    assert lab.call(method, path, who="robot$orch").status_code == 200


def copy(lab: Any) -> None:
    """Copy by API into a repository that is not there yet."""
    path = "/api/v2.0/projects/hooks/repositories/copied/artifacts"
    answer = lab.call("POST", path, params={"from": f"{APP}:v1"}, **ADMIN)
    assert (answer.status_code, answer.headers["Location"]) == (201, f"{path}/v1")


def scan(lab: Any, name: str, reference: str, status: str = "Success", **counts: int) -> None:
    """Record a scan's end."""
    made = make_scan(counts, lab.state.now(), status=status, fixable=1)
    lab.state.set_scan(lab.state.find(name, reference), made)


def call(method: str, path: str, **options: Any) -> Callable[[Any], None]:
    """Give the call of an API route as the administrator."""

    def send(lab: Any) -> None:
        assert lab.call(method, path, **ADMIN, **options).ok

    return send


CASES: dict[str, Callable[[Any], Any]] = {
    "push-artifact": lambda lab: push(lab, tags=["v1"]),
    "repush-same-tag": lambda lab: push(lab, tags=["v1"]),
    "retag-by-push": lambda lab: push(lab, tags=["v1-stable"]),
    "tag-move": lambda lab: lab.state.tag(lab.state.find(APP, "v1"), "v1-stable"),
    "tag-by-api": call("POST", f"{ARTIFACTS}/v1/tags", json={"name": "api-tag"}),
    "tag-delete-by-api": call("DELETE", f"{ARTIFACTS}/v1-stable/tags/v1-stable"),
    "label-add": call("POST", f"{ARTIFACTS}/v1/labels", json={"id": 1}),
    "pull-artifact": lambda lab: pull(lab, "v1"),
    "pull-artifact-by-digest": lambda lab: pull(lab, lab.state.find(APP, "v1").digest),
    "pull-artifact-head": lambda lab: pull(lab, "v1", "HEAD"),
    "push-index": lambda lab: push_image(
        lab.state, MULTI, ImageSpec("two", platforms=BOTH), tags=["v1"]
    ),
    "push-helm": lambda lab: push_chart(lab.state, "hooks/chart", "1.0"),
    "push-signature": lambda lab: sign(lab.state, lab.state.find(APP, "v1-stable"), by_tag=True),
    "copy-artifact": copy,
    "delete-artifact": call("DELETE", f"{ARTIFACTS}/v1-stable"),
    "delete-artifact-accessories": call("DELETE", f"{ARTIFACTS}/v1"),
    "delete-repository": call("DELETE", "/api/v2.0/projects/hooks/repositories/copied"),
    "scanning-completed": lambda lab: scan(lab, "hooks/crit-svc", "1", Critical=1, Low=1),
    "scanning-failed": lambda lab: scan(lab, "hooks/scanfail-svc", "1", "Error"),
    "scanning-index": lambda lab: scan(lab, MULTI, "v1", Low=2),
    "sbom-generated": lambda lab: generate_sbom(
        lab.state, lab.state.find("hooks/crit-svc", "1"), by=By()
    ),
    "tag-retention": lambda lab: retain(lab.state, "hooks/keep", 2),
}


@pytest.mark.parametrize("name", CASES)
def test_what_arrives_is_what_was_recorded(
    name: str, lab: Any, receiver: Any, recorded: Any
) -> None:
    """Both formats, header for header and key for key (recorded: webhook-push-artifact and on)."""
    prepare(lab, name)
    for policy in ("default", "cloudevents"):
        request = recorded(f"webhook-policy-create-{policy}")["request"]
        body = request["body"].replace("http://127.0.0.1:8094", receiver.url)
        assert lab.call("POST", request["path"], data=body, **ADMIN).status_code == 201
    CASES[name](lab)
    theirs = recorded(f"webhook-{name}")["deliveries"]
    policies = lab.state.webhooks.of_project(lab.state.projects["hooks"])
    assert sum(len(policy.executions) for policy in policies) == len(theirs)
    ours = receiver.wait(len(theirs))
    assert sorted(_told(one, lab) for one in ours) == sorted(_recorded(one) for one in theirs)


def _told(one: Any, lab: Any) -> tuple[Any, ...]:
    assert one.headers["Content-Length"] == str(len(one.body.encode()))
    assert one.headers["Authorization"] == SECRET
    json.loads(one.body)
    text = blurred(one.body.replace(lab.url[7:], "HOST"))
    return (one.method, one.path, *_headers(one.headers), text)


def _recorded(one: dict[str, Any]) -> tuple[Any, ...]:
    request = one["request"]
    text = blurred(request["body"])
    return (request["method"], request["path"], *_headers(request["headers"]), text)


def _headers(headers: dict[str, str]) -> tuple[Any, ...]:
    """Give the names of all headers, and the values that are not the request's own."""
    same = ("User-Agent", "Content-Type", "Accept-Encoding")
    return (tuple(sorted(headers)), *(headers[name] for name in same))
