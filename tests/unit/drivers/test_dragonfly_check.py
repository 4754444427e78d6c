"""The connection test: what it finds for each recorded condition of a manager."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
import requests
from pydantic import SecretStr

from preheat.drivers import DRIVERS, load
from preheat.drivers.base import Timing
from preheat.drivers.dragonfly import DragonflyDriver
from preheat.errors import InputError
from preheat.transport import Transport, harden

if TYPE_CHECKING:
    from collections.abc import Callable

    from preheat.checks import CheckReport

MOVED = (301, '<a href="/">Moved Permanently</a>.', {"Location": "/"})
HEALTHY = {
    "/healthy": "healthy",
    "/oapi/v1/jobs": "list-page1-per2",
    "/oapi/v1/clusters": "oapi-list-clusters",
    "/_ping": "route-legacy-ping",
    "/preheats/1": "route-legacy-preheats",
}


@pytest.fixture
def look(wire: Any, driver: DragonflyDriver, replayed: Any) -> Callable[..., CheckReport]:
    """Check a healthy manager, some of whose answers are replaced."""

    def check(**changes: Any) -> CheckReport:
        answers = {path: replayed(name) for path, name in HEALTHY.items()}
        for path, value in changes.items():
            answers[path] = replayed(value) if isinstance(value, str) else value
        wire.answer = lambda call: answers[call.path]
        return driver.check()

    return check


def test_a_good_connection_names_the_clusters(look: Callable[..., CheckReport]) -> None:
    """Manager, token, clusters and version are fine."""
    report = look()
    assert report.ok
    assert "scheduler clusters: 1 cluster-1" in str(report)
    assert "v2.4.1 or later" in str(report)


@pytest.mark.parametrize(
    "changes",
    [
        {"/_ping": (200, "ok", {})},
        {"/preheats/1": (404, '{"message":"record not found"}', {})},
        {"/preheats/1": (200, '{"id":"1","status":"SUCCESS"}', {})},
    ],
)
def test_an_old_manager_is_warned_of(
    look: Callable[..., CheckReport], changes: dict[str, Any]
) -> None:
    """Up to v2.4.0 two routes still answer, and anybody may create jobs."""
    report = look(**changes)
    assert report.ok
    assert "CVE-2026-24124" in str(report)
    assert [item.name for item in report.items if item.serious] == ["version"]


def test_a_proxy_that_answers_itself_leaves_the_version_open(
    look: Callable[..., CheckReport],
) -> None:
    """A 403 of an ingress is no word of the manager."""
    report = look(**{"/_ping": (403, "<html>", {}), "/preheats/1": (403, "<html>", {})})
    assert "cannot be told" in str(report)
    assert "CVE" not in str(report)


@pytest.mark.parametrize(
    "body", ['{"message":"no Route matched with those values"}', '{"message":"Not Found"}']
)
@pytest.mark.parametrize("status", [404, 200, 503])
def test_a_gateway_that_speaks_json_is_no_old_manager(
    look: Callable[..., CheckReport], status: int, body: str
) -> None:
    """A CVE is not cried for the words of an API gateway, nor for a page at every path."""
    report = look(**{"/_ping": (status, "<html>", {}), "/preheats/1": (status, body, {})})
    assert "cannot be told" in str(report)
    assert "CVE" not in str(report)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("auth-wrong-token", "does not know this token"),
        ("auth-expired-token", "Token has expired"),
        ("auth-inactive-token", "Token is inactive"),
        ("auth-scope-cluster-only-get-jobs", "Required permission: job"),
    ],
)
def test_a_token_that_may_not_create_jobs_fails(
    look: Callable[..., CheckReport], name: str, said: str
) -> None:
    """401 and 403 are told apart, with the manager's words."""
    report = look(**{"/oapi/v1/jobs": name})
    assert not report.ok
    assert said in str(report)


def test_a_token_without_the_scope_cluster_is_advised_only(
    look: Callable[..., CheckReport],
) -> None:
    """Preheating works without it, only unknown clusters are harder to tell."""
    report = look(**{"/oapi/v1/clusters": "auth-scope-job-only-get-clusters"})
    assert report.ok
    assert "add the scope cluster" in str(report)


def test_a_database_that_is_down_is_named(look: Callable[..., CheckReport]) -> None:
    """/healthy stays OK while the database is down (recorded db-down-healthy)."""
    report = look(**{
        "/healthy": "db-down-healthy",
        "/oapi/v1/jobs": "db-down-list",
        "/oapi/v1/clusters": "db-down-clusters",
    })
    assert not report.ok
    assert "cannot reach its database" in str(report)


def test_a_broken_list_is_advised(look: Callable[..., CheckReport]) -> None:
    """Somebody's unknown user_id hides the list from everybody."""
    report = look(**{"/oapi/v1/jobs": "user-id-unknown-list"})
    assert report.ok
    assert "remove its row" in str(report)


@pytest.mark.parametrize("answer", [MOVED, (200, "<html>", {}), (404, "not here", {})])
def test_something_else_than_a_manager_is_said_to_be_that(
    look: Callable[..., CheckReport], answer: Any
) -> None:
    """A console or a proxy answers 200 to anything."""
    report = look(**{"/healthy": answer})
    assert not report.ok
    assert "no Dragonfly manager" in str(report)


def test_a_clock_that_is_off_is_advised_only(look: Callable[..., CheckReport]) -> None:
    """Ages of jobs go by the manager's own clock, so nothing breaks by this; this one is fixed."""
    report = look()
    (clock,) = (item for item in report.items if item.name == "clock")
    assert report.ok
    assert re.fullmatch(r"the manager's clock is \d+ s (ahead|behind)", clock.detail)
    assert "NTP" in clock.advice


def test_a_manager_that_is_down_is_reported_not_raised() -> None:
    """The Test button shows a sentence."""
    with harden(requests.Session()) as session:
        transport = Transport(session, "http://127.0.0.1:9", system="Dragonfly")
        driver = DragonflyDriver(transport, token=SecretStr("t"), timing=Timing())
        report = driver.check()
    assert not report.ok
    assert "did not answer GET /healthy" in str(report)


def test_every_registered_driver_can_be_loaded() -> None:
    """The registry is text; this is where a typing error would show."""
    assert [load(name).__name__ for name in DRIVERS] == ["DragonflyDriver"]


def test_an_unknown_driver_is_refused_with_the_known_names() -> None:
    """A cluster file may name any driver."""
    with pytest.raises(InputError, match="known are: dragonfly"):
        load("kraken")
