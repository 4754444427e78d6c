"""Looks at one scheduler cluster: does it exist, is a scheduler there, how fast may jobs come."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from preheat.checks import CheckItem, CheckReport
from preheat.drivers.dragonfly.answers import Row, decode
from preheat.drivers.dragonfly.pacing import paced_post
from preheat.errors import RateLimitedError, RemoteError

if TYPE_CHECKING:
    from collections.abc import Callable

    from preheat.drivers.dragonfly.answers import Cluster
    from preheat.drivers.dragonfly.manager import Manager

__all__ = ["check_cluster"]

# A blob that no peer holds: the question is only whether a scheduler takes it.
_NOWHERE = "http://preheat.invalid/v2/doctor/blobs/sha256:" + "0" * 64
_SECONDS = 1_000_000_000
_TIMEOUT_SECONDS = 30


def check_cluster(
    manager: Manager, cluster_id: int, *, at_once: int, wait: Callable[[float], object]
) -> CheckReport:
    """Look at it; what goes wrong is reported, never raised.

    :param at_once: jobs that may be asked for at the same time.
    :param wait: pauses for so many seconds, where the manager says that calls come too fast.
    """
    try:
        known = {cluster.scheduler_cluster_id: cluster for cluster in manager.clusters()}
    except RemoteError as error:
        if error.status != HTTPStatus.FORBIDDEN:
            return CheckReport((CheckItem("cluster", ok=False, detail=str(error)),))
        item = CheckItem(
            "cluster",
            ok=True,
            detail="the token may not see clusters",
            advice="add the scope cluster to the token",
        )
        return CheckReport((item, _schedulers(manager, cluster_id, wait)))
    if cluster_id not in known:
        told = ", ".join(f"{number} {known[number].name}" for number in sorted(known)) or "none"
        item = CheckItem(
            "cluster",
            ok=False,
            detail=f"the manager has no scheduler cluster {cluster_id}; it has: {told}",
            advice="correct schedulerClusterId in clusters.yaml",
        )
        return CheckReport((item,))
    found = known[cluster_id]
    detail = f"scheduler cluster {cluster_id}, which the manager calls {found.name}"
    return CheckReport((
        CheckItem("cluster", ok=True, detail=detail),
        _rate_limit(found, at_once),
        _schedulers(manager, cluster_id, wait),
    ))


def _rate_limit(cluster: Cluster, at_once: int) -> CheckItem:
    """Compare the limit with what the pool lets through; proofs count against it too."""
    limit = cluster.scheduler_cluster_config.job_rate_limit
    detail = f"{limit} jobs a second; at most {at_once} of ours at once"
    advice = ""
    if at_once > limit:
        advice = "beyond it jobs are refused and tried again: lower maxConcurrentJobs, or raise it"
    return CheckItem("rate limit", ok=True, detail=detail, advice=advice)


def _schedulers(manager: Manager, cluster_id: int, wait: Callable[[float], object]) -> CheckItem:
    """Ask for a blob that nobody holds: without an active scheduler that fails at once.

    A token may not list schedulers (dragonfly: manager/router/router.go). The job leaves a row
    that the manager removes after some hours, and heats nothing (recorded
    get-task-scheduler-stopped).
    """
    name = "schedulers"
    body: dict[str, Any] = {
        "type": "get_task",
        "bio": "preheat doctor: is a scheduler there?",
        "args": {"url": _NOWHERE, "timeout": _TIMEOUT_SECONDS * _SECONDS},
        "scheduler_cluster_ids": [cluster_id],
    }
    try:
        answer = paced_post(manager, body, wait=wait, explain=lambda error: error)
        row = decode(answer, Row, "a job")
    except RateLimitedError as error:
        advice = "other callers use up its rate limit, or the manager's Redis is down"
        return CheckItem(name, ok=False, detail=str(error), advice=advice)
    except RemoteError as error:
        return CheckItem(name, ok=False, detail=str(error))
    detail = f"at least one is active: it took job {row.id}, which heats nothing"
    return CheckItem(name, ok=True, detail=detail)
