"""Deliveries of Harbor's webhooks become events; what is none is told, all of it, and harms nobody.

What Harbor sends is recorded; what anybody else could send is made up.
"""

from __future__ import annotations

import copy
import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from preheat.errors import ProblemsError
from preheat.event import EventKind, EventSource, HarborEvent
from preheat.harbor.webhooks import PayloadFormat, parse_delivery, payload_format

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


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"\xff\xfe{\x00}\x00", "not UTF-8: byte 0"),
        ("{}".encode("utf-16-be"), "not JSON"),
        (b"\xef\xbb\xbf{}", "not JSON"),
        (b'{"type": "\xc3\x28"}', "not UTF-8: byte 10"),
        (b'{"occur_at": NaN}', "NaN is no JSON"),
        (b'{"occur_at": -Infinity}', "-Infinity is no JSON"),
        (b"[]", "must be an object, not a list"),
        (b"null", "must be an object, not null"),
        (b'"{}"', "must be an object, not text"),
        (b"{} {}", "not JSON"),
        (b"[" * 500_000, "nested too deeply"),
        (b'{"event_data":' * 100_000 + b"1" + b"}" * 100_000, "nested too deeply"),
        (b'{"a": "\x00"}', "not JSON"),
    ],
)
def test_a_body_that_is_no_json_object_is_told(body: bytes, words: str) -> None:
    """Also where the JSON library would let it pass, or break."""
    assert words in problems(body)[""]


@pytest.mark.parametrize(
    ("change", "path", "words"),
    [
        ({"type": None}, "type", "missing"),
        ({"type": 7}, "type", "must be text, not a number"),
        ({"type": "'; DROP TABLE event; --"}, "type", "is not a type"),
        ({"type": "x" * 101}, "type", "is not a type"),
        ({"occur_at": None}, "occur_at", "missing"),
        ({"occur_at": True}, "occur_at", "must be a whole number, not true or false"),
        ({"occur_at": "1795492876"}, "occur_at", "must be a whole number, not text"),
        ({"occur_at": 1.5}, "occur_at", "must be a whole number, not a fraction"),
        ({"occur_at": -1}, "occur_at", "not a moment"),
        ({"occur_at": 253402300800}, "occur_at", "not a moment"),
        ({"occur_at": 10**19}, "occur_at", "not a moment"),
        ({"operator": "x" * 256}, "operator", "255"),
        ({"operator": "a\x00b"}, "operator", "U+0000"),
        ({"operator": "a\nb"}, "operator", "U+000A"),
        ({"operator": "\ud800"}, "operator", "U+D800"),
        ({"operator": ["admin"]}, "operator", "must be text, not a list"),
        ({"event_data": []}, "event_data", "must be an object, not a list"),
    ],
)
def test_a_wrong_field_is_told_with_its_place(
    change: dict[str, Any], path: str, words: str
) -> None:
    """What is wrong, where, and what it should be."""
    found = problems(pushed(**change))
    assert list(found) == [path]
    assert words in found[path]


@pytest.mark.parametrize(
    ("change", "path", "words"),
    [
        ({"specversion": "0.3"}, "specversion", "'0.3' is not 1.0"),
        ({"id": ""}, "id", "'' is not an id"),
        ({"id": "a#2"}, "id", "is not an id"),
        ({"id": "x" * 129}, "id", "is not an id"),
        ({"time": "yesterday"}, "time", "is not a moment"),
        ({"time": "2026-02-30T00:00:00Z"}, "time", "is not a moment"),
        ({"time": "2026-11-24T04:01:16"}, "time", "is not a moment"),
        ({"time": "2026-W01-1T00:00:00Z"}, "time", "is not a moment"),
        ({"time": "0001-01-01T00:00:00+23:59"}, "time", "is not a moment"),
        ({"time": "9999-12-31T23:59:59-00:01"}, "time", "is not a moment"),
        ({"data": None}, "data", "missing"),
    ],
)
def test_a_wrong_cloud_event_is_told(change: dict[str, Any], path: str, words: str) -> None:
    """The envelope has fields of its own."""
    found = problems(cloud_event(**change), CLOUD_EVENTS)
    assert list(found) == [path]
    assert words in found[path]


@pytest.mark.parametrize(
    "moment",
    ["2026-11-24T04:01:16.123456789Z", "2026-11-24T06:01:16+02:00", "2026-11-24T04:01:16Z"],
)
def test_moments_are_in_utc(moment: str) -> None:
    """However they were written."""
    (event,) = parse(cloud_event(time=moment), CLOUD_EVENTS)
    assert event.occurred_at is not None
    assert event.occurred_at.replace(microsecond=0) == datetime(2026, 11, 24, 4, 1, 16, tzinfo=UTC)


@pytest.mark.parametrize(
    "name",
    [
        *(
            "app",
            "/team/app",
            "team/app/",
            "team//app",
            "Team/App",
            "team/app:v1",
            "../../etc/passwd",
        ),
        *(
            "team/app' OR 1=1 --",
            "{{ 7 * 7 }}/x",
            "${jndi:ldap://x}/y",
            "team/äpp",
            "team/a\u202eb",
        ),
        *(f"team/{'a' * 251}", "team/<script>", "team/app\u0000", "", "team/a..b"),
    ],
)
def test_a_repository_that_harbor_could_not_have_is_told(name: str) -> None:
    """Names of other systems, text for SQL and templates: nothing of it gets further."""
    body = pushed()
    body["event_data"]["repository"]["repo_full_name"] = name
    (path,) = problems(body)
    assert path == "event_data.repository.repo_full_name"


@pytest.mark.parametrize(
    "resource",
    [
        *(
            {"digest": digest}
            for digest in ("", "latest", DIGEST.upper(), DIGEST[:-1], f"{DIGEST}0")
        ),
        *({"digest": DIGEST, "tag": tag} for tag in (".v1", "-v1", "v 1", "a" * 129, "ü", "a/b")),
        {"digest": DIGEST, "tag": f"sha256:{'b' * 64}"},
        {"digest": DIGEST, "tag": "'); DROP TABLE event; --"},
        {"digest": DIGEST, "tag": 1},
        {"tag": "v1"},
        "v1",
        None,
    ],
)
def test_a_resource_that_harbor_could_not_have_is_told(resource: object) -> None:
    """With its number in the list."""
    found = problems(resources({"digest": DIGEST}, resource))
    assert [path.startswith("event_data.resources[1]") for path in found] == [True]


def test_all_problems_are_told_at_once() -> None:
    """Nobody wants to learn them one by one; but nobody reads thousands either."""
    assert set(problems(b"{}")) == {"type", "occur_at"}
    body = resources(*({"digest": f"no. {number}"} for number in range(1000)))
    with pytest.raises(ProblemsError) as caught:
        parse(body)
    assert len(caught.value.problems) == 21
    assert caught.value.problems[-1].message == "and 980 more problems."
    assert "1,001 entries" in str(problems(resources(*[{"digest": DIGEST}] * 1001)))
    assert "0 entries" in str(problems(resources()))


def test_a_key_that_is_there_twice_is_told() -> None:
    """Two readers could understand two things; where nobody reads, it does not matter."""
    twice = json.dumps(pushed()).replace('"tag": "v1"', '"tag": "v1", "tag": "v2"').encode()
    assert problems(twice) == {"event_data.resources[0].'tag'": "This is there more than once."}
    pull = twice.replace(b"PUSH", b"PULL")
    assert parse(pull)[0].kind is EventKind.OTHER


@pytest.mark.parametrize("secret", ["Bearer s3cret-s3cret-s3cret", "https://bob:s3cret@h"])
def test_what_is_shown_of_a_body_is_short_and_no_secret(secret: str) -> None:
    """A message may stand in a log, a terminal and an answer."""
    (message,) = problems(pushed(type=f"\u202e{secret}")).values()
    assert "s3cret" not in message
    assert message.isascii()
    assert len(problems(pushed(type="x" * 100_000))["type"]) < 120


JSON = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**70), 2**70),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(st.characters(), max_size=20),
        st.sampled_from(["", DIGEST, "v1", "team/app", "PUSH_ARTIFACT", "\ud800", "\x00"]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=10,
)
PATHS = st.sampled_from([
    *(("type",), ("occur_at",), ("operator",), ("event_data",), ("id",), ("time",), ("data",)),
    *(("event_data", "resources"), ("event_data", "repository"), ("event_data", "scan")),
    *(("event_data", "resources", 0), ("event_data", "resources", 0, "digest")),
    *(("event_data", "resources", 0, "tag"), ("event_data", "repository", "repo_full_name")),
    ("event_data", "scan", "scan_type"),
])


def assert_safe(events: list[HarborEvent]) -> None:
    """Look at all that gets further."""
    assert events
    for event in events:
        for text in (event.repository, event.digest, event.tag, event.type, event.delivery):
            assert text.isascii()
            assert text.isprintable()
            assert len(text) <= 255
        event.operator.encode()
        assert len(event.operator) <= 255
        assert "\x00" not in event.operator
        assert event.occurred_at is not None


def parse_or_told(raw: bytes, form: PayloadFormat) -> None:
    """Read a body of any kind: events that are safe, or problems."""
    try:
        events = parse(raw, form)
    except ProblemsError as error:
        problems_told = error.problems
    else:
        assert_safe(events)
        return
    assert problems_told
    for problem in problems_told:
        assert problem.message.isprintable()
        assert problem.path.isprintable()


@settings(max_examples=300, deadline=None)
@given(raw=st.binary(max_size=200), form=st.sampled_from(PayloadFormat))
def test_any_bytes_are_understood_or_told(raw: bytes, form: PayloadFormat) -> None:
    """No traceback, whatever comes."""
    parse_or_told(raw, form)


@settings(max_examples=500, deadline=None)
@given(
    changes=st.lists(st.tuples(PATHS, JSON), min_size=1, max_size=3),
    form=st.sampled_from(PayloadFormat),
    scanned=st.booleans(),
)
def test_any_change_to_a_delivery_is_understood_or_told(
    changes: list[tuple[tuple[str | int, ...], Any]], form: PayloadFormat, scanned: bool
) -> None:
    """Right at the outside, wrong at any place inside."""
    body: Any = cloud_event() | pushed(type="SCANNING_COMPLETED" if scanned else "PUSH_ARTIFACT")
    body["event_data"]["scan"] = {"scan_type": "vulnerability"}
    body = copy.deepcopy(body)
    for path, value in changes:
        try:
            place = body
            for part in path[:-1]:
                place = place[part]
            place[path[-1]] = value
        except (TypeError, KeyError, IndexError):
            continue  # an earlier change took the place away
    if form is CLOUD_EVENTS:
        body["data"] = body["event_data"]
    parse_or_told(json.dumps(body).encode(), form)


@settings(max_examples=100, deadline=None)
@given(
    repository=st.from_regex(r"\A[a-z0-9]{1,9}(/[a-z0-9]+([._-][a-z0-9]+){0,2}){1,3}\Z"),
    tag=st.from_regex(r"\A[A-Za-z0-9_][A-Za-z0-9_.-]{0,60}\Z"),
    seconds=st.integers(0, 253402300799),
)
def test_whatever_harbor_can_hold_is_understood(repository: str, tag: str, seconds: int) -> None:
    """The checks let every real name pass."""
    body = pushed(
        occur_at=seconds, event_data=resources({"digest": DIGEST, "tag": tag})["event_data"]
    )
    body["event_data"]["repository"]["repo_full_name"] = repository
    (event,) = parse(body)
    assert (event.repository, event.tag) == (repository, tag)
    assert event.occurred_at == datetime.fromtimestamp(seconds, UTC)
