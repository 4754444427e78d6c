"""What the Harbor stand-in does over time: tags move, labels come and go, logins fail quietly."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest

from preheat.sandbox.harbor import HarborState, ImageSpec, Permission, Settings, push_image

NAME = "team-a/retag-demo"
ARTIFACTS = "/api/v2.0/projects/team-a/repositories/retag-demo/artifacts"
DAY = datetime(2026, 12, 20, tzinfo=UTC)


def test_a_moved_tag_gets_a_new_push_time_the_artifact_keeps_its_own(lab: Any) -> None:
    """Recorded: retag-step2 to retag-step5; a window over push_time misses promotions."""
    state = lab.state
    first = state.find(NAME, "v1")
    pushed = first.push_time
    state.tag(first, "stable", at=DAY)
    state.tag(first, "stable", at=DAY + timedelta(hours=1))
    assert {t.name: t.push_time for t in first.tags}["stable"] == DAY
    second = push_image(state, NAME, ImageSpec("rt2"), tags=["stable"], at=DAY + timedelta(hours=2))
    assert [t.name for t in first.tags] == ["v1"]
    assert second.tags[0].push_time == DAY + timedelta(hours=2)
    state.tag(first, "stable", at=DAY + timedelta(hours=3))
    assert (second.tags, first.push_time) == ((), pushed)
    rows = lab.get(f"{ARTIFACTS}?sort=id").json()
    assert [[t["name"] for t in row["tags"] or []] for row in rows] == [["stable", "v1"], []]


def test_pushing_the_same_digest_again_changes_nothing(lab: Any) -> None:
    """A re-push gives the same row (recorded: retag-step3-same-tag-repushed)."""
    before = lab.get(ARTIFACTS).json()
    push_image(lab.state, NAME, ImageSpec("rt1"), tags=["v1"])
    assert lab.get(ARTIFACTS).json() == before


def test_tags_and_labels_can_be_set_by_api(lab: Any, recorded: Any) -> None:
    """Recorded: tag-create-api, artifact-label-add and their neighbours."""
    tag = {"who": "robot$loader", "json": {"name": "promoted"}}
    assert lab.call("POST", f"{ARTIFACTS}/v1/tags", **tag).status_code == 201
    again = lab.call("POST", f"{ARTIFACTS}/v1/tags", **tag)
    told = recorded("tag-create-api-conflict")["response"]["body_text"]
    here = lab.state.repository(NAME).id
    assert (again.status_code, again.text) == (
        409,
        told.replace("repository 73", f"repository {here}"),
    )
    removed = lab.call("DELETE", f"{ARTIFACTS}/v1/tags/promoted", who="robot$loader")
    missing = lab.call("DELETE", f"{ARTIFACTS}/v1/tags/promoted", who="robot$loader")
    assert (removed.status_code, missing.status_code) == (200, 404)
    label = {"who": "robot$loader", "json": {"id": 2}}
    assert lab.call("POST", f"{ARTIFACTS}/v1/labels", **label).status_code == 200
    assert lab.call("POST", f"{ARTIFACTS}/v1/labels", **label).status_code == 409
    assert [row["repository_name"] for row in lab.listed("team-a", "labels=(2)")] == [
        "team-a/deep/nested/path/app",
        NAME,
    ]
    removed = lab.call("DELETE", f"{ARTIFACTS}/v1/labels/2", who="admin")
    assert removed.status_code == 200
    assert lab.listed("team-a", f"repository_name={NAME}")[0]["labels"] is None


def test_tags_labels_and_artifacts_are_written_by_api_as_recorded(lab: Any, recorded: Any) -> None:
    """One after the other, by the recorded callers; only ids and digests are the lab's own.

    Recorded: tag-create-api, -conflict, tag-delete-api, -missing, artifact-label-add, -again,
    -remove-admin, artifact-delete-untagged.
    """
    artifact = lab.state.find(NAME, "v1")
    untagged = push_image(lab.state, NAME, ImageSpec("rt2"))
    steps = (
        "tag-create-api",
        "tag-create-api-conflict",
        "tag-delete-api",
        "tag-delete-api-missing",
    )
    steps += ("artifact-label-add", "artifact-label-add-again", "artifact-label-remove-admin")
    for name in (*steps, "artifact-delete-untagged"):
        request, told = recorded(name)["request"], recorded(name)["response"]
        who = request["headers"]["Authorization"].partition("<")[2].partition(":")[0]
        path = re.sub(r"sha256:[0-9a-f]{64}", untagged.digest, request["path"])
        answer = lab.call(request["method"], path, who=who, data=request["body"])
        theirs = told["body_text"].replace("artifact 542", f"artifact {artifact.id}")
        theirs = theirs.replace("repository 73", f"repository {artifact.repository.id}")
        assert (answer.status_code, answer.text) == (told["status"], theirs), name
        assert answer.headers.get("Content-Type") == told["headers"].get("Content-Type")


def test_labels_are_matched_all_together(shared_lab: Any) -> None:
    """labels=(1 3) wants both (recorded: project-artifacts-q-labels-and)."""
    both = shared_lab.listed("team-a", "labels=(1 3)")
    assert [row["digest"] for row in both] == [
        shared_lab.state.find("team-a/web/frontend", "v1.1.0").digest
    ]


def test_keyset_pages_give_every_artifact_once_while_others_push(lab: Any) -> None:
    """Ids only grow, so a walk by id misses nothing that was there at its start."""
    there = {row["id"] for row in lab.listed("team-a")}
    seen: list[int] = []
    while True:
        query = f"id=[{seen[-1] + 1 if seen else 0}~]"
        params = {"q": query, "sort": "id", "page_size": "3"}
        page = lab.get("/api/v2.0/projects/team-a/artifacts", params=params).json()
        seen += [row["id"] for row in page]
        if len(page) < 3:
            break
        if len(seen) < 12:
            push_image(lab.state, f"team-a/new-{len(seen)}", tags=["1"])
    assert len(seen) == len(set(seen))
    assert there <= set(seen)


def test_children_are_listed_only_when_tagged_or_asked_for(lab: Any) -> None:
    """The base set hides untagged children of indexes; base=* shows them, accessories never."""
    app = lab.state.repository("team-a/deep/nested/path/app")
    where = f"repository_name={app.name}"
    assert len(lab.listed("team-a", where)) == 2
    assert len(lab.listed("team-a", f"{where},base=*")) == 5
    child = lab.state.artifacts[lab.listed("team-a", where)[0]["references"][0]["child_id"]]
    lab.state.tag(child, "only-amd64")
    assert len(lab.listed("team-a", where)) == 3
    lab.state.untag(child, "only-amd64")
    assert len(lab.listed("team-a", where)) == 2


def test_a_deleted_artifact_is_gone(lab: Any) -> None:
    """With an index the children that nothing else needs go too, and never before it.

    Source: harbor: src/controller/artifact/controller.go, deleteDeeply.
    """
    artifacts = "/api/v2.0/projects/hooks/repositories/multi/artifacts"
    index = lab.state.find("hooks/multi", "v1")
    first, second = lab.get(f"{artifacts}/v1").json()["references"]
    lab.state.tag(lab.state.artifacts[second["child_id"]], "only-arm64")
    child = f"{artifacts}/{first['child_digest']}"
    refused = lab.call("DELETE", child, who="robot$loader")
    assert refused.status_code == 412
    assert refused.json()["errors"][0]["code"] == "VIOLATE_FOREIGN_KEY_CONSTRAINT"
    assert lab.call("DELETE", f"{artifacts}/v1", who="robot$loader").status_code == 200
    for gone in (f"{artifacts}/v1", f"{artifacts}/{index.digest}", child):
        assert lab.get(gone).status_code == 404
    tags = [[tag["name"] for tag in row["tags"]] for row in lab.listed("hooks")]
    assert tags == [["only-arm64"]]


@pytest.mark.parametrize(
    ("q", "expected"),
    [
        ("name=~FRONT", {"team-a/web/frontend"}),
        ("name={team-a/api team-a/winapp}", {"team-a/api", "team-a/winapp"}),
        ("Name=team-a/api", {"team-a/api"}),
        ("name=~%25", set()),
    ],
)
def test_repositories_are_filtered_by_q(q: str, expected: set[str], shared_lab: Any) -> None:
    """Columns and Go field names work alike; q is unescaped a second time."""
    answer = shared_lab.get(f"/api/v2.0/projects/team-a/repositories?page_size=100&q={quote(q)}")
    assert {row["name"] for row in answer.json()} == expected


def test_times_have_second_precision_and_lose_their_zone(lab: Any) -> None:
    """A bound of :05 excludes :05.4, and +02:00 is read as UTC (recorded: …-rfc3339)."""
    at = DAY + timedelta(seconds=5, milliseconds=400)
    push_image(lab.state, "other/clock", tags=["1"], at=at)
    assert lab.listed("other", "push_time=[~2026-12-20T00:00:05.900]") == []
    assert len(lab.listed("other", "push_time=[~2026-12-20T00:00:06+02:00]")) == 1


def test_an_old_harbor_has_no_project_listing(serve: Any) -> None:
    """Before 2.12 the route is 404 and rows lack repository_name."""
    state = HarborState(Settings(version="2.11.2"))
    state.add_project("library", public=True)
    push_image(state, "library/hello", tags=["1.0"])
    with serve(state) as lab:
        state.accounts.users["admin"] = "right-secret"
        missing = lab.get("/api/v2.0/projects/library/artifacts", "admin")
        rows = lab.get("/api/v2.0/projects/library/repositories/hello/artifacts", "admin").json()
        version = lab.get("/api/v2.0/systeminfo", "admin").json()["harbor_version"]
    assert missing.status_code == 404
    assert missing.json()["errors"][0]["message"].endswith("was not found")
    assert "repository_name" not in rows[0]
    assert version.startswith("v2.11.2-")


@pytest.mark.parametrize(
    "details", [{"disabled": True}, {"expires_at": datetime(2020, 1, 1, tzinfo=UTC)}]
)
def test_a_disabled_or_expired_robot_is_nobody(details: dict[str, Any], lab: Any) -> None:
    """Its right secret gets the anonymous view with 200 (recorded: robot-disabled-systeminfo)."""
    lab.state.accounts.add_robot("robot$old", "right-secret", [Permission.project("*")], **details)
    answer = lab.get("/api/v2.0/systeminfo", "robot$old")
    assert (answer.status_code, "harbor_version" in answer.json()) == (200, False)
    assert lab.get("/api/v2.0/projects/team-a/artifacts", "robot$old").status_code == 401


def test_a_failed_login_takes_its_time_when_told_to(serve: Any) -> None:
    """Harbor sleeps 1.5 s; the factor scales that (recorded: systeminfo-robot-wrong-secret)."""
    state = HarborState(Settings(delay_factor=0.05))
    with serve(state) as lab:
        answer = lab.get("/api/v2.0/systeminfo", "robot$nobody")
        assert answer.elapsed.total_seconds() >= 0.075
        assert lab.get("/api/v2.0/systeminfo", "").elapsed.total_seconds() < 0.075


def test_a_write_with_a_kept_cookie_is_refused(lab: Any, recorded: Any) -> None:
    """Every answer sets sid, and a client that keeps it can no longer write."""
    told = recorded("csrf-post-with-session-cookie")["response"]
    sid = lab.get("/api/v2.0/systeminfo").cookies["sid"]
    answer = lab.call(
        "POST",
        "/api/v2.0/labels",
        who="admin",
        json={"name": "csrf-probe", "scope": "g"},
        headers={"Cookie": f"sid={sid}"},
    )
    assert (answer.status_code, answer.text) == (told["status"], told["body_text"])
    made = lab.call("POST", "/api/v2.0/labels", who="admin", json={"name": "x", "scope": "g"})
    assert made.status_code == 201


def test_a_robot_made_by_api_works_until_it_is_deleted(lab: Any) -> None:
    """Create, use, disable, rotate, delete (recorded: robot-create-project and its neighbours)."""
    access = [{"resource": "artifact", "action": "list", "effect": "allow"}]
    body = {
        "name": "probe",
        "level": "project",
        "duration": 1,
        "permissions": [{"kind": "project", "namespace": "team-a", "access": access}],
    }
    robots = "/api/v2.0/robots"
    made = lab.call("POST", robots, who="admin", json=body).json()
    assert made["name"] == "robot$team-a+probe"
    assert lab.call("POST", robots, who="admin", json=body).status_code == 409
    path = "/api/v2.0/projects/team-a/artifacts"
    assert lab.get(path, made["name"], secret=made["secret"]).status_code == 200
    one = f"{robots}/{made['id']}"
    told = lab.get(one, "admin").json()
    assert "secret" not in told
    lab.call("PUT", one, who="admin", json=told | {"disable": True})
    assert lab.get(path, made["name"], secret=made["secret"]).status_code == 401
    lab.call("PUT", one, who="admin", json=told)
    rotated = lab.call("PATCH", one, who="admin", json={"secret": ""}).json()["secret"]
    assert lab.get(path, made["name"], secret=rotated).status_code == 200
    assert lab.call("DELETE", one, who="admin").status_code == 200
    assert lab.get(one, "admin").status_code == 404


def test_images_are_pushed_and_tagged_by_order(lab: Any) -> None:
    """The control routes push, move tags, label, scan and sign; typing errors are refused."""
    order = {
        "repository": "fresh/app",
        "tags": ["1.0"],
        "platforms": ["linux/amd64", "linux/arm64"],
        "layers": [1000, 2000],
        "labels": ["approved"],
        "signed": True,
    }
    pushed = lab.call("POST", "/sandbox/images", json=order).json()
    assert [b["size"] for b in pushed["platforms"]["linux/arm64"]["blobs"][1:]] == [1000, 2000]
    newer = lab.call("POST", "/sandbox/images", json={"repository": "fresh/app", "tags": ["2.0"]})
    tag = {"repository": "fresh/app", "reference": "2.0", "tag": "latest"}
    assert lab.call("POST", "/sandbox/tags", json=tag).json()["tags"] == ["2.0", "latest"]
    where = {"repository": "fresh/app", "reference": newer.json()["digest"]}
    lab.call("POST", "/sandbox/scans", json=where | {"counts": {"High": 2}})
    lab.call("POST", "/sandbox/signatures", json=where)
    lab.call("POST", "/sandbox/labels", json=where | {"label": "hold"})
    shown = lab.get(
        "/api/v2.0/projects/fresh/repositories/app/artifacts/latest"
        "?with_label=true&with_accessory=true&with_scan_overview=true"
    ).json()
    assert [label["name"] for label in shown["labels"]] == ["hold"]
    assert shown["accessories"][0]["type"] == "signature.cosign"
    assert next(iter(shown["scan_overview"].values()))["severity"] == "High"
    lab.call("POST", "/sandbox/labels", json=where | {"label": "hold", "remove": True})
    assert lab.call("GET", "/sandbox/images", params=where).json()["labels"] == []
    lab.call("DELETE", "/sandbox/tags?repository=fresh/app&tag=latest")
    assert lab.call("GET", "/sandbox/images", params=where).json()["tags"] == ["2.0"]
    for mistake in ({"tag": "3"}, {"platforms": ["linux"]}, {"platforms": []}):
        wrong = lab.call("POST", "/sandbox/images", json={"repository": "fresh/app"} | mistake)
        assert wrong.status_code == 422
