"""The stand-in's answers beside recorded ones: status, headers, bodies of errors, shapes of rows.

Each case replays the recorded request, by the same kind of caller, against the same lab.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

import pytest

HEADERS = (
    *("Content-Type", "Www-Authenticate", "Docker-Distribution-Api-Version"),
    *("Oci-Filters-Applied", "Location"),
)
PRESENT = ("Link", "X-Total-Count", "X-Request-Id", "Docker-Content-Digest", "Etag")


@dataclass(frozen=True)
class Case:
    """One recording to replay.

    :param artifact: ``repository:tag`` whose digest stands for the recorded one in the path.
    :param tokens: repositories that the recorded bearer token was for.
    :param secret: what the recorded caller sent.
    """

    name: str
    artifact: str = ""
    tokens: tuple[str, ...] = ()
    secret: str = "right-secret"


WRONG = {"secret": "wrong-secret"}
FRONTEND, APP = "team-a/web/frontend:v1.1.0", "team-a/deep/nested/path/app:v3"
TOKEN = {"tokens": ("team-a/web/frontend",)}

WORD_FOR_WORD = """
    api-version ping health-all-healthy method-not-allowed unknown-route users-current-robot
    permissions-robot systeminfo-anonymous labels-without-scope search-robot
    project-missing-admin project-missing-anonymous project-missing-robot
    project-private-anonymous project-forbidden-project-robot project-by-numeric-name-header
    project-minimal-robot-no-project-read
    projects-q-bad-range projects-q-malformed projects-q-semicolon projects-robot-page-beyond
    repository-missing repository-single-not-encoded repositories-wrong-project
    artifact-bad-reference artifact-digest-not-found artifact-repo-not-found
    artifact-tag-not-found artifacts-anonymous-private artifacts-forbidden-robot
    artifacts-missing-project-robot artifacts-missing-repository artifacts-pullonly-robot
    project-artifacts-anonymous-public project-artifacts-forbidden-robot
    project-artifacts-missing-project-admin project-artifacts-missing-project-robot
    project-artifacts-latest-in-repository-no-q
    project-artifacts-page-size-101 project-artifacts-page-size-text
    project-artifacts-q-labels-name project-artifacts-q-labels-or project-artifacts-q-tags-list
    project-artifacts-q-push-time-garbage project-artifacts-q-push-time-future
    project-artifacts-q-type-lower
    artifact-label-add-forbidden artifact-label-remove robot-create-forbidden
    robot-create-bad-name robot-create-duration-zero robot-create-bad-permission
    token-post token-wrong-service service-unauthorized-v2-base v2-public-no-auth
    v2-blob-no-auth v2-manifest-no-auth v2-catalog-robot v2-manifest-forbidden-robot
    v2-tags-list
    auditlog-ext-anonymous auditlog-ext-events auditlog-ext-label auditlog-ext-project-robot
    auditlog-ext-project-scope-forbidden auditlog-ext-user
    webhook-events webhook-policy-create-bad-event webhook-policy-create-bad-format
    webhook-policy-create-no-events webhook-policy-create-robot-forbidden
    webhook-policy-create-slack-cloudevents
"""
EXACT = [
    *map(Case, WORD_FOR_WORD.split()),
    Case("systeminfo-robot-wrong-secret", **WRONG),
    Case("users-current-wrong-password", **WRONG),
    Case("artifacts-wrong-credentials-private", **WRONG),
    Case("api-with-registry-bearer", tokens=("team-a/api",)),
    Case("v2-garbage-token"),
    Case("v2-token-other-project", **TOKEN),
    Case("v2-manifest-get-missing-repo", **TOKEN),
    Case("v2-manifest-get-missing-tag", **TOKEN),
    Case("v2-manifest-head-missing-tag", **TOKEN),
]

SAME_SHAPE = """
    systeminfo-robot systeminfo-admin request-id-echo labels-global labels-project
    project-by-id project-by-name project-summary projects-anonymous projects-user-nonmember
    projects-name-param projects-q-exact projects-q-fuzzy projects-q-list projects-q-range
    projects-q-unknown-key projects-robot-page1 projects-robot-page2 projects-project-robot
    repositories-team-a repositories-global repositories-global-project-robot
    repositories-q-name-exact repositories-q-name-short repository-single-double-encoded
    repository-single-encoded-once
    artifact-docker-schema2 artifact-helm artifact-index-by-tag artifact-signed-index
    artifact-with-accessory artifact-accessories-list
    artifact-accessories-cosign-tag tags-list
    artifacts-frontend-default artifacts-frontend-encoded-once artifacts-frontend-no-tags
    artifacts-frontend-all-flags artifacts-anonymous-public artifacts-minimal-robot
    artifacts-repo-with-accessories-only-visible
    project-artifacts-default project-artifacts-keyset project-artifacts-keyset-gt-suffix
    project-artifacts-minimal-robot project-artifacts-page-0 project-artifacts-page-size-0
    project-artifacts-page-size-minus1 project-artifacts-page-size-100
    project-artifacts-page2-link project-artifacts-q-base-star project-artifacts-q-labels-one
    project-artifacts-q-push-time-blank-layout project-artifacts-q-repository-name
    project-artifacts-q-tags-any project-artifacts-q-tags-exact project-artifacts-q-tags-fuzzy
    project-artifacts-q-tags-nil project-artifacts-q-type-image
    project-artifacts-q-unknown-key project-artifacts-sort-unknown
    project-artifacts-q-extra-attrs-arch
    robot-create-project robot-create-system robots-list
    token-anonymous-private token-anonymous-public token-no-scope token-pull-robot
    token-missing-project token-multi-scope token-pull-project-robot
    v2-catalog-admin v2-manifest-head-basic-robot
    auditlog-ext-list auditlog-ext-page2 auditlog-ext-id-keyset auditlog-ext-push auditlog-ext-pull
    auditlog-ext-tag auditlog-ext-delete auditlog-ext-q-fuzzy-resource auditlog-ext-project-scope
"""
SHAPED = [
    *map(Case, SAME_SHAPE.split()),
    Case("projects-wrong-credentials", **WRONG),
    Case("token-wrong-secret", **WRONG),
    Case("artifact-index-by-digest", APP),
    Case("tags-list-by-digest", FRONTEND),
    Case("v2-manifest-get-bearer", **TOKEN),
    Case("v2-manifest-get-by-digest", FRONTEND, **TOKEN),
    Case("v2-manifest-head-bearer", **TOKEN),
    Case("v2-token-other-repo-same-project", **TOKEN),
    Case("v2-multi-scope-token-second-project", tokens=("team-a/api", "hooks/multi")),
    Case("v2-public-anonymous-token", tokens=("public-lib/busy",)),
    Case("v2-referrers", "team-a/signed:2.0"),
    Case("v2-referrers-filter", "team-a/signed:2.0"),
]


def replay(lab: Any, case: Case, recording: dict[str, Any]) -> Any:
    """Send the recorded request as the recorded kind of caller."""
    request = recording["request"]
    headers = dict(request["headers"])
    sent = headers.pop("Authorization", "")
    account = re.match(r"Basic <([^:>]+):", sent)
    path = request["path"]
    if case.artifact:
        digest = lab.state.find(*case.artifact.split(":")).digest
        path = re.sub(r"sha256:[0-9a-f]{64}", digest, path)
    if sent.startswith("Bearer"):
        headers |= lab.bearer(*case.tokens) if case.tokens else {"Authorization": "Bearer x.y.z"}
    return lab.call(
        request["method"],
        path,
        who=account[1] if account else "",
        secret=case.secret,
        headers=headers,
        data=request["body"],
    )


def same_frame(lab: Any, answer: Any, recording: dict[str, Any]) -> None:
    """Compare status and headers."""
    theirs = {key.title(): value for key, value in recording["response"]["headers"].items()}
    ours = {
        key.title(): value.replace(lab.url[7:], "HOST") for key, value in answer.headers.items()
    }
    assert answer.status_code == recording["response"]["status"], answer.text
    for name in HEADERS:
        assert blurred(ours.get(name)) == blurred(theirs.get(name)), name
    for name in PRESENT:
        assert (name in ours) == (name in theirs), name
    assert ("Set-Cookie" in ours) == ("Set-Cookie (Names)" in theirs)


def blurred(value: str | None) -> str | None:
    """Take ids out of a header."""
    return re.sub(r"/\d+$", "/ID", value) if value else value


def kind(row: Any) -> str:
    """Tell an artifact's kind; other rows are all of one kind."""
    if not isinstance(row, dict) or "manifest_media_type" not in row:
        return ""
    windows = "OsVersion" in json.dumps(row)
    return f"{row['type']}{' index' if row['references'] else ''}{' windows' if windows else ''}"


def comparable(ours: dict[str, set[str]], theirs: dict[str, set[str]]) -> set[str]:
    """Leave out kinds of rows that only one side has on its page."""
    kinds = [
        set(re.findall(r"^\[[^\]]*\]", "\n".join(side), re.MULTILINE)) for side in (ours, theirs)
    ]
    assert kinds[0] & kinds[1] or kinds == [set(), set()]
    alone = tuple(kinds[0] ^ kinds[1])
    return {path for path in ours.keys() | theirs.keys() if not path.startswith(alone)}


def shapes(value: Any, path: str = "") -> dict[str, set[str]]:
    """Tell the types at every path of a JSON value; rows of one kind count together."""
    found: dict[str, set[str]] = {path: {type(value).__name__}}
    parts: list[tuple[str, Any]] = []
    if isinstance(value, dict):
        parts = [(f"{path}.{key}", part) for key, part in value.items()]
    elif isinstance(value, list):
        parts = [(f"{path}[{kind(part)}]", part) for part in value]
    for below, part in parts:
        for name, kinds in shapes(part, below).items():
            found.setdefault(name, set()).update(kinds)
    return found


OWN = re.compile(
    # What is inside configs and annotations is the image's own, not Harbor's.
    r"extra_attrs\.(config|descriptor)|annotations"
)


@pytest.mark.parametrize("case", EXACT, ids=lambda case: case.name)
def test_an_answer_is_word_for_word_the_recorded_one(
    case: Case, shared_lab: Any, recorded: Any
) -> None:
    """Errors and fixed answers have Harbor's status, headers and words."""
    recording = recorded(case.name)
    answer = replay(shared_lab, case, recording)
    same_frame(shared_lab, answer, recording)
    text = recording["response"]["body_text"]
    assert answer.text.replace(shared_lab.url[7:], "HOST") == text


@pytest.mark.parametrize("case", SHAPED, ids=lambda case: case.name)
def test_an_answer_has_the_shape_of_the_recorded_one(
    case: Case, shared_lab: Any, recorded: Any
) -> None:
    """Rows have Harbor's keys and types, null where it says null; headers are the same."""
    recording = recorded(case.name)
    answer = replay(shared_lab, case, recording)
    same_frame(shared_lab, answer, recording)
    if recording["request"]["method"] == "HEAD":
        assert answer.content == b""
        return
    theirs, ours = shapes(json.loads(recording["response"]["body_text"])), shapes(answer.json())
    for path in sorted(comparable(ours, theirs)):
        if not OWN.search(path):
            assert ours.get(path) == theirs.get(path), path


def test_a_windows_child_keeps_harbor_s_odd_platform_keys(lab: Any, recorded: Any) -> None:
    """OsVersion and OsFeatures, and with a scanner a link with a double slash."""
    lab.state.settings.scanner = True
    recording = recorded("artifact-index-windows-os-version")
    answer = replay(lab, Case(recording["name"]), recording)
    assert shapes(answer.json()) == shapes(json.loads(recording["response"]["body_text"]))
    assert "artifacts//additions" in answer.text


@pytest.mark.parametrize("name", ["crit", "clean", "scanfail"])
def test_a_scan_overview_has_the_shape_of_the_recorded_one(
    name: str, lab: Any, recorded: Any, scan: Any
) -> None:
    """A scan shows its summary; a failed one shows neither severity nor scanner."""
    case = Case(f"artifact-scan-overview-{name}")
    found = {"crit": {"Critical": 1, "Low": 1}}.get(name, {})
    scan(lab.state, f"team-a/{name}-app", "Error" if name == "scanfail" else "Success", **found)
    recording = recorded(case.name)
    ours = replay(lab, case, recording).json()["scan_overview"]
    theirs = json.loads(recording["response"]["body_text"])["scan_overview"]
    assert shapes(ours) == shapes(theirs)
    summary = next(iter(theirs.values())).get("summary")
    assert next(iter(ours.values())).get("summary") in (
        summary,
        summary and summary | {"fixable": 1},
    )


def test_an_index_merges_its_children_s_scans(lab: Any, recorded: Any, scan: Any) -> None:
    """Scanners look at the children; the index adds them up (recorded: …-scan-overview-index)."""
    recording = recorded("artifact-scan-overview-index")
    ours = replay(lab, Case("artifact-scan-overview-index"), recording).json()
    assert "scan_overview" not in ours
    app = lab.state.repository("team-a/deep/nested/path/app")
    scan(lab.state, app.name, Low=1)
    app.tags["v3"].artifact.scan = None
    ours = replay(lab, Case("artifact-scan-overview-index"), recording).json()["scan_overview"]
    theirs = json.loads(recording["response"]["body_text"])["scan_overview"]
    assert shapes(ours) == shapes(theirs)


@pytest.mark.parametrize(
    ("name", "metadata", "status", "counts"),
    [
        ("v2-cosign-required-unsigned-refused", {"enable_content_trust_cosign": "true"}, "", {}),
        ("v2-prevent-vul-unscanned-refused", {"prevent_vul": "true", "severity": "high"}, "", {}),
        (
            "v2-prevent-vul-scan-failed-refused",
            {"prevent_vul": "true", "severity": "high"},
            "Error",
            {},
        ),
        (
            "v2-prevent-vul-critical-refused",
            {"prevent_vul": "true", "severity": "high"},
            "Success",
            {"Critical": 1, "Low": 1},
        ),
        (
            "v2-prevent-vul-critical-head-refused",
            {"prevent_vul": "true", "severity": "high"},
            "Success",
            {"Critical": 1, "Low": 1},
        ),
        (
            "v2-prevent-vul-clean-allowed",
            {"prevent_vul": "true", "severity": "high"},
            "Success",
            {},
        ),
    ],
)
def test_a_project_s_policy_refuses_manifests_in_harbor_s_words(
    name: str, metadata: Any, status: str, counts: Any, lab: Any, recorded: Any, scan: Any
) -> None:
    """Unsigned, unscanned and vulnerable images are 412 PROJECTPOLICYVIOLATION."""
    lab.state.settings.scanner = True
    lab.state.projects["team-a"].metadata.update(metadata)
    recording = recorded(name)
    repository = recording["request"]["path"].removeprefix("/v2/").partition("/manifests")[0]
    if status:
        scan(lab.state, repository, status, **counts)
    answer = replay(lab, Case(name), recording)
    same_frame(lab, answer, recording)
    if answer.status_code == 412:
        assert answer.text == recording["response"]["body_text"]
