"""Tries a connection: is it a manager, does the token work, what is it allowed, how old is it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING

from preheat.checks import CheckItem, CheckReport
from preheat.drivers.dragonfly.answers import Row, decode, words_of
from preheat.drivers.dragonfly.manager import JOBS, clock_of
from preheat.errors import NotFoundError, RemoteError, RemoteUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from preheat.drivers.dragonfly.manager import Manager
    from preheat.transport import Answer

__all__ = ["check"]

SKEW_SECONDS = 30.0
DATE_SECONDS = 2.0  # a Date header tells whole seconds
CVE = (
    "managers up to v2.4.0 let anybody create jobs over /api/v1/jobs (CVE-2026-24124): "
    "upgrade to v2.4.1 or later"
)


def check(manager: Manager) -> CheckReport:
    """Look at all of it; what goes wrong is reported, never raised.

    ``/healthy`` stays OK while the database or Redis is down, so the token is tried on calls that
    need the database (dragonfly: manager/handlers/health.go, recorded db-down-healthy).
    """
    alive = _item("manager", lambda: _alive(manager))
    if not alive.ok:
        return CheckReport((alive,))
    jobs, status = _tried("token (scope job)", lambda: _jobs(manager))
    clusters: tuple[CheckItem, ...] = ()
    if status != HTTPStatus.UNAUTHORIZED:  # a token that nobody knows is told once
        clusters = (_item("clusters (scope cluster)", lambda: _clusters(manager)),)
    return CheckReport((
        alive,
        jobs,
        *clusters,
        _item("version", lambda: _version(manager)),
        _item("clock", lambda: _clock(manager)),
    ))


def _item(name: str, look: Callable[[], CheckItem]) -> CheckItem:
    return _tried(name, look)[0]


def _tried(name: str, look: Callable[[], CheckItem]) -> tuple[CheckItem, int | None]:
    """Look, and give the status of what was refused too."""
    try:
        return look(), None
    except RemoteUnavailableError as error:
        advice = "" if error.status is None else "look at the manager, its database and its Redis"
        return CheckItem(name, ok=False, detail=str(error), advice=advice), error.status
    except RemoteError as error:
        return CheckItem(name, ok=False, detail=str(error)), error.status


def _alive(manager: Manager) -> CheckItem:
    answer = manager.transport.send("GET", "/healthy")
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise manager.transport.error_of(answer)
    url = manager.transport.base_url
    if answer.status == HTTPStatus.OK and answer.body.strip() == b'"OK"':
        return CheckItem("manager", ok=True, detail=f"answers at {url}")
    return CheckItem(
        "manager",
        ok=False,
        detail=f"{url}/healthy answered {answer.status}: this is no Dragonfly manager",
        advice="give the manager's REST address, without a path",
    )


def _jobs(manager: Manager) -> CheckItem:
    name = "token (scope job)"
    try:
        answer = manager.call("GET", JOBS, params={"type": "preheat", "per_page": 1})
    except NotFoundError as error:
        return CheckItem(
            name,
            ok=True,
            detail=f"the list of jobs cannot be read: {error.words}",
            advice="a job with a user_id that does not exist breaks the list: remove its row",
        )
    decode(answer, list[Row], "a list of jobs")
    return CheckItem(name, ok=True, detail="may read and create jobs")


def _clusters(manager: Manager) -> CheckItem:
    name = "clusters (scope cluster)"
    try:
        clusters = manager.clusters()
    except RemoteError as error:
        if error.status != HTTPStatus.FORBIDDEN:
            raise
        return CheckItem(
            name,
            ok=True,
            detail=f"not allowed: {error.words}",
            advice="add the scope cluster to the token: cluster ids can then be checked",
        )
    if not clusters:
        return CheckItem(name, ok=False, detail="the manager has no cluster", advice="create one")
    told = ", ".join(f"{cluster.scheduler_cluster_id} {cluster.name}" for cluster in clusters)
    return CheckItem(name, ok=True, detail=f"scheduler clusters: {told}")


def _version(manager: Manager) -> CheckItem:
    """Tell old managers by two routes that later ones no longer have: those redirect to ``/``."""
    ping = manager.transport.send("GET", "/_ping")
    legacy = manager.transport.send("GET", "/preheats/1")
    if _is_ping(ping) or _is_record(legacy):
        return CheckItem("version", ok=True, detail="v2.4.0 or older", advice=CVE, serious=True)
    if {ping.status, legacy.status} == {HTTPStatus.MOVED_PERMANENTLY}:
        return CheckItem("version", ok=True, detail="v2.4.1 or later")
    return CheckItem(
        "version",
        ok=True,
        detail="cannot be told: something in between answers for the manager",
    )


def _is_ping(answer: Answer) -> bool:
    """Tell the old route's answer from the page that a proxy gives for every path."""
    said = answer.body.strip().strip(b'"').upper()
    return answer.status == HTTPStatus.OK and said in {b"", b"OK"}


def _is_record(answer: Answer) -> bool:
    """Tell the old route's two answers from those of a gateway, which speaks JSON too."""
    if answer.status == HTTPStatus.NOT_FOUND:
        return words_of(answer) == "record not found"
    try:
        body = json.loads(answer.body)
    except (ValueError, RecursionError):
        return False
    is_record = isinstance(body, dict) and {"id", "status"} <= body.keys()
    return answer.status == HTTPStatus.OK and is_record


def _clock(manager: Manager) -> CheckItem:
    """Compare the clocks: ages of jobs go by the manager's own, so nothing breaks by this."""
    asked = datetime.now(UTC)
    answer = manager.transport.send("GET", "/healthy")
    middle = asked + (datetime.now(UTC) - asked) / 2  # a slow answer is no slow clock
    if "Date" not in answer.headers:
        return CheckItem("clock", ok=True, detail="the manager does not tell its time")
    skew = (clock_of(answer) - middle).total_seconds()
    apart = abs(skew) > SKEW_SECONDS
    detail = f"the manager's clock is {abs(skew):.0f} s {'ahead' if skew > 0 else 'behind'}"
    if abs(skew) <= DATE_SECONDS:
        detail = "the manager's clock agrees with ours"
    advice = "synchronise the clocks (NTP): times in its console and here differ" if apart else ""
    return CheckItem("clock", ok=True, detail=detail, advice=advice)
