"""Deliveries of Harbor's webhooks: recorded ones, and made up ones in few words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from preheat.errors import ProblemsError
from preheat.harbor.webhooks import PayloadFormat, parse_delivery

if TYPE_CHECKING:
    from preheat.event import HarborEvent

RECORDED = Path(__file__).parents[2] / "data" / "recorded" / "harbor"
DEFAULT, CLOUD_EVENTS = PayloadFormat
DIGEST = f"sha256:{'a' * 64}"
SIGNATURE = f"sha256-{'b' * 64}.sig"
# What each recording tells, in both formats: kind, repository and tag.
TOLD = {
    "copy-artifact": [("pushed", "hooks/copied", "v1")],
    "delete-artifact": [("deleted", "hooks/team/app", "v1-stable")],
    "delete-artifact-accessories": [
        ("deleted", "hooks/team/app", "v1"),
        ("deleted", "hooks/team/app", "….sig"),
    ],
    "delete-repository": [("deleted", "hooks/copied", "v1")],
    "label-add": [],
    "pull-artifact": [("other", "", "")],
    "pull-artifact-by-digest": [("other", "", "")],
    "pull-artifact-head": [],
    "push-artifact": [("pushed", "hooks/team/app", "v1")],
    "push-helm": [("pushed", "hooks/chart", "1.0")],
    "push-index": [
        ("pushed", "hooks/multi", ""),
        ("pushed", "hooks/multi", ""),
        ("pushed", "hooks/multi", "v1"),
    ],
    "push-signature": [("signed", "hooks/team/app", "….sig")],
    "repush-same-tag": [("pushed", "hooks/team/app", "v1")],
    "retag-by-push": [("pushed", "hooks/team/app", "v1-stable")],
    "sbom-generated": [("other", "hooks/crit-svc", "1"), ("pushed", "hooks/crit-svc", "")],
    "scanning-completed": [("scanned", "hooks/crit-svc", "1")],
    "scanning-failed": [("other", "", "")],
    "scanning-index": [("scanned", "hooks/multi", ""), ("scanned", "hooks/multi", "")],
    "tag-by-api": [],
    "tag-delete-by-api": [],
    "tag-move": [("pushed", "hooks/team/app", "v1-stable")],
    "tag-retention": [
        ("deleted", "hooks/keep", "r0"),
        ("deleted", "hooks/keep", "r1"),
        ("other", "", ""),
    ],
}


def recording(name: str) -> dict[str, Any]:
    """Read a recording."""
    read: dict[str, Any] = json.loads((RECORDED / f"webhook-{name}.json").read_text("utf-8"))
    return read


def pushed(**changes: Any) -> dict[str, Any]:
    """Make a push in the format Default, with other members."""
    resource = {"digest": DIGEST, "tag": "v1", "resource_url": "h/team/app:v1"}
    body = {
        "type": "PUSH_ARTIFACT",
        "occur_at": 1795492876,
        "operator": "admin",
        "event_data": {
            "resources": [resource],
            "repository": {"name": "app", "namespace": "team", "repo_full_name": "team/app"},
        },
    }
    return body | changes


def resources(*found: Any) -> dict[str, Any]:
    """Make a push of these resources."""
    body = pushed()
    body["event_data"]["resources"] = list(found)
    return body


def cloud_event(**changes: Any) -> dict[str, Any]:
    """Make the same push as a CloudEvent."""
    body = {
        "specversion": "1.0",
        "id": "73e800da-99ed-4dc6-bb10-7f6db1366e48",
        "source": "/projects/4/webhook/policies/2",
        "type": "harbor.artifact.pushed",
        "datacontenttype": "application/json",
        "time": "2026-11-24T04:01:16Z",
        "data": pushed()["event_data"],
        "operator": "admin",
        "requestid": "1",
    }
    return body | changes


def parse(body: object, form: PayloadFormat = DEFAULT) -> list[HarborEvent]:
    """Read a body as it would come."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return parse_delivery("harbor_default", form.value, raw)


def problems(body: object, form: PayloadFormat = DEFAULT) -> dict[str, str]:
    """Tell what is wrong with a body, by path."""
    with pytest.raises(ProblemsError) as caught:
        parse(body, form)
    assert str(caught.value).isprintable() or "\n" in str(caught.value)
    return {problem.path: problem.message for problem in caught.value.problems}
