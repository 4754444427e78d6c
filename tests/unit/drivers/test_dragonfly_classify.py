"""The table of failure texts: Harbor's words as a manager passes them on, and those of jobs."""

from __future__ import annotations

import re

import pytest

from preheat.drivers.dragonfly.classify import MEANINGS, classify
from preheat.errors import Cause

POLICY = "cannot be pulled due to configured policy in 'Prevent images with vulnerability severity"
DIALED = (
    'task 8b failed: rpc error: code = Unavailable desc = connection error: desc = "transport: '
)


@pytest.mark.parametrize(
    ("words", "cause", "advice"),
    [
        (
            'Get "https://h.example/v2/infra/step-certificates/manifests/1": dial tcp: i/o timeout',
            Cause.RETRYABLE,
            "",
        ),
        (
            'Get "https://h.example/v2/library/redis/manifests/1": connection refused',
            Cause.RETRYABLE,
            "",
        ),
        ("unknown: repository team-a/nosuch not found", Cause.PERMANENT, "no such image"),
        ("unknown: artifact team-a/web:nosuch not found", Cause.PERMANENT, "no such image"),
        (f"unknown: current image with 2 vulnerabilities {POLICY}", Cause.PERMANENT, "forbids"),
        ("unknown: The image is not signed by cosign.", Cause.PERMANENT, "forbids"),
        (
            "unauthorized: unauthorized to access repository: team-a/api, action: pull",
            Cause.PERMANENT,
            "robot's pull",
        ),
        ("denied: requested access is denied", Cause.PERMANENT, "robot's pull"),
        ("tls: failed to verify certificate: x509: unknown authority", Cause.PERMANENT, "trust"),
        ("cluster 1 scheduler 10.77.0.1 no available seed peer", Cause.RETRYABLE, "30 seconds"),
        ("no peer found for ips [10.77.0.99]", Cause.PERMANENT, "addresses asked for"),
        ("no seed peer found for ips [10.77.0.99]", Cause.PERMANENT, "addresses asked for"),
        (
            "task 1b failed: rpc error: code = Internal desc = backend error: 404 Not Found",
            Cause.PERMANENT,
            "push the image again",
        ),
        (
            "rpc error: code = Internal desc = backend error: 401 Unauthorized",
            Cause.PERMANENT,
            "robot's pull",
        ),
        (f"{DIALED}dial tcp 10.77.0.13:4000: connect: refused", Cause.RETRYABLE, "did not answer"),
        (
            "rpc error: code = ResourceExhausted desc = server is overloaded: too many requests",
            Cause.RETRYABLE,
            "fewer jobs",
        ),
        ("rpc error: code = DeadlineExceeded desc = ", Cause.RETRYABLE, "did not answer"),
    ],
)
def test_a_text_has_a_cause_and_an_advice(words: str, cause: Cause, advice: str) -> None:
    """What a repeat would bring, and what a person should do."""
    meaning = classify(words)
    assert meaning is not None
    assert meaning.cause is cause
    assert advice in meaning.advice


def test_an_unknown_text_has_no_meaning() -> None:
    """Nothing is guessed."""
    assert classify("Internal Server Error") is None
    assert classify("") is None


def test_every_meaning_is_a_sentence_and_a_pattern() -> None:
    """Patterns compile, and the advice can be put after a colon."""
    for meaning in MEANINGS:
        re.compile(meaning.pattern)
        assert not meaning.advice.endswith(".")
