"""The ledger: events, plans, placements and attempts, on SQLite or PostgreSQL."""

from __future__ import annotations

from preheat.ledger.eventrecords import (
    DueEvents,
    EventOutcome,
    Glimpse,
    Handled,
    IgnoredEvents,
    Received,
    StoredEvent,
)
from preheat.ledger.figures import Figures
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
    "DueEvents",
    "EventOutcome",
    "Figures",
    "Followed",
    "Glimpse",
    "Handled",
    "IgnoredEvents",
    "Kept",
    "Ledger",
    "LedgerStatus",
    "Outcome",
    "PlanItem",
    "Proof",
    "Pruned",
    "Received",
    "RecordedPlan",
    "RunRef",
    "StoredEvent",
    "StoredPlacement",
]
