"""The retry policy decides by cause."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from airflow.sdk.definitions.retry_policy import RetryAction
from airflow.sdk.exceptions import AirflowNotFoundException

from preheat.errors import (
    InputError,
    LedgerError,
    RateLimitedError,
    RefusedError,
    RemoteError,
    RemoteUnavailableError,
    UnexpectedAnswerError,
)
from preheat.provider.handover import Handover
from preheat.provider.retries import NotWarmError, PreheatRetryPolicy
from preheat.verdict import Finding, MissingLayer, Verdict

POLICY = PreheatRetryPolicy(attempts=3, retries=7, backoff_seconds=10, max_backoff_seconds=60)


def not_warm(
    verdict: Verdict, *, vanished: bool = False, tries: tuple[int, ...] = (1,)
) -> NotWarmError:
    """Build the error that the sensor raises."""
    finding = Finding(verdict, 4, 3, 400, 300)
    return NotWarmError("not warm", finding, vanished=vanished, tries=tries)


@pytest.mark.parametrize(
    ("error", "action"),
    [
        pytest.param(not_warm(Verdict.PARTIAL), RetryAction.RETRY, id="partial is asked for again"),
        pytest.param(not_warm(Verdict.COLD), RetryAction.RETRY, id="cold is asked for again"),
        pytest.param(
            RemoteUnavailableError("down", system="Dragonfly"),
            RetryAction.RETRY,
            id="a manager that is down is asked later",
        ),
        pytest.param(
            RateLimitedError("slow", system="Dragonfly"), RetryAction.RETRY, id="rate limited"
        ),
        pytest.param(LedgerError("down"), RetryAction.RETRY, id="a ledger that is down"),
        pytest.param(
            RefusedError("401", system="Harbor", status=401), RetryAction.FAIL, id="wrong secret"
        ),
        pytest.param(
            UnexpectedAnswerError("odd", system="Harbor"), RetryAction.FAIL, id="odd answer"
        ),
        pytest.param(InputError("bad"), RetryAction.FAIL, id="bad input"),
        pytest.param(
            AirflowNotFoundException("no connection"), RetryAction.FAIL, id="no such connection"
        ),
        pytest.param(ValueError("bug"), RetryAction.DEFAULT, id="a bug is left to Airflow"),
    ],
)
def test_decides_by_cause(error: BaseException, action: RetryAction) -> None:
    """What cannot heal is never repeated, what can is."""
    assert POLICY.evaluate(error, try_number=1, max_tries=7).action is action


def test_partial_is_final_where_the_policy_says_so() -> None:
    """``onPartial: fail`` spares the repeat."""
    policy = PreheatRetryPolicy(retry_partial=False)

    assert policy.evaluate(not_warm(Verdict.PARTIAL), 1, 2).action is RetryAction.FAIL
    assert policy.evaluate(not_warm(Verdict.COLD), 1, 2).action is RetryAction.RETRY


def missing(*is_final: bool) -> tuple[MissingLayer, ...]:
    """Name missing layers, and whether a repeat can bring them."""
    return tuple(MissingLayer("sha256:a", 9, is_final=each) for each in is_final)


@pytest.mark.parametrize(
    ("finding", "action"),
    [
        pytest.param({"missing": missing(True, True)}, RetryAction.FAIL, id="all lost"),
        pytest.param({"missing": missing(True, False)}, RetryAction.RETRY, id="one may come"),
        pytest.param({"is_final": True}, RetryAction.FAIL, id="no peer for ips"),
        pytest.param(
            {"is_final": True, "verdict": Verdict.UNKNOWN}, RetryAction.RETRY, id="nobody knows"
        ),
    ],
)
def test_what_cannot_heal_is_not_asked_for_again(
    finding: dict[str, Any], action: RetryAction
) -> None:
    """A layer that the registry lost does not come back by a repeat, whatever the attempts."""
    error = not_warm(Verdict.PARTIAL)
    error.finding = replace(error.finding, **finding)

    assert POLICY.evaluate(error, 1, 7).action is action


def test_backs_off_with_jitter_up_to_the_longest_wait() -> None:
    """Waits double, stay below the longest, and differ between instances."""
    delays = [
        [POLICY.evaluate(not_warm(Verdict.COLD), number, 7).retry_delay for _ in range(20)]
        for number in (1, 2, 3, 8)
    ]
    seconds = [[delay.total_seconds() for delay in row if delay is not None] for row in delays]

    for row, longest in zip(seconds, (10, 20, 40, 60), strict=True):
        assert all(longest / 2 <= delay <= longest for delay in row)
        assert len(set(row)) > 1


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(
            RateLimitedError("slow down", system="Dragonfly", retry_after_seconds=120), id="429"
        ),
        pytest.param(
            RemoteUnavailableError("busy", system="Harbor", retry_after_seconds=120), id="503"
        ),
    ],
)
def test_honours_retry_after(error: RemoteError) -> None:
    """What the other side wishes comes first, and our own jitter on top of it.

    All instances of a run are told the same, and must not come back in the same second.
    """
    delays = [POLICY.evaluate(error, 1, 7).retry_delay for _ in range(20)]
    seconds = {delay.total_seconds() for delay in delays if delay is not None}

    assert all(125 <= delay <= 130 for delay in seconds)
    assert len(seconds) == 20


def test_retry_after_survives_the_way_from_the_triggerer() -> None:
    """The trigger only tells; the worker decides."""
    error = RemoteUnavailableError("busy", system="Dragonfly", retry_after_seconds=9)
    event = json.loads(json.dumps(Handover(1, error=error).as_data()))

    again = Handover.of(event).error

    assert isinstance(again, RemoteUnavailableError)
    assert again.retry_after_seconds == 9


def test_asks_at_once_for_a_lost_job() -> None:
    """A job that vanished says nothing against asking again now."""
    delay = POLICY.evaluate(not_warm(Verdict.UNKNOWN, vanished=True), 3, 7).retry_delay

    assert delay is not None
    assert delay.total_seconds() <= 1


@pytest.mark.parametrize(
    ("tries", "max_tries", "action"),
    [
        pytest.param((1, 2), 7, RetryAction.RETRY, id="two verdicts of three"),
        pytest.param((2, 5, 6), 7, RetryAction.FAIL, id="three, with outages in between"),
        pytest.param((1, 2, 3, 4), 10, RetryAction.RETRY, id="one since the task was cleared"),
        pytest.param((1, 2, 3, 4, 5, 6), 10, RetryAction.FAIL, id="three since then"),
    ],
)
def test_outages_use_up_no_attempts(
    tries: tuple[int, ...], max_tries: int, action: RetryAction
) -> None:
    """What counts is how often we asked and it was not warm, since the task was last cleared."""
    error = not_warm(Verdict.PARTIAL, tries=tries)

    assert POLICY.evaluate(error, tries[-1], max_tries).action is action


def test_serializes_to_json() -> None:
    """Airflow stores the policy with the DAG."""
    assert json.loads(json.dumps(POLICY.serialize()))["backoff_seconds"] == 10
