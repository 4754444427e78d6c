"""Answers to a plan's questions, out of recorded answers."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from preheat.artifact import Blob, Image, ScanSummary
from preheat.errors import RefusedError, RemoteUnavailableError
from preheat.facts import Allowlist, Kind, Question, Report, Vulnerability

if TYPE_CHECKING:
    from conftest import Replay
    from preheat.facts import Answer
    from preheat.harbor.client import HarborClient

CRIT = "sha256:f95aaf8b52a0d241eba4e4a0be3920a4aec76ce313b5b36292e326af434141d4"
MANIFEST = "sha256:305e38c3872de911d99239853e8cf9b3e1163c03abfd6bea56b08e31aa43a762"
CONFIG = "sha256:8202d35dd45534fe48fe0bbb2d3d1df91f10e63beef148e6e4318f31360d3d7f"
LAYER = "sha256:c16213f59b49d9cb4860ef057fb6803616e44c6a982b38f5d074f8f958a90180"
PROJECT = "/api/v2.0/projects/team-a"
SYSTEM_LIST = "/api/v2.0/system/CVEAllowlist"
FORBIDDEN = '{"errors":[{"code":"FORBIDDEN","message":"forbidden"}]}'


@pytest.fixture(autouse=True)
def known(replay: Replay) -> None:
    """Let Harbor know the robot."""
    replay.recorded("/api/v2.0/systeminfo", "systeminfo-robot")


def path(repository: str, digest: str, more: str = "") -> str:
    """Write where Harbor has an artifact."""
    return f"{PROJECT}/repositories/{repository}/artifacts/{digest}{more}"


def ask(client: HarborClient, kind: Kind, repository: str = "", digest: str = "") -> Answer:
    """Ask one question."""
    question = Question(kind, "harbor_default", "team-a", repository, digest)
    (answered,) = client.answer([question]).items()
    assert answered[0] == question
    return answered[1]


def test_report_asks_scan_and_accessories_at_once(replay: Replay, robot: HarborClient) -> None:
    """One request with both report types accepted (recorded: artifact-scan-overview-crit)."""
    replay.recorded(path("crit-app", CRIT), "artifact-scan-overview-crit")
    ended = datetime(2026, 11, 24, 4, 43, 6, tzinfo=UTC)
    report = ask(robot, Kind.REPORT, "crit-app", CRIT)
    assert report == Report(ScanSummary("Success", "Critical", ended), ())
    asked = replay.asked[-1]
    assert "; version=1.1, application/" in asked.headers["X-Accept-Vulnerabilities"]
    assert dict(asked.query) == {
        "with_tag": "false",
        "with_scan_overview": "true",
        "with_accessory": "true",
    }


@pytest.mark.parametrize(
    ("recording", "scan"),
    [
        ("artifact-scan-overview-absent", None),
        (
            "artifact-scan-overview-scanfail",
            ScanSummary("Error", "", datetime(2026, 11, 24, 4, 43, 8, tzinfo=UTC)),
        ),
        (
            "artifact-scan-overview-high",
            ScanSummary("Success", "High", datetime(2026, 11, 24, 4, 43, 7, tzinfo=UTC)),
        ),
    ],
)
def test_report_tells_unscanned_from_failed(
    recording: str, scan: ScanSummary | None, replay: Replay, robot: HarborClient
) -> None:
    """No overview is "never scanned"; a failed scan has a status and no severity."""
    replay.recorded(path("app", CRIT), recording)
    assert ask(robot, Kind.REPORT, "app", CRIT) == Report(scan)


def test_report_names_every_accessory(replay: Replay, robot: HarborClient) -> None:
    """Signatures of both kinds, SBOM and other referrers (recorded: artifact-with-accessory)."""
    replay.recorded(path("signed", CRIT), "artifact-with-accessory")
    kinds = ("signature.cosign", "subject.accessory", "signature.notation", "sbom.harbor")
    assert ask(robot, Kind.REPORT, "signed", CRIT) == Report(None, kinds)


def test_vulnerabilities_are_ids_and_severities(replay: Replay, robot: HarborClient) -> None:
    """The full report gives what an allowlist needs (recorded: artifact-vulnerabilities-…)."""
    where = path("crit-app", CRIT, "/additions/vulnerabilities")
    replay.recorded(where, "artifact-vulnerabilities-addition")
    assert ask(robot, Kind.VULNERABILITIES, "crit-app", CRIT) == (
        Vulnerability("CVE-2099-0002", "Low"),
        Vulnerability("CVE-2099-1-CRITICAL", "Critical"),
    )
    assert "; version=1.1, application/" in replay.asked[-1].headers["X-Accept-Vulnerabilities"]


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("{}", None),
        ('{"a":{"severity":"None","vulnerabilities":null}}', ()),
        ('{"a":{"vulnerabilities":[{"id":"CVE-1"}]}}', (Vulnerability("CVE-1", "Unknown"),)),
    ],
    ids=["no report", "nothing found", "severity not told"],
)
def test_no_report_is_not_no_vulnerabilities(
    body: str, found: Answer, replay: Replay, robot: HarborClient
) -> None:
    """Harbor answers {} for an image without report; a clean one has an empty list."""
    replay.made_up(path("app", CRIT, "/additions/vulnerabilities"), body)
    assert ask(robot, Kind.VULNERABILITIES, "app", CRIT) == found


def test_large_report_is_told_once_by_finding(replay: Replay, robot: HarborClient) -> None:
    """50,000 findings of the same ten CVEs, as a fat image with many packages has, are ten."""
    rows = [
        {"id": f"CVE-{n % 10}", "severity": "High", "package": f"p{n}", "description": "x" * 200}
        for n in range(50_000)
    ]
    body = json.dumps({"a": {"vulnerabilities": rows}})
    replay.made_up(path("app", CRIT, "/additions/vulnerabilities"), body)
    found = ask(robot, Kind.VULNERABILITIES, "app", CRIT)
    assert found == tuple(Vulnerability(f"CVE-{n}", "High") for n in range(10))


def test_project_without_own_list_has_the_systems(replay: Replay, robot: HarborClient) -> None:
    """Harbor reuses the system's list unless the metadata says otherwise; read once for all."""
    replay.recorded(PROJECT, "project-metadata-content-trust")
    replay.recorded(PROJECT.replace("team-a", "web"), "project-by-name")
    replay.made_up(SYSTEM_LIST, '{"items":[{"cve_id":"CVE-1"}],"project_id":0}')
    questions = [Question(Kind.ALLOWLIST, "harbor_default", name) for name in ("team-a", "web")]
    assert robot.answer(questions) == dict.fromkeys(questions, Allowlist(frozenset({"CVE-1"})))
    assert robot.counts == {"system": 1, "project": 2, "allowlist": 1}


@pytest.mark.parametrize(
    ("expires", "at"),
    [
        ("1798761600", datetime(2027, 1, 1, tzinfo=UTC)),
        ("null", None),
        ("99999999999999", datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
    ],
)
def test_own_list_has_an_end(
    expires: str, at: datetime | None, replay: Replay, robot: HarborClient
) -> None:
    """reuse_sys_cve_allowlist=false makes the project's own list count, until it expires."""
    items = '[{"cve_id":"CVE-1"},{"cve_id":"CVE-2"}]'
    told = f'{{"items":{items},"expires_at":{expires}}}'
    metadata = '{"reuse_sys_cve_allowlist":"false"}'
    replay.made_up(PROJECT, f'{{"name":"team-a","metadata":{metadata},"cve_allowlist":{told}}}')
    assert ask(robot, Kind.ALLOWLIST) == Allowlist(frozenset({"CVE-1", "CVE-2"}), at)


def test_image_is_what_its_manifest_lists(replay: Replay, robot: HarborClient) -> None:
    """The only question that reads a manifest (recorded: v2-manifest-get-by-digest)."""
    replay.recorded(f"/v2/team-a/web/frontend/manifests/{MANIFEST}", "v2-manifest-get-by-digest")
    question = Question(
        Kind.IMAGE, "harbor_default", "team-a", "web/frontend", MANIFEST, "linux/amd64"
    )
    image = Image(MANIFEST, "linux/amd64", (Blob(CONFIG, 410), Blob(LAYER, 115)))
    assert robot.answer([question]) == {question: image}
    assert robot.counts == {"system": 1, "manifest": 1}


def test_image_that_policy_forbids_is_not_known(replay: Replay, robot: HarborClient) -> None:
    """Harbor's 412 is about this one image: the plan goes on without its size."""
    replay.recorded(f"/v2/team-a/app/manifests/{CRIT}", "v2-prevent-vul-critical-refused")
    assert ask(robot, Kind.IMAGE, "app", CRIT) is None


@pytest.mark.parametrize("kind", [Kind.REPORT, Kind.VULNERABILITIES, Kind.IMAGE])
def test_what_was_deleted_has_no_answer(kind: Kind, replay: Replay, robot: HarborClient) -> None:
    """Somebody deleted the artifact after the listing: None, not an error."""
    for where in (
        path("app", CRIT),
        path("app", CRIT, "/additions/vulnerabilities"),
        f"/v2/team-a/app/manifests/{CRIT}",
    ):
        replay.recorded(where, "artifact-digest-not-found")
    assert ask(robot, kind, "app", CRIT) is None


@pytest.mark.parametrize(
    ("kind", "where", "permission"),
    [
        (Kind.REPORT, path("app", CRIT), "artifact:read"),
        (
            Kind.VULNERABILITIES,
            path("app", CRIT, "/additions/vulnerabilities"),
            "artifact-addition:read",
        ),
        (Kind.ALLOWLIST, PROJECT, "project:read"),
        (Kind.IMAGE, f"/v2/team-a/app/manifests/{CRIT}", "repository:pull"),
    ],
)
def test_refusal_names_the_permission(
    kind: Kind, where: str, permission: str, replay: Replay, robot: HarborClient
) -> None:
    """A robot that may not is told what it lacks, instead of silently selecting nothing."""
    replay.made_up(where, FORBIDDEN, status=403)
    with pytest.raises(RefusedError, match=permission):
        ask(robot, kind, "app", CRIT)


def test_outage_is_not_an_answer(replay: Replay, robot: HarborClient) -> None:
    """A 503 is no "never scanned": the whole plan is tried again."""
    replay.made_up(path("app", CRIT), "", status=503)
    with pytest.raises(RemoteUnavailableError):
        ask(robot, Kind.REPORT, "app", CRIT)


def test_wrong_credentials_answer_nothing(replay: Replay, robot: HarborClient) -> None:
    """Harbor shows public things to a wrong secret (systeminfo-robot-wrong-secret): refused."""
    replay.answers.clear()
    replay.recorded("/api/v2.0/systeminfo", "systeminfo-robot-wrong-secret")
    with pytest.raises(RefusedError, match="anonymous"):
        ask(robot, Kind.REPORT, "app", CRIT)


def test_each_question_is_asked_once_and_only_this_harbors(
    replay: Replay, robot: HarborClient
) -> None:
    """Repeated questions cost one request; those about another Harbor are left to its client."""
    replay.recorded(path("crit-app", CRIT), "artifact-scan-overview-crit")
    mine = Question(Kind.REPORT, "harbor_default", "team-a", "crit-app", CRIT)
    other = Question(Kind.REPORT, "harbor_other", "team-a", "crit-app", CRIT)
    assert set(robot.answer([mine, other, mine])) == {mine}
    assert robot.answer([other]) == {}
    assert robot.counts == {"system": 1, "artifact": 1}


def test_size_of_an_image_is_told_without_a_pull(replay: Replay, robot: HarborClient) -> None:
    """A preview must not move the pull time that policies order by (retag-step7-pulled)."""
    digest = "sha256:29a1ae2156bf22556c0bf526a5c032a8a18dcd5d397bb913029a054d458c335a"
    name = "deep%252Fnested%252Fpath%252Fapp"
    path = f"/api/v2.0/projects/team-a/repositories/{name}/artifacts/{digest}"
    replay.recorded(path, "artifact-index-child-by-digest")
    question = Question(
        Kind.IMAGE, "harbor_default", "team-a", "deep/nested/path/app", digest, "linux/arm64"
    )
    (answer,) = robot.sizes([question]).values()
    assert isinstance(answer, Image)
    assert (answer.digest, answer.size) == (digest, 887)
    assert robot.counts == {"system": 1, "artifact": 1}
