"""Which placements are due: their proof is too old, or would be before the next look. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime, timedelta

    from preheat.ledger import Kept, StoredPlacement

__all__ = ["UPKEEP_PLAN", "Due", "due"]

UPKEEP_PLAN = "preheat_upkeep"
"""Under this name, in place of a policy's, stand the plans of upkeep."""


@dataclass(frozen=True, slots=True)
class Due:
    """One placement whose proof must be renewed.

    :param label: as the latest plan that wants it called it.
    :param policies: whose wish it is.
    :param accept_partial: whether PARTIAL is well enough for all of them.
    """

    placement: StoredPlacement
    label: str
    policies: tuple[str, ...]
    accept_partial: bool
    due_at: datetime


def due(wishes: Iterable[Kept], now: datetime, *, ahead: timedelta) -> list[Due]:
    """Find what is due, the oldest proof first; of several wishes for one placement all count.

    :param wishes: by placement, as the ledger gives them.
    :param ahead: what gets too old within this time is due too: the time until the next look.
    """
    found = [_merged(list(some)) for _, some in groupby(wishes, key=lambda wish: wish.placement.id)]
    late = [one for one in found if one.due_at <= now + ahead]
    return sorted(late, key=lambda one: (one.due_at, one.placement.id))


def _merged(wishes: list[Kept]) -> Due:
    latest = max(wishes, key=lambda wish: wish.selected_at)
    return Due(
        placement=latest.placement,
        label=latest.label,
        policies=tuple(wish.policy for wish in wishes),
        accept_partial=all(wish.accept_partial for wish in wishes),
        due_at=min(wish.due_at for wish in wishes),
    )
