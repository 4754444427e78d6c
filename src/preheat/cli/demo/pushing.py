"""What the demo shows of events: an image is pushed, and is warm seconds later."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import requests

from preheat.cli.demo.connections import WEBHOOK_AUTHORIZATION
from preheat.cli.demo.webhooks import install_webhook
from preheat.rendering import all_warm, outcome_table
from preheat.verdict import Verdict

if TYPE_CHECKING:
    from rich.console import Console

    from preheat.ledger import Ledger, StoredEvent

__all__ = ["EVENTS_ID", "Pushing"]

EVENTS_ID = "preheat_events"
PROJECT = "library"
REPOSITORY = f"{PROJECT}/hello"
_SECONDS = 60
_DAY_SECONDS = 86_400  # keeps the tag short


@dataclass
class Pushing:
    """One push into the sandbox, followed to its end.

    :param harbor_url: of the sandbox's Harbor.
    :param airflow_url: where Airflow takes Harbor's webhooks.
    """

    harbor_url: str
    airflow_url: str
    image: str = ""
    run_id: str = ""
    _pushed_at: float = field(default=0.0)

    def install_webhook(self) -> None:
        """Let the project tell Airflow."""
        install_webhook(self.harbor_url, self.airflow_url, PROJECT, WEBHOOK_AUTHORIZATION)

    def push(self) -> str:
        """Push a new image, and name it; each demo pushes another one."""
        tag = f"1.{int(time.time()) % _DAY_SECONDS}"
        self.image = f"{REPOSITORY}:{tag}"
        order = {"repository": REPOSITORY, "tags": [tag], "platforms": ["linux/amd64"]}
        self._pushed_at = time.monotonic()
        answer = requests.post(f"{self.harbor_url}/sandbox/images", json=order, timeout=_SECONDS)
        answer.raise_for_status()
        return self.image

    def has_been_taken_up(self, ledger: Ledger) -> bool:
        """Tell whether a run took the push up."""
        taken = next(filter(self._is_it, ledger.inbox.recent(handled=True)), None)
        self.run_id = taken.run_id if taken else ""
        return taken is not None

    def _is_it(self, event: StoredEvent) -> bool:
        return f"{event.event.repository}:{event.event.tag}" == self.image

    def has_ended(self, ledger: Ledger) -> bool:
        """Tell whether all that the run asked for has a verdict."""
        outcomes = ledger.outcomes(EVENTS_ID, self.run_id)
        return bool(outcomes) and all(o.verdict is not Verdict.UNKNOWN for o in outcomes)

    def show(self, ledger: Ledger, console: Console) -> bool:
        """Show what the push led to; True if all of it is warm."""
        console.print(f"            {self.seconds():.1f} s after the push:\n", markup=False)
        outcomes = ledger.outcomes(EVENTS_ID, self.run_id)
        console.print(outcome_table(outcomes))
        console.print()
        return all_warm(outcomes)

    def seconds(self) -> float:
        """Tell how long ago the push was."""
        return time.monotonic() - self._pushed_at
