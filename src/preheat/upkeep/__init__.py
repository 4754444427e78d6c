"""Upkeep: what must stay warm is looked at, what a crash left open is closed truthfully."""

from __future__ import annotations

from preheat.upkeep.keeping import Due, Wish, due, strictest
from preheat.upkeep.rechecking import Rechecked, State, recheck
from preheat.upkeep.settling import Ending, Settled, settle

__all__ = [
    "Due",
    "Ending",
    "Rechecked",
    "Settled",
    "State",
    "Wish",
    "due",
    "recheck",
    "settle",
    "strictest",
]
