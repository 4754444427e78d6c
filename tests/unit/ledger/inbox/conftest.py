"""Events to put into the inbox, as Harbor would tell them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import update

from preheat.event import EventKind, EventSource, HarborEvent
from preheat.ledger.schema import event as table

if TYPE_CHECKING:
    from collections.abc import Callable

    from preheat.ledger import Ledger

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
DIGEST = f"sha256:{1:064x}"


def pushed(delivery: str = "ce:1", **changes: Any) -> HarborEvent:
    """Make up a push of ``library/app:1.0`` at noon, told by a webhook."""
    values: dict[str, Any] = {
        "registry": "harbor_default",
        "delivery": delivery,
        "source": EventSource.WEBHOOK,
        "kind": EventKind.PUSHED,
        "repository": "library/app",
        "digest": DIGEST,
        "tag": "1.0",
        "operator": "robot$ci",
        "occurred_at": NOON,
        "type": "PUSH_ARTIFACT",
        **changes,
    }
    return HarborEvent(**values)


@pytest.fixture(name="pushed")
def pushed_fixture() -> Callable[..., HarborEvent]:
    """Give the maker of events."""
    return pushed


@pytest.fixture
def pass_seconds(ledger: Ledger) -> Callable[[float], None]:
    """Give a way to let time pass for all events: their times move into the past."""

    def move(seconds: float) -> None:
        back = timedelta(seconds=seconds)
        with ledger._engine.begin() as connection:
            for row in connection.execute(table.select()).all():
                times = {
                    name: getattr(row, name) and getattr(row, name) - back
                    for name in ("received_at", "due_at", "handled_at")
                }
                connection.execute(update(table).where(table.c.id == row.id).values(**times))

    return move
