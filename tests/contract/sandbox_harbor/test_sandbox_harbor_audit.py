"""The stand-in's audit feed: what leaves a row, how rows are found, what can befall them."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from preheat.sandbox.harbor import By, HarborState, ImageSpec, Permission, Settings, push_image

FEED = "/api/v2.0/auditlog-exts"
AUDIT = "/sandbox/audit"


def rows(lab: Any, q: str = "", **params: Any) -> list[dict[str, Any]]:
    """List the feed by id, as the orchestrator's robot."""
    found: list[dict[str, Any]] = lab.get(
        FEED, params={"q": q, "sort": "id", "page_size": "100"} | params
    ).json()
    return found


def told(lab: Any, since: int) -> list[tuple[str, str, str, str]]:
    """Tell what was written after a row, with digests blurred."""
    return [
        tuple(
            re.sub(r"[0-9a-f]{64}", "HEX", row[key])
            for key in ("operation", "resource", "operation_description", "username")
        )
        for row in rows(lab, f"id=[{since + 1}~]")
    ]


def last(lab: Any) -> int:
    """Give the highest id."""
    return max(row["id"] for row in rows(lab, page_size="0"))


def test_every_push_is_a_row_with_tag_and_digest(lab: Any) -> None:
    """Pushes again and retags too, by whoever did it (recorded: auditlog-ext-push)."""
    before = last(lab)
    both = ImageSpec("a", platforms=("linux/amd64", "linux/arm64"))
    for _ in range(2):
        push_image(lab.state, "other/app", ImageSpec("x"), tags=["1"], by=By("robot$loader"))
    push_image(lab.state, "other/app", both, tags=["2", "latest"])
    digest = "other/app@sha256:HEX"
    pushed = f"push artifact: {digest}"
    assert told(lab, before) == [
        *[("create", "other/app:1", pushed, "robot$loader")] * 2,
        *[("create", digest, pushed, "admin")] * 2,
        ("create", "other/app:2", pushed, "admin"),
        ("create", "other/app:latest", pushed, "admin"),
    ]


def test_tags_by_api_have_no_digest_and_deletions_only_that(lab: Any) -> None:
    """Labels, scans and read requests leave nothing (recorded: auditlog-ext-tag, -delete)."""
    artifacts = "/api/v2.0/projects/team-a/repositories/retag-demo/artifacts"
    loader = {"who": "robot$loader"}
    before = last(lab)
    lab.call("POST", f"{artifacts}/v1/tags", json={"name": "promoted"}, **loader)
    lab.call("POST", f"{artifacts}/v1/labels", json={"id": 2}, **loader)
    lab.call("DELETE", f"{artifacts}/v1/tags/promoted", **loader)
    lab.call("DELETE", f"{artifacts}/v1", **loader)
    tag, digest = "team-a/retag-demo:promoted", "team-a/retag-demo@sha256:HEX"
    assert told(lab, before) == [
        ("create", tag, f"create tag: {tag}", "robot$loader"),
        ("delete", tag, f"delete tag: {tag}", "robot$loader"),
        ("delete", digest, f"delete artifact: {digest}", "robot$loader"),
    ]


def test_ids_do_not_follow_times(lab: Any) -> None:
    """Of one request the last is written first (recorded: auditlog-ext-delete, 65 and 66)."""
    before = last(lab)
    path = "/api/v2.0/projects/team-a/repositories/signed"
    assert lab.call("DELETE", path, who="admin").status_code == 200
    found = rows(lab, f"id=[{before + 1}~]")
    assert [row["resource_type"] for row in found] == ["repository"] + ["artifact"] * 7
    assert found[0]["resource"] == "team-a/signed"
    assert lab.get(f"{path}/artifacts").json() == []
    assert lab.get(path).status_code == 404


def test_a_pull_of_nobody_is_anonymous(lab: Any) -> None:
    """Whoever's token it was, and "anonymous" without one (recorded: auditlog-ext-pull)."""
    before = last(lab)
    manifest = "/v2/public-lib/busy/manifests/1"
    for headers in (lab.bearer("public-lib/busy"), lab.bearer("public-lib/busy", who="")):
        assert lab.call("GET", manifest, headers=headers).status_code == 200
    digest = "public-lib/busy@sha256:HEX"
    assert [row[:3] for row in told(lab, before)] == [
        ("pull", "public-lib/busy:1", f"pull artifact: {digest}")
    ] * 2
    assert [row[3] for row in told(lab, before)] == ["robot$orch", "anonymous"]


def test_rows_are_found_by_time_type_and_id(lab: Any) -> None:
    """The queries that catch-up asks: lists, ranges with second precision, and keyset pages."""
    at = datetime(2030, 1, 1, tzinfo=UTC)
    for second in range(5):
        when = at + timedelta(seconds=second, milliseconds=400)
        push_image(lab.state, "other/app", ImageSpec(f"{second}"), tags=[f"t{second}"], at=when)
    since = "op_time=[2030-01-01T00:00:02~]"
    q = f"operation=create,resource_type={{artifact tag}},{since}"
    assert [row["resource"] for row in rows(lab, q)] == [f"other/app:t{n}" for n in (2, 3, 4)]
    until = "op_time=[2030-01-01T00:00:00~2030-01-01T00:00:03]"
    assert len(rows(lab, until)) == 3
    newest = lab.get(FEED, params={"page_size": "2"}).json()
    assert [row["resource"] for row in newest] == ["other/app:t4", "other/app:t3"]
    seen: list[int] = []
    while page := rows(lab, f"id=[{seen[-1] + 1 if seen else 0}~]", page_size="7"):
        seen += [row["id"] for row in page]
    assert seen == sorted(set(seen)) == [row["id"] for row in rows(lab, page_size="0")]


def test_who_may_see_which_rows(lab: Any) -> None:
    """A project's robot sees that project's feed with log:list, of the global one nothing."""
    right = Permission.project("other", {"log:list"})
    lab.state.accounts.add_robot("robot$other+log", "right-secret", [right], level="project")
    path = "/api/v2.0/projects/other/auditlog-exts"
    own = lab.get(path, "robot$other+log", params={"page_size": "100"}).json()
    assert {row["resource"].partition("/")[0] for row in own} == {"other"}
    everything = lab.get(FEED, "robot$other+log")
    assert (everything.status_code, everything.json()) == (200, [])
    assert lab.get(f"{FEED}/events", "robot$other+log").status_code == 403
    assert lab.get("/api/v2.0/projects/team-a/auditlog-exts", "robot$other+log").status_code == 403
    assert len(lab.get(FEED, "admin", params={"page_size": "0"}).json()) > len(own)


@pytest.mark.parametrize("path", [FEED, f"{FEED}/events", "/api/v2.0/projects/p/auditlog-exts"])
def test_an_old_harbor_has_no_feed(path: str, serve: Any) -> None:
    """Before 2.13 the routes are not there."""
    state = HarborState(Settings(version="2.12.4"))
    state.add_project("p")
    with serve(state) as lab:
        state.accounts.users["admin"] = "right-secret"
        answer = lab.get(path, "admin")
    assert answer.status_code == 404
    assert answer.json()["errors"][0]["message"] == f"path {path} was not found"


def test_projects_and_robots_leave_rows(lab: Any, recorded: Any) -> None:
    """Created and deleted by API, under the names of the feed (recorded: auditlog-ext-page2)."""
    before = last(lab)
    lab.call("POST", "/api/v2.0/projects", who="admin", json={"project_name": "fresh"})
    body = {"name": "one", "level": "system", "duration": -1, "permissions": []}
    made = lab.call("POST", "/api/v2.0/robots", who="admin", json=body).json()
    lab.call("DELETE", f"/api/v2.0/robots/{made['id']}", who="admin")
    assert told(lab, before) == [
        ("create", "fresh", "create project: fresh", "admin"),
        ("create", "robot$one", "create robot: robot$one", "admin"),
        ("delete", "robot$one", "delete robot: robot$one", "admin"),
    ]


def test_the_feed_can_be_switched_off(lab: Any) -> None:
    """What happens then is never written, and ids go on."""
    before = last(lab)
    assert lab.call("PUT", AUDIT, json={"enabled": False}).json()["enabled"] is False
    push_image(lab.state, "other/app", ImageSpec("dark"), tags=["1"])
    lab.call("PUT", AUDIT, json={"enabled": True})
    push_image(lab.state, "other/app", ImageSpec("light"), tags=["2"])
    assert [row[1] for row in told(lab, before)] == ["other/app:2"]


def test_a_row_can_come_late_behind_higher_ids(lab: Any) -> None:
    """As ids are handed out before the commit: a cursor without overlap misses it."""
    before = last(lab)
    lab.call("PUT", AUDIT, json={"late_rows": 1, "late_seconds": 1.5})
    for tag in ("late", "next"):
        push_image(lab.state, "other/app", ImageSpec(tag), tags=[tag])
    assert [row[1] for row in told(lab, before)] == ["other/app:next"]
    time.sleep(1.5)
    assert [row[1] for row in told(lab, before)] == ["other/app:late", "other/app:next"]


def test_old_rows_can_be_purged(lab: Any) -> None:
    """As Harbor does by schedule; later rows stay."""
    push_image(
        lab.state, "other/app", ImageSpec("x"), tags=["1"], at=datetime(2030, 1, 1, tzinfo=UTC)
    )
    kept = lab.call("DELETE", AUDIT, params={"before": "2029-12-31T00:00:00Z"}).json()
    assert kept["purged"] > 20
    assert [row["resource"] for row in rows(lab)] == ["other/app:1"]
    assert lab.call("DELETE", AUDIT).json() == {"purged": 1}
    assert lab.call("GET", AUDIT).json() == {"enabled": True, "rows": 0}
