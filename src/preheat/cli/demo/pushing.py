"""What the demo shows of events: an image is pushed, and is warm seconds later."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import requests

from preheat.cli.demo.connections import ROBOT, ROBOT_SECRET, WEBHOOK_AUTHORIZATION
from preheat.rendering import all_warm, outcome_table
from preheat.verdict import Verdict

if TYPE_CHECKING:
    from rich.console import Console

    from preheat.ledger import Ledger, StoredEvent

__all__ = ["EVENTS_ID", "Pushing"]

EVENTS_ID = "preheat_events"
REPOSITORY = "library/hello"
_SECONDS = 60


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
        """Let the project tell Airflow, as ``preheat harbor webhook install`` does."""
        path = f"{self.harbor_url}/api/v2.0/projects/library/webhook/policies"
        known = self._call("GET", path).json()
        if any(policy["name"] == "preheat" for policy in known):
            return
        target = {
            "type": "http",
            "address": f"{self.airflow_url}/preheat/webhooks/harbor/harbor_default",
            "auth_header": WEBHOOK_AUTHORIZATION,
            "payload_format": "CloudEvents",
        }
        kinds = ["PUSH_ARTIFACT", "DELETE_ARTIFACT", "SCANNING_COMPLETED"]
        policy = {"name": "preheat", "enabled": True, "event_types": kinds, "targets": [target]}
        self._call("POST", path, json=policy)

    def push(self) -> str:
        """Push a new image, and name it; each demo pushes another one."""
        tag = f"1.{int(time.time())}"
        self.image = f"{REPOSITORY}:{tag}"
        order = {"repository": REPOSITORY, "tags": [tag], "platforms": ["linux/amd64"]}
        self._pushed_at = time.monotonic()
        self._call("POST", f"{self.harbor_url}/sandbox/images", json=order)
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

    def _call(self, method: str, url: str, **more: Any) -> requests.Response:
        auth = None if "/sandbox/" in url else (ROBOT, ROBOT_SECRET)
        answer = requests.request(method, url, auth=auth, timeout=_SECONDS, **more)
        answer.raise_for_status()
        return answer
