"""The ledger: plans, placements and attempts, on SQLite or PostgreSQL."""

from __future__ import annotations

from preheat.ledger.kept import Kept
from preheat.ledger.ledger import Ledger
from preheat.ledger.records import (
    Attempt,
    Claim,
    Followed,
    LedgerStatus,
    Outcome,
    PlanItem,
    Proof,
    RecordedPlan,
    RunRef,
    StoredPlacement,
)
from preheat.ledger.retention import Pruned

__all__ = [
    "Attempt",
    "Claim",
    "Followed",
    "Kept",
    "Ledger",
    "LedgerStatus",
    "Outcome",
    "PlanItem",
    "Proof",
    "Pruned",
    "RecordedPlan",
    "RunRef",
    "StoredPlacement",
]
