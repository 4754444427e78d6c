"""Harbor's own preheat configuration and its CVE lists in the stand-in, beside recorded answers."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from preheat.sandbox.catalogue import ROBOT, ROBOT_SECRET, fill
from preheat.sandbox.harbor import HarborState, Permission

CONFIGURE = {"preheat-policy:create", "preheat-policy:read", "preheat-policy:list"}


@pytest.fixture
def configured(lab: Any, recorded: Any) -> Any:
    """Create the recorded instance, and let robots read or write policies as in the recordings."""
    accounts = lab.state.accounts
    everywhere = Permission.project("*", CONFIGURE)
    look = Permission.system({"preheat-instance:list", "preheat-instance:read"})
    for name in ("robot$orch", "robot$loader"):
        robot = accounts.robots[name]
        robot.permissions = (*robot.permissions, everywhere, look)
    lab.state.add_project("ev")
    assert send(lab, recorded("preheat-instance-create")).status_code == 201
    return lab


def send(lab: Any, recording: dict[str, Any]) -> Any:
    """Send the recorded request as the same kind of caller; ids are the lab's own."""
    request = recording["request"]
    who = request["headers"]["Authorization"].partition("<")[2].partition(":")[0]
    body = json.loads(request["body"]) if request["body"] else None
    if body and body.get("provider_id") == 4:
        body["provider_id"] = next(iter(lab.state.preheating.instances.values())).id
    return lab.call(request["method"], request["path"], who=who, json=body)


def shape(value: Any) -> Any:
    """Reduce rows to their keys and types."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [shape(inner) for inner in value]
    return type(value).__name__


@pytest.mark.parametrize(
    "name",
    [
        "preheat-instance-create-bad-name",
        "preheat-instance-create-bad-vendor",
        "preheat-instance-create-duplicate-name",
        "preheat-instance-create-duplicate-endpoint",
        "preheat-instances-forbidden",
        "preheat-providers",
        "preheat-policy-create",
        "preheat-policy-create-bad-cron",
        "preheat-policy-create-bad-filter-type",
        "preheat-policy-create-bad-name",
        "preheat-policy-create-bad-scope",
        "preheat-policy-create-bad-trigger",
        "preheat-policy-create-cron-seconds",
        "preheat-policy-create-empty-cron",
        "preheat-policy-create-event-based",
        "preheat-policy-create-filters-not-json",
        "preheat-policy-create-long-filters",
        "preheat-policy-create-missing-provider",
        "preheat-policy-create-robot",
        "preheat-policy-create-signature-vulnerability",
        "preheat-policy-get-missing",
    ],
)
def test_answers_are_the_recorded_ones(name: str, configured: Any, recorded: Any) -> None:
    """Status, Location and words of each answer are Harbor's."""
    recording = recorded(name)
    answer, theirs = send(configured, recording), recording["response"]
    assert (answer.status_code, answer.text) == (theirs["status"], theirs["body_text"])
    assert answer.headers.get("Location") == theirs["headers"].get("Location")


def test_a_taken_name_is_a_conflict(configured: Any, recorded: Any) -> None:
    """The second policy of a name is 409 (recorded: preheat-policy-create-duplicate)."""
    send(configured, recorded("preheat-policy-create"))
    recording = recorded("preheat-policy-create-duplicate")
    answer = send(configured, recording)
    assert (answer.status_code, answer.text) == (409, recording["response"]["body_text"])


def test_rows_have_the_recorded_shape(configured: Any, recorded: Any) -> None:
    """Filters, trigger and extra attributes come back as the texts they were sent as."""
    names = ("", "-empty-cron", "-bad-filter-type", "-bad-trigger", "-bad-scope")
    for name in names:
        send(configured, recorded(f"preheat-policy-create{name}"))
    send(configured, recorded("preheat-instance-create-bad-vendor"))
    for name in (
        *("preheat-policies-list", "preheat-policy-get", "preheat-policy-get-robot-readonly"),
        *("preheat-instances-list", "preheat-instances-robot-list", "preheat-instance-get"),
        "preheat-project-providers",
    ):
        recording = recorded(name)
        ours, theirs = send(configured, recording).json(), recording["response"]["body_text"]
        assert shape(ours) == shape(json.loads(theirs)), name
    ours = send(configured, recorded("preheat-policies-list")).json()
    theirs = json.loads(recorded("preheat-policies-list")["response"]["body_text"])
    texts = ("name", "filters", "trigger", "extra_attrs", "enabled")
    assert [[row.get(key) for key in texts] for row in ours] == [
        [row.get(key) for key in texts] for row in theirs
    ]


def test_a_full_report_has_the_recorded_shape(lab: Any, recorded: Any, scan: Any) -> None:
    """Its counts are those of the overview (recorded: artifact-vulnerabilities-addition)."""
    lab.state.accounts.robots["robot$orch"].permissions += (
        Permission.project("*", {"artifact-addition:read"}),
    )
    recording = recorded("artifact-vulnerabilities-addition")
    path = recording["request"]["path"]
    lab.state.settings.scanner = True
    assert lab.get(path).json() == {}
    scan(lab.state, "team-a/crit-app", Critical=1, Low=1)
    ours = lab.get(path).json()
    assert shape(ours) == shape(json.loads(recording["response"]["body_text"]))
    (report,) = ours.values()
    assert sorted(row["severity"] for row in report["vulnerabilities"]) == ["Critical", "Low"]
    lab.state.settings.scanner = False
    assert lab.get(path).status_code == 404


def test_a_full_report_needs_its_own_permission(lab: Any) -> None:
    """artifact:read does not open the list of CVEs."""
    lab.state.settings.scanner = True
    path = "/api/v2.0/projects/team-a/repositories/api/artifacts/1.0"
    assert lab.get(path).status_code == 200
    assert lab.get(f"{path}/additions/vulnerabilities").status_code == 403


def test_an_allowlist_lets_a_vulnerable_image_pass(lab: Any) -> None:
    """The pull that prevent_vul refuses is allowed once its CVEs are on the list that holds."""
    lab.state.settings.scanner = True
    project = "/api/v2.0/projects/team-a"
    order = {"repository": "team-a/api", "reference": "1.0", "cves": {"CVE-7": "Critical"}}
    lab.call("POST", "/sandbox/scans", json=order).raise_for_status()
    settings = {"metadata": {"prevent_vul": "true", "severity": "high"}}
    lab.call("PUT", project, who="admin", json=settings).raise_for_status()
    manifest = "/v2/team-a/api/manifests/1.0"
    assert lab.get(manifest).status_code == 412
    own = {"cve_allowlist": {"items": [{"cve_id": "CVE-7"}]}}
    lab.call("PUT", project, who="admin", json=own).raise_for_status()
    assert lab.get(manifest).status_code == 412
    reuse = {"metadata": {"reuse_sys_cve_allowlist": "false"}}
    lab.call("PUT", project, who="admin", json=reuse).raise_for_status()
    assert lab.get(manifest).status_code == 200
    assert lab.get(project).json()["cve_allowlist"]["items"] == [{"cve_id": "CVE-7"}]
    expired = {"cve_allowlist": {"items": [{"cve_id": "CVE-7"}], "expires_at": 1}}
    lab.call("PUT", project, who="admin", json=expired).raise_for_status()
    assert lab.get(manifest).status_code == 412


def test_the_systems_allowlist_is_for_everybody_to_read(lab: Any) -> None:
    """Any known caller reads it, only the administrator writes it."""
    path = "/api/v2.0/system/CVEAllowlist"
    told = {"items": [{"cve_id": "CVE-1"}], "expires_at": 1798761600}
    assert lab.call("PUT", path, who="robot$orch", json=told).status_code == 403
    lab.call("PUT", path, who="admin", json=told).raise_for_status()
    found = lab.get(path).json()
    assert (found["items"], found["expires_at"], found["project_id"]) == (
        [{"cve_id": "CVE-1"}],
        1798761600,
        0,
    )
    assert lab.call("GET", path).status_code == 401


def test_the_demo_has_something_to_import_and_to_exempt(serve: Any) -> None:
    """Its robot may read three preheat policies and an allowlist that spares a Critical image."""
    state = HarborState()
    fill(state, "demo", now=datetime(2026, 11, 24, 9, 0, tzinfo=UTC))
    with serve(state) as lab:
        account: dict[str, Any] = {"who": ROBOT, "secret": ROBOT_SECRET}
        found = [
            row["name"]
            for project in ("web", "payments", "ml", "library")
            for row in lab.call(
                "GET", f"/api/v2.0/projects/{project}/preheat/policies", **account
            ).json()
        ]
        assert found == ["frontends", "approved", "Serving_old"]
        project = lab.call("GET", "/api/v2.0/projects/payments", **account).json()
        allowed = {item["cve_id"] for item in project["cve_allowlist"]["items"]}
        base = "/api/v2.0/projects/payments/repositories/settlement/artifacts/latest"
        (report,) = lab.call("GET", f"{base}/additions/vulnerabilities", **account).json().values()
        worst = {row["id"] for row in report["vulnerabilities"] if row["severity"] == "Critical"}
        assert worst
        assert worst <= allowed
