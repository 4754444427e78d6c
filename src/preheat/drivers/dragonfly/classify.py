"""What the manager's failure texts mean: the one place where text is looked at.

The manager answers nearly everything that went wrong, at the registry too, with 500 and a raw text;
it has no error codes (dragonfly: manager/middlewares/error.go). So the texts are matched here,
against a table, and typed errors leave this package: nobody else needs to read them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from preheat.errors import Cause

__all__ = ["MEANINGS", "Meaning", "classify"]


@dataclass(frozen=True, slots=True)
class Meaning:
    """What one failure text stands for.

    :param pattern: regular expression, searched for, case ignored.
    :param cause: what asking again would bring.
    :param advice: what a person should do, one sentence.
    :param is_before_queue: whether the text proves that no job was queued.
    :param is_of_layer: whether it speaks of one layer only, where it is a job's.
    :param is_of_token: whether the credentials sent with the job were refused: they expire.
    """

    pattern: str
    cause: Cause
    advice: str
    is_before_queue: bool = True
    is_of_layer: bool = False
    is_of_token: bool = False


_REPOSITORY = re.compile(r"(https?://[^/\s\"']+/v2/)[^\s\"']*")

MEANINGS = (
    Meaning(
        r"parse access url failed|url is required|unknown preheat type",
        Cause.PERMANENT,
        "the manager wants scheme://host/v2/<repository>/manifests/<digest>: check the "
        "cluster's pull endpoint",
    ),
    Meaning(
        r"no matching manifest for platform",
        Cause.PERMANENT,
        "the image has no manifest for this platform",
    ),
    Meaning(r"is an invalid .*component", Cause.PERMANENT, "the platform is misspelt"),
    Meaning(
        r"manifest.unknown|name.unknown|404 page not found"
        r"|(artifact|repository|project|manifest) \S+ not found",
        Cause.PERMANENT,
        "the registry at the pull endpoint has no such image: was it deleted, or is the "
        "pull endpoint wrong?",
    ),
    Meaning(
        r"projectpolicyviolation|due to configured policy|is not signed",
        Cause.PERMANENT,
        "Harbor forbids pulls of this image: see the project's deployment security",
    ),
    Meaning(
        r"\bunauthorized\b|\bdenied\b|no basic auth credentials|authorize header needed"
        r"|\b40[13] (unauthorized|forbidden)",
        Cause.PERMANENT,
        "the registry refused the credentials sent with the job: check the robot's pull "
        "permission on this project",
        is_of_layer=True,
        is_of_token=True,
    ),
    Meaning(
        r"\bip \S+ is invalid",
        Cause.PERMANENT,
        "the manager connects to no loopback or link-local registry: give an address that it "
        "may reach",
    ),
    Meaning(
        r"server gave HTTP response to HTTPS client",
        Cause.PERMANENT,
        "the pull endpoint says https but the registry speaks http",
    ),
    Meaning(
        r"x509:|tls: |certificate",
        Cause.PERMANENT,
        "the manager does not trust the registry's certificate: set its job.preheat.tls",
    ),
    Meaning(
        r"candidate schedulers not found|active schedulers not found",
        Cause.RETRYABLE,
        "no scheduler of this cluster is active: start one, or correct schedulerClusterId",
    ),
    Meaning(
        r"no (available )?(seed )?peer (found )?for ips",
        Cause.PERMANENT,
        "no peer of this cluster has one of the addresses asked for",
    ),
    Meaning(
        r"no available (seed )?peer",
        Cause.RETRYABLE,
        "no peer of this scope is known to the scheduler; after its start this lasts 30 seconds",
    ),
    Meaning(
        r"invalid connection|bad connection|:3306|:5432",
        Cause.RETRYABLE,
        "the manager cannot reach its database",
        is_before_queue=False,
    ),
    Meaning(
        r":6379|redis",
        Cause.RETRYABLE,
        "the manager cannot reach its Redis",
        is_before_queue=False,
    ),
    Meaning(
        r"^Get \"https?://|\blookup \S+|no such host",
        Cause.RETRYABLE,
        "the manager cannot reach the registry at the pull endpoint",
    ),
    Meaning(
        r"toomanyrequests|too many requests|resourceexhausted|overloaded",
        Cause.RETRYABLE,
        "the registry or a peer is overloaded: keep fewer jobs in flight",
        is_before_queue=False,
    ),
    Meaning(
        r"backend error: 404",
        Cause.PERMANENT,
        "the registry lists a layer that it cannot serve: push the image again",
        is_before_queue=False,
        is_of_layer=True,
    ),
    Meaning(
        r"dial (tcp|udp)|connection (refused|reset)|timeout|deadline ?exceeded|\bEOF\b|unreachable",
        Cause.RETRYABLE,
        "something that Dragonfly needs did not answer",
        is_before_queue=False,
    ),
)
"""Looked through in this order: the first that fits is meant."""


def classify(words: str) -> Meaning | None:
    """Find what a failure text of a manager or of a job means, None if nobody has met it yet."""
    # The name of a repository (redis, certificates) must not decide.
    said = _REPOSITORY.sub(r"\1", words)
    return next(
        (meaning for meaning in MEANINGS if re.search(meaning.pattern, said, re.IGNORECASE)), None
    )
