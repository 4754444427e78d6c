"""How webhooks are delivered: attempts, gaps, time-outs and redirects as recorded, and a log.

Source: harbor: src/jobservice/job/impl/notification/webhook_job.go (recorded: webhook-retries,
webhook-latency, webhook-jobservice-down). All gaps are scaled by a factor, time-outs never.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import requests

from preheat.sandbox.harbor.events import Event
from preheat.sandbox.harbor.jobservice import Job, Jobservice
from preheat.sandbox.harbor.payloads import Payload, write_payload
from preheat.sandbox.harbor.webhook_faults import WebhookFaults
from preheat.sandbox.harbor.webhooks import Execution, Target, Task, WebhookPolicy
from preheat.sandbox.outgoing import new_session

if TYPE_CHECKING:
    from preheat.sandbox.harbor.state import HarborState

__all__ = ["Attempt", "Deliveries"]

ATTEMPTS: Final = 3
REDIRECTS: Final = 10
"""What Go's client follows at most."""
GAPS: Final = ((35.0, 117.3), (60.0, 38.4), (34.1, 123.2), (61.1, 107.3))
"""Seconds between the attempts of four deliveries (recorded: webhook-retries)."""
LATENCIES: Final = (
    *(2.39, 0.01, 0.54, 0.57, 0.61, 0.63, 1.42, 0.55, 1.49, 0.05),
    *(1.59, 0.15, 1.75, 0.34, 1.59, 0.15, 1.77, 0.32, 2.91, 0.33),
)
"""Seconds from a push to its first attempt, one after the other (recorded: webhook-latency). They
are why deliveries come unordered."""
KEPT: Final = 100_000


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt to deliver, as the log tells it.

    :param number: from 1; 0 for a delivery that an order lost.
    :param status: of the answer; 0 when none came.
    :param error: class of the failure, ``lost``, or "".
    :param event_id: of the CloudEvent; "" in the default format.
    """

    at: str
    project: str
    policy_id: int
    execution_id: int
    event_type: str
    repository: str
    digest: str
    tag: str
    number: int
    status: int
    error: str
    event_id: str


@dataclass(slots=True, eq=False)
class _Delivery:
    """One payload on its way to one target."""

    event: Event
    policy: WebhookPolicy
    target: Target
    execution: Execution
    task: Task
    payload: Payload
    gaps: tuple[float, float]

    @property
    def headers(self) -> dict[str, str | bytes]:
        """What Go's client sends; the credential goes verbatim."""
        headers: dict[str, str | bytes] = {
            "User-Agent": "Go-http-client/1.1",
            "Accept-Encoding": "gzip",
            "Content-Type": self.payload.content_type,
        }
        if self.target.auth_header:
            headers["Authorization"] = self.target.auth_header.encode()
        return headers


class Deliveries:
    """Hears what happens, and brings it to the targets of policies from the jobservice's threads.

    :param state: whose policies and settings count.
    """

    def __init__(self, state: HarborState) -> None:
        self._state = state
        self._gaps = itertools.cycle(GAPS)
        self._latencies = itertools.cycle(LATENCIES)
        self._log: deque[Attempt] = deque(maxlen=KEPT)
        self.jobservice = Jobservice()
        self.faults = WebhookFaults()

    def hear(self, events: Sequence[Event]) -> None:
        """Start one delivery for each event and target.

        While the jobservice is down there is only an execution, which keeps the payload and never
        ends (recorded: webhook-executions-jobservice-down, -back).
        """
        for event in events:
            for policy, target in self._state.webhooks.wanting(event):
                payload = write_payload(
                    event, target.format, policy_id=policy.id, host=self._state.host
                )
                execution = self._state.webhooks.begin(policy, event, payload.body)
                if self.jobservice.is_running:
                    task = self._state.webhooks.begin_task(execution)
                    gaps = next(self._gaps)
                    self._send(_Delivery(event, policy, target, execution, task, payload, gaps))

    def log(self) -> list[dict[str, Any]]:
        """Tell all attempts, oldest first."""
        return [asdict(attempt) for attempt in tuple(self._log)]

    def forget(self) -> int:
        """Clear the log."""
        count = len(self._log)
        self._log.clear()
        return count

    def clear_faults(self) -> None:
        """Take back all orders; what ``reverse`` kept goes out."""
        self._send_in_order(self.faults.clear())

    def _send(self, delivery: _Delivery) -> None:
        fault = self.faults.take(delivery.event.type, delivery.policy.id)
        match fault.kind if fault else "":
            case "lose":
                self._note(delivery, 0, 0, "lost")
                self._end(delivery, "Success")
            case "reverse" if fault:
                self._send_in_order(self.faults.hold(fault, delivery))
            case "delay" if fault:
                self.jobservice.put(self._job(delivery), fault.seconds)
            case "double":
                self.jobservice.put(self._job(delivery), self._latency())
                self.jobservice.put(lambda: self._repeat(delivery), self._latency())
            case _:
                self.jobservice.put(self._job(delivery), self._latency())

    def _send_in_order(self, deliveries: Sequence[_Delivery]) -> None:
        if deliveries:
            self.jobservice.put(lambda: self._attempt_all(deliveries))

    def _latency(self) -> float:
        return next(self._latencies) * self._state.settings.webhook_delay_factor

    def _job(self, delivery: _Delivery) -> Job:
        return lambda: self._attempt(delivery)

    def _attempt_all(self, deliveries: Sequence[_Delivery]) -> None:
        for delivery in deliveries:
            again = self._attempt(delivery)
            if again is not None:
                self.jobservice.put(self._job(delivery), again)

    def _repeat(self, delivery: _Delivery) -> None:
        """Send the same once more, whatever comes of it."""
        status, error = self._post(delivery)
        self._note(delivery, 1, status, error)

    def _attempt(self, delivery: _Delivery) -> float | None:
        """Try once; after three failures it is given up, whatever the receiver said.

        Every attempt carries the same body, CloudEvents id included (recorded: webhook-retries).
        """
        task = delivery.task
        task.run_count += 1
        task.status, task.started_at = "Running", self._state.now()
        task.updated_at = task.started_at
        status, error = self._post(delivery)
        self._note(delivery, task.run_count, status, error)
        if not error:
            self._end(delivery, "Success")
        elif task.run_count >= ATTEMPTS:
            self._end(delivery, "Error")
        else:
            return delivery.gaps[task.run_count - 1] * self._state.settings.webhook_delay_factor
        return None

    def _post(self, delivery: _Delivery) -> tuple[int, str]:
        """Send it; a 302 is followed with GET and without the body, as Go's client does."""
        seconds = self._state.settings.webhook_timeout_seconds
        with new_session() as session:
            session.headers.clear()
            session.max_redirects = REDIRECTS
            session.verify = not delivery.target.skip_cert_verify
            try:
                with session.post(
                    delivery.target.address,
                    data=delivery.payload.body.encode(),
                    headers=delivery.headers,
                    timeout=seconds,
                    stream=True,
                ) as answer:
                    status = answer.status_code
            except (requests.RequestException, ValueError) as error:
                return 0, type(error).__name__
        is_good = HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES
        return status, "" if is_good else "StatusError"

    def _end(self, delivery: _Delivery, status: str) -> None:
        task = delivery.task
        task.ended_at = task.updated_at = self._state.now()
        task.status = status

    def _note(self, delivery: _Delivery, number: int, status: int, error: str) -> None:
        event = delivery.event
        self._log.append(
            Attempt(
                self._state.now().isoformat(),
                event.project.name if event.project else "",
                delivery.policy.id,
                delivery.execution.id,
                event.type,
                event.repository,
                event.digest,
                event.tag,
                number,
                status,
                error,
                delivery.payload.id,
            )
        )
