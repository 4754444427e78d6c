"""Vulnerability scans: making their outcomes, showing them, and what they forbid."""

from __future__ import annotations

import base64
import uuid
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from preheat.sandbox.harbor.errors import HarborError, policy_violation
from preheat.sandbox.harbor.recipes import IndexRecipe
from preheat.sandbox.harbor.rows import Scan

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from preheat.sandbox.harbor.rows import Artifact

__all__ = [
    "GENERIC",
    "NATIVE",
    "SCANNER",
    "make_scan",
    "overview",
    "pull_refusal",
    "report",
    "severity_code",
]

GENERIC: Final = "application/vnd.security.vulnerability.report; version=1.1"
NATIVE: Final = "application/vnd.scanner.adapter.vuln.report.harbor+json; version=1.0"
SCANNER: Final = {"name": "Trivy", "vendor": "Aqua Security", "version": "v0.63.0"}
SEVERITIES: Final = ("None", "Negligible", "Low", "Medium", "High", "Critical")
_CODES: Final = {"Unknown": 0} | {name: code for code, name in enumerate(SEVERITIES)}
UNSCANNED: Final = 99


def severity_code(name: str) -> int:
    """Order severities as Harbor does (harbor: src/pkg/scan/vuln/severity.go)."""
    return _CODES.get(name.capitalize(), UNSCANNED)


def make_scan(
    counts: Mapping[str, int],
    at: datetime,
    *,
    status: str = "Success",
    fixable: int = 0,
    cves: Mapping[str, str] | None = None,
) -> Scan:
    """Make the outcome of a scan from the number of vulnerabilities by severity.

    :param cves: further ones, severity by id; the others get made-up ids, the same in every scan.
    """
    made_up = {
        f"CVE-2026-{severity_code(name)}{number:04}": name
        for name, total in counts.items()
        for number in range(1, total + 1)
    }
    listed = tuple((made_up | dict(cves or {})).items())
    found: dict[str, int] = {}
    for _, name in listed:
        found[name] = found.get(name, 0) + 1
    worst = max(found, key=severity_code, default="None")
    seed = f"{at.isoformat()} {sorted(found.items())} {status}"
    report = str(uuid.uuid5(uuid.NAMESPACE_OID, seed))
    return Scan(status, worst, found, fixable, at, at + timedelta(seconds=3), report, listed)


def _merged(artifact: Artifact) -> Scan | None:
    """Give an artifact's scan; an index merges its children's (recorded: …-overview-index)."""
    scans = [scan for _, scan in _scans(artifact)]
    if artifact.scan or not scans:
        return artifact.scan
    counts: dict[str, int] = {}
    for scan in scans:
        for name, number in scan.counts.items():
            counts[name] = counts.get(name, 0) + number
    succeeded = any(scan.status == "Success" for scan in scans)
    return Scan(
        "Success" if succeeded else scans[0].status,
        max(counts, key=severity_code, default="None"),
        counts,
        sum(scan.fixable for scan in scans),
        min(scan.started_at for scan in scans),
        max(scan.ended_at for scan in scans),
        base64.b64encode("|".join(scan.report_id for scan in scans).encode()).decode(),
        tuple(cve for scan in scans for cve in scan.cves),
    )


def _scans(artifact: Artifact) -> list[tuple[str, Scan]]:
    """Give the scans that speak for an artifact, with the digest of what was looked at."""
    if artifact.scan or not isinstance(artifact.recipe, IndexRecipe):
        return [(artifact.digest, artifact.scan)] if artifact.scan else []
    known = artifact.repository.by_digest
    children = [known[child.digest] for child in artifact.recipe.children if child.digest in known]
    return [(child.digest, child.scan) for child in children if child.scan]


def _accepted(accept: str) -> bool:
    """Whether the caller takes the generic type, the only one this scanner reports in.

    Known types only; without any the oldest one is meant (harbor: src/server/v2.0/handler/util.go).
    """
    known = [kind.strip() for kind in accept.split(",") if kind.strip() in {GENERIC, NATIVE}]
    return GENERIC in (known or [GENERIC])


def overview(artifact: Artifact, accept: str) -> dict[str, Any] | None:
    """Write the scan overview under the media type that the caller accepts.

    No report, or none of an accepted type, and the key is left out.
    """
    scan = _merged(artifact)
    if scan is None or not _accepted(accept):
        return None
    body: dict[str, Any] = {
        "duration": round((scan.ended_at - scan.started_at).total_seconds()),
        "end_time": f"{scan.ended_at:%Y-%m-%dT%H:%M:%S}.000Z",
        "report_id": scan.report_id,
        "scan_status": scan.status,
        "start_time": f"{scan.started_at:%Y-%m-%dT%H:%M:%S}.000Z",
    }
    if scan.status == "Success":
        total = sum(scan.counts.values())
        counts = {"fixable": scan.fixable, "summary": dict(scan.counts), "total": total}
        body |= {"complete_percent": 100, "scanner": SCANNER, "severity": scan.severity}
        body["summary"] = counts
    return {GENERIC: body}


def report(artifact: Artifact, accept: str) -> dict[str, Any]:
    """Write the full report: of an index those of all its children, one after the other."""
    scans = [(digest, scan) for digest, scan in _scans(artifact) if scan.status == "Success"]
    if not scans or not _accepted(accept):
        return {}
    return {
        GENERIC: {
            "generated_at": f"{max(scan.ended_at for _, scan in scans):%Y-%m-%dT%H:%M:%SZ}",
            "scanner": SCANNER,
            "severity": max((scan.severity for _, scan in scans), key=severity_code),
            "vulnerabilities": [
                _finding(cve, severity, digest)
                for digest, scan in scans
                for cve, severity in scan.cves
            ],
        }
    }


def _finding(cve: str, severity: str, digest: str) -> dict[str, Any]:
    return {
        "artifact_digests": [digest],
        "cwe_ids": [""],
        "description": f"made up for the stand-in: {cve}",
        "fix_version": "",
        "id": cve,
        "links": [f"https://nvd.nist.gov/vuln/detail/{cve}"],
        "package": f"lib{cve.rpartition('-')[2]}",
        "preferred_cvss": {"score_v2": None, "score_v3": None, "vector_v2": "", "vector_v3": ""},
        "severity": severity,
        "status": "",
        "vendor_attributes": None,
        "version": "1.0",
    }


def pull_refusal(
    artifact: Artifact, exempt: frozenset[str] = frozenset(), *, scanner: bool
) -> HarborError | None:
    """Say why the project's policies refuse a pull of this manifest, if they do.

    :param exempt: CVEs that an allowlist lets pass.

    Source: harbor: src/server/registry/route.go (recorded: v2-cosign-required-unsigned-refused,
    v2-prevent-vul-unscanned-refused and its neighbours).
    """
    metadata = artifact.repository.project.metadata
    if artifact.subject is not None:
        return None
    kinds = {accessory.type for accessory in artifact.accessories}
    if metadata.get("enable_content_trust_cosign") == "true" and "signature.cosign" not in kinds:
        return policy_violation("The image is not signed by cosign.")
    if metadata.get("enable_content_trust") == "true" and "signature.notation" not in kinds:
        return policy_violation("The image is not signed by notation.")
    if metadata.get("prevent_vul") == "true" and scanner and artifact.type == "IMAGE":
        return _vulnerable(artifact, metadata.get("severity", "none"), exempt)
    return None


def _vulnerable(artifact: Artifact, limit: str, exempt: frozenset[str]) -> HarborError | None:
    policy = (
        "cannot be pulled due to configured policy in 'Prevent images with vulnerability severity "
        f'of "{limit.capitalize()}" or higher from running.\' To continue with pull, please '
        "contact your project administrator"
    )
    scan = _merged(artifact)
    if scan is None:
        return policy_violation(f"current image without vulnerability scanning {policy} for help.")
    if artifact.is_index:
        return None
    if scan.status != "Success":
        status = f'"{scan.status}" status of vulnerability scanning'
        return policy_violation(f"current image with {status} {policy} for help.")
    counted = [severity for cve, severity in scan.cves if cve not in exempt]
    if max(map(severity_code, counted), default=0) < severity_code(limit):
        return None
    found = len(counted)
    return policy_violation(
        f"current image with {found} vulnerabilities {policy} to exempt matched vulnerabilities "
        "through configuring the CVE allowlist."
    )
