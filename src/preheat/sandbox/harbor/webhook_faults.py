"""Faults of webhooks by order: the next deliveries lost, doubled, late or turned around."""

from __future__ import annotations

import threading
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["WebhookFault", "WebhookFaults"]


class WebhookFault(BaseModel):
    """What befalls the next deliveries; each is one event for one target.

    ``lose``: never sent, though Harbor takes it for delivered. ``double``: sent twice at once.
    ``delay``: its first attempt waits. ``reverse``: kept until all ``times`` of them are there, or
    the orders are cleared, and sent one after the other, the last first.

    :param times: how many of them; ``null`` means all until cleared (not for ``reverse``).
    :param skip: how many pass unharmed first.
    :param seconds: real ones, for ``delay``.
    :param event_type: only these, such as ``PUSH_ARTIFACT``.
    :param policy_id: only those of this policy.
    :param held: how many are kept so far; told, not ordered.
    """

    model_config = ConfigDict(extra="forbid")

    kind: Literal["lose", "double", "delay", "reverse"]
    times: int | None = Field(default=1, ge=1)
    skip: int = Field(default=0, ge=0)
    seconds: float = Field(default=0, ge=0)
    event_type: str | None = None
    policy_id: int | None = None
    held: int = 0

    def fits(self, event_type: str, policy_id: int) -> bool:
        """Tell whether a delivery is meant."""
        return self.event_type in {None, event_type} and self.policy_id in {None, policy_id}


class WebhookFaults:
    """The orders of one stand-in, oldest first; each delivery takes at most one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._left: list[WebhookFault] = []
        self._held: list[tuple[WebhookFault, Any]] = []

    def add(self, order: WebhookFault) -> WebhookFault:
        """Order a fault."""
        fault = order.model_copy(update={"held": 0})
        with self._lock:
            self._left.append(fault)
        return fault

    def left(self) -> list[WebhookFault]:
        """Show the orders that still wait for deliveries, or keep some."""
        with self._lock:
            return [fault.model_copy() for fault in self._left]

    def clear(self) -> list[Any]:
        """Take back every order; give the deliveries that were kept, the last first."""
        with self._lock:
            kept = [delivery for _, delivery in reversed(self._held)]
            self._left.clear()
            self._held.clear()
        return kept

    def take(self, event_type: str, policy_id: int) -> WebhookFault | None:
        """Use up one time of the first order that fits."""
        with self._lock:
            for fault in self._left:
                if fault.times == 0 or not fault.fits(event_type, policy_id):
                    continue
                if fault.skip:
                    fault.skip -= 1
                    continue
                if fault.times is not None:
                    fault.times -= 1
                if fault.times == 0 and fault.kind != "reverse":
                    self._left.remove(fault)
                return fault
        return None

    def hold(self, fault: WebhookFault, delivery: Any) -> list[Any]:
        """Keep a delivery; when the order is full, give all that it kept, the last first."""
        with self._lock:
            self._held.append((fault, delivery))
            fault.held += 1
            if fault.times != 0:
                return []
            kept = [held for owner, held in reversed(self._held) if owner is fault]
            self._held = [pair for pair in self._held if pair[0] is not fault]
            if fault in self._left:
                self._left.remove(fault)
        return kept
