"""The pace of asking: what the rate limit turns away tries again for a while."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from preheat.errors import RateLimitedError

if TYPE_CHECKING:
    from preheat.drivers.dragonfly import DragonflyDriver

CLUSTERS = [
    {"name": "c", "scheduler_cluster_id": 1, "scheduler_cluster_config": {"job_rate_limit": 10}}
]
ROW = {
    "id": 7,
    "created_at": "2026-11-24T04:29:00Z",
    "type": "preheat",
    "state": "PENDING",
    "bio": "preheat:n-1 by hand",
    "args": {},
    "result": None,
    "scheduler_clusters": [{"id": 1}],
}


def limited(wire: Any, times: int, headers: dict[str, str] | None = None) -> None:
    """Turn the first jobs away, as a manager does (recorded rate-limit-429)."""
    left = [times]

    def answer(call: Any) -> tuple[int, str, dict[str, str]]:
        if call.method == "GET":
            return 200, json.dumps(CLUSTERS), {}
        left[0] -= 1
        if left[0] >= 0:
            return 429, "rate limit exceeded", headers or {}
        return 200, json.dumps(ROW), {}

    wire.answer = answer


def posts(wire: Any) -> int:
    """Count the jobs that were asked for."""
    return sum(call.method == "POST" for call in wire.calls)


def test_a_job_that_was_turned_away_is_asked_for_again(
    wire: Any, driver: DragonflyDriver, heat_request: Any, waits: list[float]
) -> None:
    """Ten jobs a second pass by default: the eleventh is not a failure of its task."""
    driver.manager.post_timeout_seconds = 60
    limited(wire, 3)
    assert driver.heat(heat_request()).id == 7
    assert posts(wire) == 4
    assert len(waits) == 3
    assert all(0.2 <= pause <= 2 for pause in waits)


def test_those_that_wait_do_not_come_back_together(
    wire: Any, driver: DragonflyDriver, heat_request: Any, waits: list[float]
) -> None:
    """A burst that comes back as a burst is turned away as one."""
    driver.manager.post_timeout_seconds = 600
    limited(wire, 20)
    driver.heat(heat_request())
    assert len(set(waits)) == 20


def test_a_limit_that_stays_is_told_before_the_post_may_take_no_longer(
    wire: Any, driver: DragonflyDriver, heat_request: Any, waits: list[float]
) -> None:
    """The lease covers one POST, waiting included: another asker may come after it."""
    driver.manager.post_timeout_seconds = 20
    limited(wire, 10_000)
    with pytest.raises(RateLimitedError):
        driver.heat(heat_request())
    assert sum(waits) <= 20 * 0.25


@pytest.mark.parametrize(
    ("told", "pauses"),
    [("3", [3.0]), ("60", []), ("Tue, 24 Nov 2026 04:30:04 GMT", [4.0]), ("soon", None)],
)
def test_a_wait_that_is_told_is_honoured(
    wire: Any,
    driver: DragonflyDriver,
    heat_request: Any,
    waits: list[float],
    told: str,
    pauses: list[float] | None,
) -> None:
    """The manager tells none, a proxy before it may; a long one is the retry policy's."""
    driver.manager.post_timeout_seconds = 60
    limited(wire, 1, {"Retry-After": told})
    if told == "60":
        with pytest.raises(RateLimitedError) as caught:
            driver.heat(heat_request())
        assert caught.value.retry_after_seconds == 60
    else:
        driver.heat(heat_request())
    assert pauses is None or waits == pauses


def test_a_cluster_list_that_never_ends_is_left(
    wire: Any, driver: DragonflyDriver, heat_request: Any
) -> None:
    """A manager that ignores the page gives its first hundred for ever."""
    many = [{**CLUSTERS[0], "scheduler_cluster_id": number} for number in range(1, 101)]
    wire.answer = lambda _: (200, json.dumps(many), {})
    assert len(driver.manager.clusters()) == 100
    assert len(wire.calls) == 2
