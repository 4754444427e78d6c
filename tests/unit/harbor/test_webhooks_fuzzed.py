"""Whatever anybody sends is understood, or told in words; and whatever Harbor can hold is read."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.harbor.deliveries import (
    CLOUD_EVENTS,
    DIGEST,
    cloud_event,
    parse,
    pushed,
    resources,
)

from preheat.errors import ProblemsError
from preheat.harbor.webhooks import PayloadFormat

if TYPE_CHECKING:
    from preheat.event import HarborEvent

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
