"""Deliveries that cannot be right: everything wrong is told, with its place, and no secret."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.unit.harbor.deliveries import (
    CLOUD_EVENTS,
    DIGEST,
    cloud_event,
    parse,
    problems,
    pushed,
    resources,
)

from preheat.errors import ProblemsError
from preheat.event import EventKind


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
