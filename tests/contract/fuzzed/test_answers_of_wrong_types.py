"""Recorded answers with one thing changed: another type, a missing key, a number beyond bounds."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

RECORDED = Path(__file__).parents[2] / "data" / "recorded"
# A recorded answer of each kind, and the calls that read it.
ANSWERS = {
    "dragonfly/list-page1-per2": ("look", "find"),
    "dragonfly/oapi-list-clusters": ("clusters", "manager's check"),
    "dragonfly/run-all-peers": ("one job", "heat"),
    "harbor/artifacts-frontend-all-flags": ("artifacts",),
    "harbor/artifact-index-by-digest": ("artifact", "report"),
    "harbor/artifact-vulnerabilities-addition": ("CVEs",),
    "harbor/preheat-policies-list": ("policies",),
    "harbor/preheat-instances-list": ("instances",),
}
ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(min_value=-(2**80), max_value=2**80),
    st.floats(allow_nan=False),
    st.text(max_size=20),
    st.sampled_from(["", "\x00", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00+14:00", "ä" * 3000]),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=3), st.none(), max_size=2),
)


TRUTHS = {
    "/systeminfo": b'{"auth_mode": "db_auth", "harbor_version": "v2.15.2-1"}',
    "get_image_distribution": b'{"image": {"layers": []}, "peers": []}',
}


def body_of(name: str) -> Any:
    """Read the body of a recorded answer, with the ids that are asked for."""
    recording = json.loads((RECORDED / f"{name}.json").read_text("utf-8"))
    last = recording.get("exchanges", [recording])[-1]["response"]
    body = json.loads(last["body_text"])
    if name.startswith("dragonfly/") and isinstance(body, list):
        for number, row in enumerate(body, 1):
            row["id"] = number
    elif isinstance(body, list):
        body.sort(key=lambda row: int(row.get("id", 0)))
    elif "task_id" in body:
        body["id"] = 7
    return body


@pytest.mark.parametrize(
    ("name", "call"), [(name, call) for name, calls in ANSWERS.items() for call in calls]
)
def test_the_recorded_answer_itself_is_none(
    liar: Any, tried_call: Callable[[str], Exception | None], name: str, call: str
) -> None:
    """Otherwise what follows would show nothing."""
    liar.truths = TRUTHS
    liar.says(json.dumps(body_of(name)).encode())
    assert tried_call(call) is None


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Name every place inside a JSON value: its container and its key."""
    keys = value.keys() if isinstance(value, dict) else range(len(value))
    for key in keys:
        yield value, key
        if isinstance(value[key], dict | list):
            yield from places(value[key])


@pytest.mark.parametrize(
    ("name", "call"), [(name, call) for name, calls in ANSWERS.items() for call in calls]
)
@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_one_wrong_thing_is_an_error_or_no_matter(
    liar: Any, tried_call: Callable[[str], Exception | None], name: str, call: str, data: Any
) -> None:
    """Never a traceback of another kind, never a message without words."""
    body = copy.deepcopy(body_of(name))
    every = list(places(body))
    container, key = every[data.draw(st.integers(0, len(every) - 1))]
    if isinstance(container, dict) and data.draw(st.booleans()):
        del container[key]
    else:
        container[key] = data.draw(ODD)
    liar.truths = TRUTHS
    liar.says(json.dumps(body).encode())
    tried_call(call)
