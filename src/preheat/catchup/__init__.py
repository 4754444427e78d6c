"""Catching up with a Harbor: what its webhooks did not tell, put into the ledger's inbox."""

from __future__ import annotations

from preheat.catchup.additions import new_artifacts
from preheat.catchup.caught import Caught
from preheat.catchup.feed import catch_up
from preheat.catchup.pace import next_interval, sweep_interval
from preheat.catchup.sweep import sweep
from preheat.catchup.turns import CatchUp, Wanted, Way

__all__ = [
    "CatchUp",
    "Caught",
    "Wanted",
    "Way",
    "catch_up",
    "new_artifacts",
    "next_interval",
    "sweep",
    "sweep_interval",
]
