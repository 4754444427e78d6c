"""The gate on scan results: Harbor's order, told reasons, and no question that decides nothing."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from textwrap import dedent

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from preheat.artifact import Artifact, ScanSummary
from preheat.facts import Allowlist, Answer, Inquiry, Kind, Question, Report, Vulnerability
from preheat.plan import Waiting
from preheat.policy.criteria import vulnerabilities
from preheat.policy.criteria.vulnerabilities import (
    Excuse,
    OnMissingScan,
    VulnerabilitiesSpec,
    VulnerabilityGate,
)
from preheat.policy.part import At
from preheat.policy.severity import Bar
from preheat.policy.yamltext import parse

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
ARTIFACT = Artifact("harbor_default", "web", "app", "sha256:1")
REPORT = Question.of_artifact(Kind.REPORT, ARTIFACT)
FINDINGS = Question.of_artifact(Kind.VULNERABILITIES, ARTIFACT)
ALLOWLIST = Question.of_project(ARTIFACT)


def scanned(severity: str, status: str = "Success", *, age: timedelta = timedelta(0)) -> Report:
    """Make the answer on a scan."""
    return Report(ScanSummary(status, severity, NOW - age))


def finding(number: int, severity: str) -> Vulnerability:
    """Make a finding."""
    return Vulnerability(f"CVE-2026-{number}", severity)


def judge(
    gate: VulnerabilityGate, facts: dict[Question, Answer]
) -> tuple[str | None, str | None, set[Kind]]:
    """Give code, detail, and the kinds of questions that stay open."""
    inquiry = Inquiry(facts)
    reason = gate.judge(ARTIFACT, inquiry, NOW, ())
    kinds = {question.kind for question in inquiry.open}
    return (reason.code.value, reason.detail, kinds) if reason else (None, None, kinds)


def excuse(number: int, until: date = date(2026, 12, 31)) -> Excuse:
    """Excuse a finding."""
    return Excuse(f"CVE-2026-{number}", until, "not reachable")


def test_the_example_loads() -> None:
    """What the docstring shows makes this gate; every key of it stands there."""
    document = parse(dedent(str(vulnerabilities.__doc__).split("::\n\n")[1]), "example")
    assert isinstance(document.data, dict)
    spec = VulnerabilitiesSpec.model_validate(document.data["vulnerabilities"])
    assert spec.model_fields_set == set(VulnerabilitiesSpec.model_fields)
    assert spec.build(At(document, ("vulnerabilities",))) == VulnerabilityGate(
        bar=Bar.HIGH,
        on_missing=OnMissingScan.WAIT_FOR_SCAN,
        max_report_age=timedelta(days=7),
        excuses=(Excuse("CVE-2026-12345", date(2026, 12, 31), "not reachable, SEC-991", 6),),
        use_project_allowlist=True,
        line=1,
    )


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({}, "Field required"),
        ({"rejectSeverity": "negligible"}, "Input should be 'low', 'medium', 'high' or 'critical'"),
        ({"rejectSeverity": "high", "onMissing": "wait"}, "'waitForScan'"),
        ({"rejectSeverity": "high", "maxReportAge": "24"}, "'24' is not a duration"),
        ({"rejectSeverity": "high", "cveAllowlist": []}, "at least 1 item"),
        ({"rejectSeverity": "high", "cveAllowlist": [{"id": "CVE-1"}]}, "until"),
        (
            {
                "rejectSeverity": "high",
                "cveAllowlist": [{"id": "CVE-1", "until": "2026-12-31", "reason": "x"}] * 2,
            },
            "'cveAllowlist' holds CVE-1 twice",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused(data: dict[str, object], words: str) -> None:
    """A bar is needed, and an exception without an end or a reason is none."""
    with pytest.raises(ValidationError, match=words):
        VulnerabilitiesSpec.model_validate(data)


@pytest.mark.parametrize("bar", list(Bar))
@pytest.mark.parametrize(
    "severity", ["None", "Unknown", "Negligible", "Low", "Medium", "High", "Critical", "Awful", ""]
)
def test_the_bar_is_harbors(bar: Bar, severity: str) -> None:
    """As Harbor's "strictly lower" passes: None and Unknown are 0, unheard-of words are 99."""
    code = {"None": 0, "Unknown": 0, "Negligible": 1, "Low": 2, "Medium": 3, "High": 4}
    code["Critical"] = 5
    harbor_passes = code.get(severity, 99) < {"low": 2, "medium": 3, "high": 4, "critical": 5}[bar]
    found, _, still = judge(VulnerabilityGate(bar), {REPORT: scanned(severity)})
    assert (found, still) == (None if harbor_passes else "SEVERITY", set())


def test_a_severe_finding_is_named_with_the_bar() -> None:
    """Value met and value wanted, and the line of the gate."""
    inquiry = Inquiry({REPORT: scanned("High")})
    reason = VulnerabilityGate(Bar.MEDIUM, line=9).judge(ARTIFACT, inquiry, NOW, ())
    assert reason is not None
    assert reason.detail == "its worst finding is High; the policy rejects medium and above"
    assert reason.line == 9
    _, detail, _ = judge(VulnerabilityGate(Bar.CRITICAL), {REPORT: scanned("Awful")})
    assert detail == (
        "its worst finding is 'Awful', which counts as the highest; the policy rejects critical"
    )


def test_the_report_is_asked_for_first() -> None:
    """Nothing else is asked before the summary is known."""
    gate = VulnerabilityGate(Bar.HIGH, excuses=(excuse(1),), use_project_allowlist=True)
    assert judge(gate, {}) == (None, None, {Kind.REPORT})


@pytest.mark.parametrize(
    ("scan", "on_missing", "detail"),
    [
        (None, "reject", "it was never scanned; scan it in Harbor, or set onMissing: allow"),
        (
            "Running",
            "reject",
            "its scan is not finished (Running); wait for it, or set onMissing: allow",
        ),
        (
            "Error",
            "reject",
            (
                "its last scan did not succeed (Error); scan it again in Harbor, or set onMissing:"
                " allow"
            ),
        ),
        (
            None,
            "waitForScan",
            (
                "it was never scanned; the policy waits for it (onMissing: waitForScan);"
                " the next run looks again"
            ),
        ),
        (None, "allow", None),
        ("Error", "allow", None),
        ("Pending", "allow", None),
    ],
)
def test_a_scan_that_did_not_succeed_is_missing(
    scan: str | None, on_missing: str, detail: str | None
) -> None:
    """A failed scan is no clean one (recorded: artifact-scan-overview-scanfail, no severity)."""
    gate = VulnerabilityGate(Bar.HIGH, OnMissingScan(on_missing))
    report = Report() if scan is None else scanned("", scan)
    code = None if detail is None else "NO_SCAN"
    assert judge(gate, {REPORT: report}) == (code, detail, set())


def test_what_harbor_does_not_tell_is_refused() -> None:
    """A deleted artifact is not an unscanned one: even ``allow`` refuses what nobody can know."""
    code, detail, _ = judge(VulnerabilityGate(Bar.HIGH, OnMissingScan.ALLOW), {REPORT: None})
    assert code == "NO_SCAN"
    assert detail is not None
    assert detail.startswith("Harbor does not tell whether it was scanned")


@pytest.mark.parametrize("on_missing", list(OnMissingScan))
def test_an_old_report_is_stale(on_missing: OnMissingScan) -> None:
    """Whatever ``onMissing`` says; the bound itself is still fresh."""
    gate = VulnerabilityGate(Bar.HIGH, on_missing, timedelta(days=1))
    assert judge(gate, {REPORT: scanned("None", age=timedelta(hours=76))})[:2] == (
        "SCAN_STALE",
        "the scan is 3d 4h old; maxReportAge is 1d; scan it again in Harbor",
    )
    assert judge(gate, {REPORT: scanned("None", age=timedelta(days=1))})[0] is None
    undated = Report(ScanSummary("Success", "None"))
    assert judge(gate, {REPORT: undated})[0] == "SCAN_STALE"


def test_findings_are_looked_up_only_where_an_entry_could_excuse_them() -> None:
    """Not below the bar, not without an entry, not for one that has expired."""
    severe, fine = {REPORT: scanned("High")}, {REPORT: scanned("Low")}
    yesterday = date(2026, 11, 23)
    assert judge(VulnerabilityGate(Bar.HIGH), severe)[2] == set()
    assert judge(VulnerabilityGate(Bar.HIGH, excuses=(excuse(1),)), fine)[2] == set()
    assert judge(VulnerabilityGate(Bar.HIGH, excuses=(excuse(1, yesterday),)), severe)[2] == set()
    assert judge(VulnerabilityGate(Bar.HIGH, excuses=(excuse(1),)), severe) == (
        None,
        None,
        {Kind.VULNERABILITIES},
    )


def test_the_projects_allowlist_is_asked_for_before_the_findings() -> None:
    """An empty one excuses nothing, so the findings need not be read."""
    gate = VulnerabilityGate(Bar.HIGH, use_project_allowlist=True)
    severe = {REPORT: scanned("High")}
    assert judge(gate, severe)[2] == {Kind.ALLOWLIST}
    assert judge(gate, {**severe, ALLOWLIST: Allowlist()})[0] == "SEVERITY"
    some = Allowlist(frozenset({"CVE-2026-1"}))
    assert judge(gate, {**severe, ALLOWLIST: some})[2] == {Kind.VULNERABILITIES}
    both = VulnerabilityGate(Bar.HIGH, excuses=(excuse(1),), use_project_allowlist=True)
    assert judge(both, severe)[2] == {Kind.ALLOWLIST, Kind.VULNERABILITIES}


def test_excused_findings_do_not_count() -> None:
    """The severity is that of the rest."""
    found = (finding(1, "Critical"), finding(2, "High"), finding(3, "Low"))
    facts: dict[Question, Answer] = {REPORT: scanned("Critical"), FINDINGS: found}
    gate = VulnerabilityGate(Bar.HIGH, excuses=(excuse(1),))
    assert judge(gate, facts)[:2] == (
        "SEVERITY",
        "its worst finding is High (CVE-2026-2); the policy rejects high and above",
    )
    assert judge(VulnerabilityGate(Bar.CRITICAL, excuses=(excuse(1),)), facts)[0] is None
    shared = VulnerabilityGate(Bar.HIGH, excuses=(excuse(1),), use_project_allowlist=True)
    facts[ALLOWLIST] = Allowlist(frozenset({"CVE-2026-2"}), NOW + timedelta(seconds=1))
    assert judge(shared, facts)[0] is None


def test_many_findings_are_counted() -> None:
    """Two are named, the worst first; a finding in several packages is one."""
    found = (
        *(finding(n, "High") for n in range(5)),
        finding(9, "Critical"),
        finding(9, "Critical"),
    )
    facts: dict[Question, Answer] = {REPORT: scanned("Critical"), FINDINGS: found}
    assert judge(VulnerabilityGate(Bar.HIGH, excuses=(excuse(8),)), facts)[1] == (
        "its worst finding is Critical (CVE-2026-9, CVE-2026-0 and 4 more);"
        " the policy rejects high and above"
    )


def test_an_entry_counts_until_its_last_day_is_over() -> None:
    """The day is included, by UTC, wherever the caller's clock is."""
    entry = excuse(1, date(2026, 11, 24))
    assert not entry.has_expired(datetime(2026, 11, 24, 23, 59, tzinfo=UTC))
    assert entry.has_expired(datetime(2026, 11, 25, 0, 0, tzinfo=UTC))
    tokyo = timezone(timedelta(hours=9))
    assert not entry.has_expired(datetime(2026, 11, 25, 8, 59, tzinfo=tokyo))


def test_an_entry_that_ended_is_told() -> None:
    """In words for the plan, with the line; from the day after its last."""
    entry = Excuse("CVE-2026-1", date(2026, 11, 24), "not reachable", 8)
    gate = VulnerabilityGate(Bar.HIGH, excuses=(entry, excuse(2)))
    assert gate.warnings(NOW) == ()
    (warning,) = gate.warnings(NOW + timedelta(days=1))
    assert warning == (
        "The allowlist entry of CVE-2026-1 (line 8) ended on 2026-11-24: it counts for nothing;"
        " prolong it or take it out."
    )


@pytest.mark.parametrize(
    ("status", "waits"), [(None, True), ("Running", True), ("Pending", True), ("Error", False)]
)
def test_an_image_waits_only_for_a_scan_that_may_come(status: str | None, waits: bool) -> None:
    """Whoever waits is no failure of the run; a scan that failed will not come by itself."""
    scan = None if status is None else ScanSummary(status, "")
    facts: dict[Question, Answer] = {REPORT: Report(scan)}
    waiting = VulnerabilityGate(Bar.HIGH, OnMissingScan.WAIT_FOR_SCAN)
    refusing = VulnerabilityGate(Bar.HIGH)
    assert isinstance(waiting.judge(ARTIFACT, Inquiry(facts), NOW, ()), Waiting) is waits
    assert not isinstance(refusing.judge(ARTIFACT, Inquiry(facts), NOW, ()), Waiting)


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({FINDINGS: None}, "the findings cannot be read, so none is excused"),
        ({FINDINGS: ()}, "its report does not name it, so none is excused"),
        ({FINDINGS: (finding(1, "Low"),)}, "its report does not name it, so none is excused"),
    ],
)
def test_findings_that_do_not_explain_the_summary_excuse_nothing(
    facts: dict[Question, Answer], words: str
) -> None:
    """A list that is unreadable or shows less than the summary must not open the gate."""
    gate = VulnerabilityGate(Bar.HIGH, excuses=(excuse(1),))
    code, detail, _ = judge(gate, {REPORT: scanned("High"), **facts})
    assert code == "SEVERITY"
    assert detail is not None
    assert detail.endswith(words)


@pytest.mark.parametrize(
    ("allowlist", "words"),
    [
        (None, "the project's allowlist cannot be read"),
        (Allowlist(frozenset({"CVE-2026-1"}), NOW), "the project's allowlist has expired"),
    ],
)
def test_a_project_allowlist_that_does_not_hold_excuses_nothing(
    allowlist: Allowlist | None, words: str
) -> None:
    """It is told, and the findings are not even read."""
    gate = VulnerabilityGate(Bar.HIGH, use_project_allowlist=True)
    code, detail, still = judge(gate, {REPORT: scanned("High"), ALLOWLIST: allowlist})
    assert (code, still) == ("SEVERITY", set())
    assert detail is not None
    assert detail.endswith(words)


severities = st.sampled_from(["None", "Unknown", "Negligible", "Low", "Medium", "High", "Critical"])
findings = st.lists(st.builds(finding, st.integers(0, 6), severities), max_size=6).map(tuple)


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(Bar), findings, st.sets(st.integers(0, 6)), severities)
def test_a_lower_bar_and_fewer_excuses_never_let_more_through(
    bar: Bar, found: tuple[Vulnerability, ...], excused: set[int], severity: str
) -> None:
    """Tightening the gate never opens it."""
    facts: dict[Question, Answer] = {REPORT: scanned(severity), FINDINGS: found}
    entries = tuple(excuse(number) for number in sorted(excused))
    code, _, still = judge(VulnerabilityGate(bar, excuses=entries), facts)
    assert not still
    if code is not None:
        lower = [each for each in Bar if each.rank <= bar.rank]
        assert all(judge(VulnerabilityGate(each, excuses=entries), facts)[0] for each in lower)
        assert judge(VulnerabilityGate(bar, excuses=entries[1:]), facts)[0] is not None
