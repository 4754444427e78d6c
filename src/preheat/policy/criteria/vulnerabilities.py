"""What the scan in Harbor found: refuse images with findings of a severity and above.

``rejectSeverity: high`` refuses High and Critical, as Harbor does ("prevent vulnerable images",
which lets pass what is strictly lower). The order is Harbor's: None and Unknown, Negligible, Low,
Medium, High, Critical; a word that nobody knows counts as the highest. Harbor takes the bar from
the project and throws a policy's own away; here the policy says it.

``onMissing`` says what a missing scan means. A scan that still runs or failed counts as missing.
``reject`` refuses, ``waitForScan`` refuses too and says that the next run looks again, ``allow``
lets pass. Harbor always refuses. A multi-platform image counts as scanned as soon as one of its
platforms is, and shows the worst finding of those: that is Harbor's summary, and all we have.

``maxReportAge`` refuses an older report, whatever ``onMissing`` says: a report that is too old was
not missing, and its age is known.

``cveAllowlist`` excuses findings until a day, included (UTC); afterwards the entry counts for
nothing and the plan warns. ``useProjectAllowlist: true`` excuses what Harbor excuses in the project
too. The findings are looked up only where the worst one is at or above the bar and an allowlist
holds anything; if they cannot be read, nothing is excused.

::

    vulnerabilities:
      rejectSeverity: high
      onMissing: waitForScan
      maxReportAge: 7d
      cveAllowlist:
        - {id: CVE-2026-12345, until: 2026-12-31, reason: "not reachable, SEC-991"}
      useProjectAllowlist: true
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, ClassVar, Self

from pydantic import Field, model_validator

from preheat.facts import Allowlist, Kind, Question, Report
from preheat.plan import Reason, ReasonCode, Waiting
from preheat.policy.fields import Date, Duration, Flag, Strict, Text
from preheat.policy.part import Part
from preheat.policy.severity import Bar, rank, word_for, worst
from preheat.policy.units import format_duration

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date, datetime, timedelta

    from preheat.artifact import Artifact, ScanSummary
    from preheat.facts import Inquiry, Vulnerability
    from preheat.policy.part import At

__all__ = [
    "PART",
    "CveSpec",
    "Excuse",
    "OnMissingScan",
    "VulnerabilitiesSpec",
    "VulnerabilityGate",
]

_UNFINISHED = {"Pending", "Scheduled", "Running"}
_NAMED = 2


class OnMissingScan(StrEnum):
    """What it means when there is no scan that succeeded."""

    REJECT = "reject"
    ALLOW = "allow"
    WAIT_FOR_SCAN = "waitForScan"


class CveSpec(Strict):
    """One entry of ``gates.vulnerabilities.cveAllowlist``."""

    shape: ClassVar[str] = 'a map such as {id: CVE-2026-1, until: 2026-12-31, reason: "why"}'
    id: Text = Field(description="As the scanner writes it, such as `CVE-2026-12345`.")
    until: Date = Field(description="Last day that the entry counts, UTC.")
    reason: Text = Field(description="Why the finding does no harm; for whoever reads the policy.")


class VulnerabilitiesSpec(Strict):
    """``gates.vulnerabilities``."""

    later: ClassVar[frozenset[str]] = frozenset({"onlyFixable"})
    shape: ClassVar[str] = "a map such as {rejectSeverity: high}"
    reject_severity: Bar = Field(description="Images with a finding this bad or worse are refused.")
    on_missing: OnMissingScan = Field(
        OnMissingScan.REJECT,
        description="What an image without a successful scan means: `reject`; `allow`;"
        " `waitForScan`, refused in this run and looked at again in the next.",
    )
    max_report_age: Duration | None = Field(
        None, description="A report older than this is refused, whatever `onMissing` says."
    )
    cve_allowlist: Annotated[tuple[CveSpec, ...], Field(min_length=1, max_length=1000)] = Field(
        (), description="Findings that do not count, each with a last day and a reason."
    )
    use_project_allowlist: Flag = Field(
        default=False, description="Also excuse what the project's CVE allowlist in Harbor excuses."
    )

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        seen: set[str] = set()
        for entry in self.cve_allowlist:
            if entry.id in seen:
                raise ValueError(f"'cveAllowlist' holds {entry.id} twice; keep one of the two")
            seen.add(entry.id)
        return self

    def build(self, at: At) -> VulnerabilityGate:
        """Make the gate."""
        entries = at / "cveAllowlist"
        return VulnerabilityGate(
            bar=self.reject_severity,
            on_missing=self.on_missing,
            max_report_age=self.max_report_age,
            excuses=tuple(
                Excuse(entry.id, entry.until, entry.reason, (entries / n).line)
                for n, entry in enumerate(self.cve_allowlist)
            ),
            use_project_allowlist=self.use_project_allowlist,
            line=at.line,
        )


@dataclass(frozen=True, slots=True)
class Excuse:
    """A finding that does not count for a while.

    :param until: last day, included, UTC.
    """

    id: str
    until: date
    reason: str = ""
    line: int | None = None

    def has_expired(self, now: datetime) -> bool:
        """Whether the entry counts for nothing any more."""
        return now.astimezone(UTC).date() > self.until


@dataclass(frozen=True, slots=True)
class VulnerabilityGate:
    """Keeps artifacts whose last scan found nothing at or above the bar.

    Severities and statuses are Harbor's (harbor: src/pkg/scan/vuln/severity.go and util.go).
    """

    bar: Bar
    on_missing: OnMissingScan = OnMissingScan.REJECT
    max_report_age: timedelta | None = None
    excuses: tuple[Excuse, ...] = ()
    use_project_allowlist: bool = False
    line: int | None = None
    name: ClassVar[str] = "vulnerabilities"

    def warnings(self, now: datetime) -> tuple[str, ...]:
        """Tell the entries of the allowlist that count for nothing any more."""
        return tuple(
            f"The allowlist entry of {excuse.id} (line {excuse.line}) ended on {excuse.until}: it"
            " counts for nothing; prolong it or take it out."
            for excuse in self.excuses
            if excuse.has_expired(now)
        )

    def judge(
        self, artifact: Artifact, inquiry: Inquiry, now: datetime, platforms: tuple[str, ...]
    ) -> Reason | None:
        """Give the reason why the artifact is out; None if it passes or the answer is open."""
        del platforms  # Harbor's summary is of the whole artifact
        question = Question.of_artifact(Kind.REPORT, artifact)
        if not inquiry.knows(question):
            return None
        report = inquiry.facts[question]
        if not isinstance(report, Report):
            met = "Harbor does not tell whether it was scanned: it is gone, or the account may not"
            return self._reason(ReasonCode.NO_SCAN, f"{met} read it")
        scan = report.scan
        if scan is None or scan.status != "Success":
            return self._missing(scan)
        stale = self._stale(scan, now)
        if stale is not None:
            return stale
        if rank(scan.severity) < self.bar.rank:
            return None
        return self._weigh(artifact, scan, inquiry, now)

    def _missing(self, scan: ScanSummary | None) -> Reason | None:
        if self.on_missing is OnMissingScan.ALLOW:
            return None
        if scan is None:
            met, remedy = "it was never scanned", "scan it in Harbor"
        elif scan.status in _UNFINISHED:
            met, remedy = f"its scan is not finished ({scan.status})", "wait for it"
        else:
            met, remedy = (
                f"its last scan did not succeed ({scan.status})",
                "scan it again in Harbor",
            )
        wanted = f"{remedy}, or set onMissing: allow"
        comes = scan is None or scan.status in _UNFINISHED
        if comes and self.on_missing is OnMissingScan.WAIT_FOR_SCAN:
            wanted = "the policy waits for it (onMissing: waitForScan); the next run looks again"
            return Waiting(ReasonCode.NO_SCAN, f"{met}; {wanted}", "", self.line)
        return self._reason(ReasonCode.NO_SCAN, f"{met}; {wanted}")

    def _stale(self, scan: ScanSummary, now: datetime) -> Reason | None:
        if self.max_report_age is None:
            return None
        met = "Harbor does not tell when the scan ended"
        if scan.end_time is not None:
            age = now - scan.end_time
            if age <= self.max_report_age:
                return None
            met = f"the scan is {format_duration(age)} old"
        wanted = f"maxReportAge is {format_duration(self.max_report_age)}"
        return self._reason(ReasonCode.SCAN_STALE, f"{met}; {wanted}; scan it again in Harbor")

    def _weigh(
        self, artifact: Artifact, scan: ScanSummary, inquiry: Inquiry, now: datetime
    ) -> Reason | None:
        """Look whether allowlists excuse all that is at or above the bar."""
        own = frozenset(excuse.id for excuse in self.excuses if not excuse.has_expired(now))
        shared, unread = self._project_allowlist(artifact, inquiry, now)
        question = Question.of_artifact(Kind.VULNERABILITIES, artifact)
        if (own or shared) and not inquiry.knows(question):
            return None
        if shared is None:
            return None
        if not own and not shared:
            return self._severe(scan.severity, unread)
        found = inquiry.facts[question]
        if not isinstance(found, tuple):
            return self._severe(scan.severity, "; the findings cannot be read, so none is excused")
        if worst(found) < rank(scan.severity):
            return self._severe(scan.severity, "; its report does not name it, so none is excused")
        left = [each for each in found if each.id not in own | shared]
        return self._judge_findings(left, unread)

    def _project_allowlist(
        self, artifact: Artifact, inquiry: Inquiry, now: datetime
    ) -> tuple[frozenset[str] | None, str]:
        """Give what the project excuses, None while it is open, and words if nobody could tell."""
        if not self.use_project_allowlist:
            return frozenset(), ""
        question = Question.of_project(artifact)
        if not inquiry.knows(question):
            return None, ""
        allowlist = inquiry.facts[question]
        if not isinstance(allowlist, Allowlist):
            return frozenset(), "; the project's allowlist cannot be read"
        if allowlist.expires_at is not None and now >= allowlist.expires_at:
            return frozenset(), "; the project's allowlist has expired"
        return allowlist.ids, ""

    def _judge_findings(self, left: Iterable[Vulnerability], unread: str) -> Reason | None:
        severe = sorted(
            (each for each in left if rank(each.severity) >= self.bar.rank),
            key=lambda each: (-rank(each.severity), each.id),
        )
        if not severe:
            return None
        ids = tuple(dict.fromkeys(each.id for each in severe))
        more = f" and {len(ids) - _NAMED} more" if len(ids) > _NAMED else ""
        return self._severe(severe[0].severity, unread, f" ({', '.join(ids[:_NAMED])}{more})")

    def _severe(self, severity: str, but: str, named: str = "") -> Reason:
        met = f"its worst finding is {word_for(severity)}{named}"
        detail = f"{met}; the policy rejects {self.bar.words}{but}"
        return self._reason(ReasonCode.SEVERITY, detail)

    def _reason(self, code: ReasonCode, detail: str) -> Reason:
        return Reason(code, detail, "", self.line)


PART = Part(
    "spec.gates.vulnerabilities",
    __name__,
    VulnerabilitiesSpec,
    (ReasonCode.NO_SCAN, ReasonCode.SCAN_STALE, ReasonCode.SEVERITY),
)
