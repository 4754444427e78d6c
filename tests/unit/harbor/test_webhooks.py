"""Deliveries of Harbor's webhooks become events; what is none is told, all of it, and harms nobody.

What Harbor sends is recorded; what anybody else could send is made up.
"""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.unit.harbor.deliveries import (
    CLOUD_EVENTS,
    DEFAULT,
    DIGEST,
    RECORDED,
    SIGNATURE,
    TOLD,
    cloud_event,
    parse,
    pushed,
    recording,
    resources,
)

from preheat.errors import ProblemsError
from preheat.event import EventKind, EventSource, HarborEvent
from preheat.harbor.webhooks import PayloadFormat, parse_delivery, payload_format


@pytest.mark.parametrize("name", sorted(TOLD))
def test_reads_what_a_real_harbor_sent(name: str) -> None:
    """Each recorded delivery, in the format that it came in (recorded: webhook-*)."""
    told: dict[str, list[tuple[str, str, str]]] = {"Default": [], "CloudEvents": []}
    for delivery in recording(name)["deliveries"]:
        request = delivery["request"]
        events = parse_delivery(
            "harbor_default", request["headers"]["Content-Type"], request["body"].encode()
        )
        assert {event.source for event in events} == {EventSource.WEBHOOK}
        assert {event.registry for event in events} == {"harbor_default"}
        assert all(event.occurred_at is not None for event in events)
        told[delivery["format"]] += [
            (event.kind.value, event.repository, event.tag if len(event.tag) < 64 else "….sig")
            for event in events
        ]
    assert {form: sorted(events) for form, events in told.items()} == {
        "Default": TOLD[name],
        "CloudEvents": TOLD[name],
    }


def test_no_recorded_delivery_is_left_out() -> None:
    """Whoever adds a recording adds what it tells."""
    found = {
        file.stem.removeprefix("webhook-")
        for file in RECORDED.glob("webhook-*.json")
        if "deliveries" in json.loads(file.read_text("utf-8"))
    }
    assert found == set(TOLD)


def test_an_event_holds_all_that_is_told() -> None:
    """Digest, time and Harbor's own word go along (recorded: webhook-push-artifact)."""
    default, event = (
        parse_delivery("h", delivery["request"]["headers"]["Content-Type"], body.encode())[0]
        for delivery in recording("push-artifact")["deliveries"]
        if (body := delivery["request"]["body"])
    )
    assert event == HarborEvent(
        "h",
        "ce:73e800da-99ed-4dc6-bb10-7f6db1366e48",
        EventSource.WEBHOOK,
        EventKind.PUSHED,
        repository="hooks/team/app",
        digest="sha256:3c68fc8f341797cac4cc8e1f5e1d7f1d42bbde22e84f3319b7cd694d26cff6cc",
        tag="v1",
        operator="admin",
        occurred_at=datetime(2026, 11, 24, 4, 1, 16, tzinfo=UTC),
        type="harbor.artifact.pushed",
    )
    assert (default.digest, default.occurred_at) == (event.digest, event.occurred_at)
    assert default.type == "PUSH_ARTIFACT"


def test_every_attempt_has_the_name_of_the_first() -> None:
    """CloudEvents keep their id (recorded: webhook-retries), and the same words tell the same."""
    for receiver in recording("retries")["receivers"]:
        first = receiver["first_delivery"]
        (event,) = parse_delivery("h", first["headers"]["Content-Type"], first["body"].encode())
        assert [event.delivery] == [f"ce:{id}" for id in receiver["cloud_event_ids"]]  # noqa: A001
    names = Counter(parse(pushed())[0].delivery for _ in range(3))
    assert list(names.values()) == [3]
    assert all(name.startswith("body:") and len(name) == 69 for name in names)
    reordered = dict(reversed(pushed().items()))
    assert {parse(reordered)[0].delivery} == set(names)


@pytest.mark.parametrize(
    "change",
    [
        {"occur_at": 1795492877},
        {"operator": "bob"},
        {"type": "DELETE_ARTIFACT"},
        {"event_data": resources({"digest": DIGEST, "tag": "v2"})["event_data"]},
        {"event_data": resources({"digest": f"sha256:{'b' * 64}", "tag": "v1"})["event_data"]},
    ],
)
def test_other_words_are_another_telling(change: dict[str, Any]) -> None:
    """Without an id all that an event says is its name."""
    assert parse(pushed(**change))[0].delivery != parse(pushed())[0].delivery


def test_each_resource_is_an_event_with_a_name_of_its_own() -> None:
    """No recorded delivery has more than one, but the format does."""
    body = cloud_event()
    body["data"] = resources(*({"digest": DIGEST, "tag": f"v{n}"} for n in range(3)))["event_data"]
    events = parse(body, CLOUD_EVENTS)
    assert [event.tag for event in events] == ["v0", "v1", "v2"]
    name = f"ce:{body['id']}"
    assert [event.delivery for event in events] == [name, f"{name}#2", f"{name}#3"]
    assert len({event.delivery for event in parse(resources(*body["data"]["resources"]))}) == 3


@pytest.mark.parametrize("absent", [{}, {"tag": ""}, {"tag": None}, {"tag": DIGEST}])
def test_the_digest_for_a_tag_is_no_tag(absent: dict[str, Any]) -> None:
    """Pushes write it, scans leave the tag out (recorded: webhook-push-index, -scanning-index)."""
    (event,) = parse(resources({"digest": DIGEST, **absent}))
    assert (event.digest, event.tag) == (DIGEST, "")


def test_a_signature_is_told_of_the_artifact_that_it_signs() -> None:
    """Cosign's tag names it (recorded: webhook-push-signature); deleted is the signature itself."""
    signature = {"digest": DIGEST, "tag": SIGNATURE}
    (event,) = parse(resources(signature))
    assert (event.kind, event.digest) == (EventKind.SIGNED, f"sha256:{'b' * 64}")
    body = pushed(type="DELETE_ARTIFACT", event_data=resources(signature)["event_data"])
    (event,) = parse(body)
    assert (event.kind, event.digest) == (EventKind.DELETED, DIGEST)


@pytest.mark.parametrize("tag", [SIGNATURE.replace(".sig", end) for end in (".att", ".sbom", "")])
def test_other_accessories_are_pushes(tag: str) -> None:
    """Harbor knows them by nothing (harbor: src/server/middleware/cosign)."""
    (event,) = parse(resources({"digest": DIGEST, "tag": tag}))
    assert (event.kind, event.digest, event.tag) == (EventKind.PUSHED, DIGEST, tag)


@pytest.mark.parametrize(
    ("scan", "kind"),
    [
        ({}, EventKind.SCANNED),  # before Harbor 2.11
        ({"scan": {"scan_type": "vulnerability"}}, EventKind.SCANNED),
        ({"scan": {"scan_type": "sbom"}}, EventKind.OTHER),
        ({"scan": {"scan_type": "secrets"}}, EventKind.OTHER),
    ],
)
def test_only_vulnerability_scans_count(scan: dict[str, Any], kind: EventKind) -> None:
    """An SBOM changes nothing that a policy asks (recorded: webhook-sbom-generated)."""
    body = pushed(type="SCANNING_COMPLETED")
    body["event_data"] |= scan
    assert [event.kind for event in parse(body)] == [kind]


@pytest.mark.parametrize(
    "type_",
    [
        *("PULL_ARTIFACT", "QUOTA_EXCEED", "QUOTA_WARNING", "SCANNING_FAILED", "SCANNING_STOPPED"),
        *("REPLICATION", "TAG_RETENTION", "ARTIFACT_FOLDED", "push_artifact", "x"),
    ],
)
@pytest.mark.parametrize("data", [{}, {"event_data": None}, {"event_data": {"resources": "'"}}])
def test_what_nothing_listens_to_is_told_by_its_type_alone(
    type_: str, data: dict[str, Any]
) -> None:
    """Whatever it holds: Harbor may send types that are not made yet."""
    (event,) = parse({"type": type_, "occur_at": 1, **data})
    assert (event.kind, event.type, event.repository) == (EventKind.OTHER, type_, "")


@pytest.mark.parametrize(
    ("content_type", "form"),
    [
        ("application/json", DEFAULT),
        ("Application/JSON; charset=UTF-8", DEFAULT),
        ('application/cloudevents+json;charset="utf-8"', CLOUD_EVENTS),
        ("application/json; charset=utf-16", None),
        ("application/json; charset=iso-8859-1", None),
        ("text/json", None),
        ("application/x-www-form-urlencoded", None),
        ("multipart/form-data; boundary=application/json", None),
        ("application/cloudevents-batch+json", None),
        ("", None),
        (";", None),
    ],
)
def test_the_content_type_says_the_format(content_type: str, form: PayloadFormat | None) -> None:
    """Nothing is guessed from the body (recorded: webhook-push-artifact)."""
    assert payload_format(content_type) is form
    if form is None:
        with pytest.raises(ProblemsError, match="is not application/json or"):
            parse_delivery("h", content_type, b"{}")
