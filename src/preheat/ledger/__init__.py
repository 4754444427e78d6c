"""The ledger: plans, placements and attempts, on SQLite or PostgreSQL."""

from __future__ import annotations

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

__all__ = [
    "Attempt",
    "Claim",
    "Followed",
    "Ledger",
    "LedgerStatus",
    "Outcome",
    "PlanItem",
    "Proof",
    "RecordedPlan",
    "RunRef",
    "StoredPlacement",
]
