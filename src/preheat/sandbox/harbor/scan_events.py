"""What scans tell: what is scanned, and what webhooks say of the outcome.

Source: harbor: src/controller/event/handler/webhook/scan/scan.go (recorded:
webhook-scanning-completed, -failed, -index, webhook-sbom-generated).
"""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from preheat.sandbox.harbor.events import By, Event, of_artifact
from preheat.sandbox.harbor.recipes import ManifestRecipe
from preheat.sandbox.harbor.rows import Artifact, Scan
from preheat.sandbox.harbor.scans import GENERIC, NATIVE, SCANNER
from preheat.sandbox.harbor.store import children_of

__all__ = ["sbom_event", "scan_event", "scannable"]

EVENTS: Final = {
    "Success": "SCANNING_COMPLETED",
    "Error": "SCANNING_FAILED",
    "Stopped": "SCANNING_STOPPED",
}
"""What a scan's end is told as; while it runs, nothing is."""
UNSCANNABLE: Final = "application/vnd.in-toto+json"
SBOM_SECONDS: Final = 2
"""How long making an SBOM takes (recorded: webhook-sbom-generated)."""


def scannable(artifact: Artifact) -> list[Artifact]:
    """Give what a scanner looks at: of an index its children, attestations left out."""
    if not artifact.is_index:
        return [artifact]
    return [child for child in children_of(artifact) if not _attests(child)]


def scan_event(artifact: Artifact, scan: Scan, at: datetime, by: By) -> Event | None:
    """Describe the end of a scan of one manifest; None for one that did not end."""
    kind = EVENTS.get(scan.status)
    overview = {"scan_overview": _overview(scan)}
    return _event(kind, artifact, at, by, overview, "vulnerability") if kind else None


def sbom_event(artifact: Artifact, sbom: Artifact, at: datetime, by: By) -> Event:
    """Describe that an SBOM was made of an artifact."""
    overview = {
        "duration": SBOM_SECONDS,
        "end_time": _nanoseconds(at),
        "sbom_digest": sbom.digest,
        "sbom_repository": artifact.repository.name,
        "scan_status": "Success",
        "scanner": SCANNER,
        "start_time": _nanoseconds(at - timedelta(seconds=SBOM_SECONDS)),
    }
    return _event("SCANNING_COMPLETED", artifact, at, by, {"sbom_overview": overview}, "sbom")


def _event(
    kind: str, artifact: Artifact, at: datetime, by: By, overview: dict[str, Any], scan_type: str
) -> Event:
    tag = next((tag.name for tag in artifact.newest_tags), "")
    event = of_artifact(kind, artifact, at, by, tag)
    details = {"scan": {"scan_type": scan_type}}
    return replace(event, made_at=None, overview=overview, details=details)


def _overview(scan: Scan) -> dict[str, Any]:
    """Write the overview of one scan, once for each type of report, each with an id of its own."""
    succeeded = scan.status == "Success"
    summary = {
        "total": sum(scan.counts.values()),
        "fixable": scan.fixable,
        "summary": dict(sorted(scan.counts.items())),
    }
    told = {
        "report_id": "",
        "scan_status": scan.status,
        "severity": scan.severity if succeeded else "",
        "duration": round((scan.ended_at - scan.started_at).total_seconds()),
        "summary": summary if succeeded else None,
        "start_time": f"{scan.started_at:%Y-%m-%dT%H:%M:%SZ}",
        "end_time": f"{scan.ended_at:%Y-%m-%dT%H:%M:%SZ}",
        **({"scanner": SCANNER} if succeeded else {}),
        "complete_percent": 100 if succeeded else 0,
    }
    native = str(uuid.uuid5(uuid.NAMESPACE_OID, f"{scan.report_id} native"))
    return {NATIVE: told | {"report_id": native}, GENERIC: told | {"report_id": scan.report_id}}


def _nanoseconds(time: datetime) -> str:
    return f"{time:%Y-%m-%dT%H:%M:%S.%f}000Z"


def _attests(artifact: Artifact) -> bool:
    """Whether it is an attestation (harbor: src/controller/artifact, HasUnscannableLayer)."""
    recipe = artifact.recipe
    layers = recipe.layers if isinstance(recipe, ManifestRecipe) else ()
    return any(layer.media_type == UNSCANNABLE for layer in layers)
