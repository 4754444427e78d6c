"""What the demo shows after the run: the doctor, and upkeep that finds what a peer lost."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

import requests

from preheat.rendering import count_of, outcome_table
from preheat.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import Console

    from preheat.cli.demo.airflow_api import AirflowApi
    from preheat.ledger import Ledger

__all__ = ["UPKEEP_ID", "Aftercare"]

UPKEEP_ID = "preheat_upkeep"
_SEED = "10.78.0.11"
_SECONDS = 60


@dataclass(frozen=True)
class Aftercare:
    """The second half of the demo.

    :param manager_url: of the sandbox's Dragonfly.
    :param doctor: the command to run.
    :param environment: of Airflow's processes.
    """

    api: AirflowApi
    console: Console
    manager_url: str
    doctor: Sequence[str]
    environment: Mapping[str, str]

    def examine(self) -> bool:
        """Run the doctor as a person would, and show what it says; True if nothing is wrong."""
        done = subprocess.run(  # noqa: S603 - our own command
            self.doctor, env=dict(self.environment), capture_output=True, text=True, check=False
        )
        said = done.stdout or done.stderr.strip()[-2000:]
        self.console.print(f"\n{said}", markup=False)
        return done.returncode == 0

    def lose_a_disk(self) -> None:
        """Empty the seed of us-1, as a restart of its dfdaemon does."""
        answer = requests.post(
            f"{self.manager_url}/sandbox/peers/{_SEED}", json={"wipe": True}, timeout=_SECONDS
        )
        answer.raise_for_status()

    def start(self) -> str:
        """Let upkeep look at everything that is to be kept warm; gives the run's id."""
        run_id = self.api.start_run(UPKEEP_ID, {"check_all": True})
        self.api.unpause(UPKEEP_ID)
        return run_id

    def has_ended(self, run_id: str) -> bool:
        """Tell whether the run is over."""
        return self.api.run_state(UPKEEP_ID, run_id) in {"success", "failed"}

    def show(self, ledger: Ledger, run_id: str) -> bool:
        """Show what became of what the seed had lost; True if all of it is warm again."""
        outcomes = ledger.outcomes(UPKEEP_ID, run_id)
        again = [outcome for outcome in outcomes if outcome.attempt is not None]
        self.console.print()
        self.console.print(outcome_table(outcomes))
        self.console.print()
        self.console.print(
            f"  {count_of(len(outcomes), 'placement')} looked at, {len(again)} asked for again",
            markup=False,
        )
        return bool(again) and all(outcome.verdict is Verdict.WARM for outcome in outcomes)
