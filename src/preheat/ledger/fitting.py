"""Events made to fit their columns, whatever somebody sent."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from preheat.ledger.eventschema import event as table
from preheat.ledger.findings import cut

if TYPE_CHECKING:
    from preheat.event import HarborEvent

__all__ = ["TEXTS", "fitting"]

TEXTS = ("registry", "repository", "digest", "tag", "operator", "type")


def fitting(event: HarborEvent) -> HarborEvent:
    """Make every text fit its column, whatever somebody sent: no such event may stop the others."""
    texts: dict[str, Any] = {name: _fit(getattr(event, name), _length(name)) for name in TEXTS}
    delivery = _fit(event.delivery, 4 * _length("delivery"))
    if len(delivery) > _length("delivery"):
        delivery = f"sha256:{hashlib.sha256(event.delivery.encode('utf-8', 'replace')).hexdigest()}"
    return replace(event, **texts, delivery=delivery)


def _length(column: str) -> int:
    return int(getattr(table.c[column].type, "length", 0))


def _fit(text: str, length: int) -> str:
    # No database takes half of a surrogate pair, which JSON may hold.
    return cut(text.encode("utf-8", "replace").decode(), length)
