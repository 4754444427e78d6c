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
from preheat.ledger.kept import Kept
from preheat.ledger.ledger import Ledger
from preheat.ledger.overviewrecords import (
    Cell,
    Chosen,
    Count,
    ImageRow,
    Listed,
    PlannedItem,
    Shown,
    StoredPlan,
)
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
    "Cell",
    "Chosen",
    "Claim",
    "Count",
    "DueEvents",
    "EventOutcome",
    "Followed",
    "Glimpse",
    "Handled",
    "IgnoredEvents",
    "ImageRow",
    "Kept",
    "Ledger",
    "LedgerStatus",
    "Listed",
    "Outcome",
    "PlanItem",
    "PlannedItem",
    "Proof",
    "Pruned",
    "Received",
    "RecordedPlan",
    "RunRef",
    "Shown",
    "StoredEvent",
    "StoredPlacement",
    "StoredPlan",
]
