"""What the demo shows of events: an image is pushed, and is warm seconds later."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import requests

from preheat.verdict import Verdict

if TYPE_CHECKING:
    from preheat.ledger import Ledger, StoredEvent

__all__ = ["EVENTS_ID", "Pushing"]

EVENTS_ID = "preheat_events"
REPOSITORY = "library/hello"
_SECONDS = 60


@dataclass
class Pushing:
    """One push into the sandbox, followed to its end.

    :param harbor_url: of the sandbox's Harbor.
    :param webhook_url: where Airflow takes Harbor's webhooks.
    :param authorization: what Harbor is to send there.
    :param robot: name and secret of the robot.
    """

    harbor_url: str
    webhook_url: str
    authorization: str
    robot: tuple[str, str]
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
            "address": self.webhook_url,
            "auth_header": self.authorization,
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

    def is_warm(self, ledger: Ledger) -> bool:
        """Tell whether all that the run asked for is warm."""
        outcomes = ledger.outcomes(EVENTS_ID, self.run_id)
        return bool(outcomes) and all(outcome.verdict is Verdict.WARM for outcome in outcomes)

    def seconds(self) -> float:
        """Tell how long ago the push was."""
        return time.monotonic() - self._pushed_at

    def _call(self, method: str, url: str, **more: Any) -> requests.Response:
        auth = None if "/sandbox/" in url else self.robot
        answer = requests.request(method, url, auth=auth, timeout=_SECONDS, **more)
        answer.raise_for_status()
        return answer
