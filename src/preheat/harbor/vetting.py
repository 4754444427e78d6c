"""What Harbor says of an image's safety, read: CVE lists, allowlists and a project's settings."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from msgspec import Struct, field

from preheat.facts import Allowlist, Vulnerability
from preheat.harbor.answers import decode

if TYPE_CHECKING:
    from preheat.transport import Answer

__all__ = ["AllowlistAnswer", "ProjectSecurity", "vulnerabilities_of"]

LAST_SECOND = 253_402_300_799  # of the year 9999, the last that Python knows


class _Vulnerability(Struct):
    id: str
    severity: str = "Unknown"


class _Report(Struct):
    vulnerabilities: list[_Vulnerability] | None = None


class _AllowedCve(Struct):
    cve_id: str


class AllowlistAnswer(Struct):
    """A CVE allowlist, of a project or of the system; ``expires_at`` in Unix seconds."""

    items: list[_AllowedCve] | None = None
    expires_at: int | None = None

    @classmethod
    def of(cls, allowlist: Allowlist) -> AllowlistAnswer:
        """Write our value as Harbor does."""
        expires = int(allowlist.expires_at.timestamp()) if allowlist.expires_at else None
        return cls([_AllowedCve(cve) for cve in sorted(allowlist.ids)], expires)

    def allowlist(self) -> Allowlist:
        """Give our value."""
        expires = None
        if self.expires_at is not None:
            expires = datetime.fromtimestamp(min(max(self.expires_at, 0), LAST_SECOND), UTC)
        return Allowlist(frozenset(item.cve_id for item in self.items or ()), expires)


class ProjectSecurity(Struct):
    """A project's settings that decide which pulls Harbor allows; metadata values are text."""

    name: str = ""
    metadata: dict[str, str] | None = None
    cve_allowlist: AllowlistAnswer = field(default_factory=AllowlistAnswer)

    @property
    def reuses_system_allowlist(self) -> bool:
        """Whether the system's CVE allowlist holds; it does where nobody said otherwise."""
        return self._says("reuse_sys_cve_allowlist", "true")

    @property
    def needs_notation(self) -> bool:
        """Whether content trust with Notation is on."""
        return self._says("enable_content_trust")

    @property
    def needs_cosign(self) -> bool:
        """Whether content trust with Cosign is on."""
        return self._says("enable_content_trust_cosign")

    @property
    def forbidden_severity(self) -> str:
        """Give the severity from which on pulls are forbidden, lower case; empty if none is."""
        return (
            (self.metadata or {}).get("severity", "").lower() if self._says("prevent_vul") else ""
        )

    def _says(self, key: str, default: str = "") -> bool:
        return (self.metadata or {}).get(key, default).lower() in {"true", "1"}


def vulnerabilities_of(answer: Answer) -> tuple[Vulnerability, ...] | None:
    """Read the full report (recorded: artifact-vulnerabilities-addition).

    An index has the list of all its children. Each finding is told once, however many packages and
    platforms have it. None when there is no report: never scanned, or the scan failed.
    """
    reports = decode(answer, dict[str, _Report], "vulnerability reports")
    for report in reports.values():
        found = (Vulnerability(item.id, item.severity) for item in report.vulnerabilities or ())
        return tuple(dict.fromkeys(found))
    return None
