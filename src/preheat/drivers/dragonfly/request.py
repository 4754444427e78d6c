"""Builds the bodies of jobs, and refuses what the manager would misunderstand.

The manager runs a misspelt scope as ``single_seed_peer``, takes a negative time-out, and answers
500 to a ``bio`` that is too long while the job runs unseen (dragonfly: scheduler/job/job.go,
manager/models/job.go). So everything is looked at here, before it is sent.
"""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING, Any

from preheat.errors import Problem, ProblemsError
from preheat.placement import Peers, Scope

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from preheat.drivers.base import HeatRequest

__all__ = ["BIO_LENGTH", "bio_of", "distribution_body", "nonce_of", "preheat_body", "task_body"]

BIO_LENGTH = 1024
NANOSECONDS = 1_000_000_000
MAX_TASKS = 100
MAX_PEERS = 1000
MAX_COUNT = 200
MAX_IPS = 100
MAX_PERCENTAGE = 100
PROOF_TIMEOUT_SECONDS = 300
_MANIFEST_URL = re.compile(
    r"https?://[^/?#@\s]+/v2/[a-z0-9][a-z0-9._/-]*/manifests/sha256:[0-9a-f]{64}"
)
_NONCE = re.compile(r"[A-Za-z0-9_.-]{1,128}")
_BIO = re.compile(r"preheat:([A-Za-z0-9_.-]{1,128})(?: |$)")


def bio_of(nonce: str, note: str = "") -> str:
    """Mark a job with its nonce, cut to the 1024 characters of the manager's column."""
    return f"preheat:{nonce} {note}".rstrip()[:BIO_LENGTH]


def nonce_of(bio: str) -> str:
    """Read the nonce back; "" when the job is not ours."""
    match = _BIO.match(bio)
    return match[1] if match else ""


def preheat_body(request: HeatRequest) -> dict[str, Any]:
    """Build the body of a preheat job.

    No ``user_id`` (an unknown one breaks every list), no ``tag``, ``application`` or
    ``piece_length`` (they change the cache key, so that pulls miss), no ``platform`` (the manifest
    is pinned).

    :raises ProblemsError: all that is wrong with the request, before anything is sent.
    """
    if problems := list(_problems(request)):
        raise ProblemsError(problems)
    settings = request.settings
    peers = Peers.parse(request.key.peers)
    args: dict[str, Any] = {
        "type": "image",
        "url": request.key.manifest_url,
        "scope": str(request.key.scope),
        "concurrent_task_count": settings.concurrent_tasks,
        "concurrent_peer_count": settings.concurrent_peers,
        "timeout": settings.timeout_seconds * NANOSECONDS,
        **_headers(request),
    }
    if peers.ips:
        args["ips"] = list(peers.ips)
    elif peers.count is not None:
        args["count"] = peers.count
    elif peers.percentage is not None:
        args["percentage"] = peers.percentage
    return _job(request, "preheat", bio_of(request.nonce, request.note), args)


def distribution_body(request: HeatRequest, bio: str) -> dict[str, Any]:
    """Build the body that makes the manager ask all peers for all layers at once."""
    args = {
        "url": request.key.manifest_url,
        "concurrent_layer_count": request.settings.concurrent_tasks,
        "concurrent_peer_count": request.settings.concurrent_peers,
        "timeout": PROOF_TIMEOUT_SECONDS * NANOSECONDS,
        **_headers(request),
    }
    return _job(request, "get_image_distribution", bio, args)


def task_body(request: HeatRequest, bio: str, url: str) -> dict[str, Any]:
    """Build the body that makes the manager ask all peers for one blob."""
    args = {
        "url": url,
        "concurrent_peer_count": request.settings.concurrent_peers,
        "timeout": PROOF_TIMEOUT_SECONDS * NANOSECONDS,
    }
    return _job(request, "get_task", bio, args)


def _job(request: HeatRequest, kind: str, bio: str, args: Mapping[str, Any]) -> dict[str, Any]:
    """Address exactly one cluster: failures name none, and only listed ones are rate-limited."""
    clusters = [request.settings.scheduler_cluster_id]
    return {"type": kind, "bio": bio, "args": dict(args), "scheduler_cluster_ids": clusters}


def _headers(request: HeatRequest) -> dict[str, Any]:
    """Send credentials as a header only: ``username`` may not reach peers (run-basic-userpass)."""
    if request.authorization is None:
        return {}
    return {"headers": {"Authorization": request.authorization.get_secret_value()}}


def _problems(request: HeatRequest) -> Iterator[Problem]:
    settings = request.settings
    if not _NONCE.fullmatch(request.nonce):
        yield Problem("must be 1 to 128 letters, digits, '_', '.' or '-'.", path="nonce")
    if not _MANIFEST_URL.fullmatch(request.key.manifest_url):
        yield Problem(
            f"{request.key.manifest_url!r} is no URL of a manifest by digest.", path="manifest_url"
        )
    if request.key.scope not in set(Scope):
        yield Problem(f"{request.key.scope!r} is no scope.", path="scope")
    ranges = (
        ("scheduler_cluster_id", settings.scheduler_cluster_id, 2**31 - 1),
        ("timeout_seconds", settings.timeout_seconds, 24 * 3600),
        ("concurrent_tasks", settings.concurrent_tasks, MAX_TASKS),
        ("concurrent_peers", settings.concurrent_peers, MAX_PEERS),
    )
    for name, value, most in ranges:
        yield from _range(name, value, most)
    yield from _peer_problems(request)


def _peer_problems(request: HeatRequest) -> Iterator[Problem]:
    try:
        peers = Peers.parse(request.key.peers)
    except ValueError as error:
        yield Problem(f"{error}.", path="peers")
        return
    if request.key.peers and request.key.scope is Scope.SINGLE_SEED_PEER:
        yield Problem("single_seed_peer takes no selection of peers.", path="peers")
    if peers.count is not None:
        yield from _range("peers.count", peers.count, MAX_COUNT)
    if peers.percentage is not None:
        yield from _range("peers.percentage", peers.percentage, MAX_PERCENTAGE)
    if len(peers.ips) > MAX_IPS:
        yield Problem(f"{len(peers.ips)} addresses, at most {MAX_IPS} fit.", path="peers.ips")
    for ip in peers.ips:
        try:
            ipaddress.ip_address(ip)
        except ValueError:
            yield Problem(f"{ip!r} is no IP address.", path="peers.ips")


def _range(name: str, value: int, most: int) -> Iterator[Problem]:
    if not 1 <= value <= most:
        yield Problem(f"{value} is not between 1 and {most}.", path=name)
