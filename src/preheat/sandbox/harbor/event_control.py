"""Control routes of webhooks and audit feed: faults by order, switches, and the log of attempts.

``POST /sandbox/webhooks/faults`` takes what :class:`WebhookFault` says, ``GET`` shows what is left,
``DELETE`` takes all back. ``PUT`` on ``/sandbox/jobservice`` and ``/sandbox/audit`` changes what it
names and tells how things stand.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from fastapi import APIRouter
from pydantic import Field

from preheat.sandbox.harbor.orders import Order, State
from preheat.sandbox.harbor.state import HarborState
from preheat.sandbox.harbor.webhook_faults import WebhookFault

__all__ = ["router"]

router = APIRouter(prefix="/sandbox")


class JobserviceOrder(Order):
    """How the jobservice shall be.

    :param running: while it is not, events start executions that never end and deliver nothing.
    :param delay_factor: scales the seconds before and between the attempts from now on.
    """

    running: bool | None = None
    delay_factor: float | None = Field(default=None, ge=0)


class AuditOrder(Order):
    """How the audit feed shall be.

    :param enabled: off, no rows are written.
    :param late_rows: how many of the next rows come late, with the ids of their time.
    :param late_seconds: how late.
    """

    enabled: bool | None = None
    late_rows: int = Field(default=0, ge=0)
    late_seconds: float = Field(default=0, ge=0)


@router.post("/webhooks/faults", status_code=201)
async def add_fault(state: State, order: WebhookFault) -> WebhookFault:
    """Order a fault for the next deliveries."""
    return state.deliveries.faults.add(order)


@router.get("/webhooks/faults")
async def left_faults(state: State) -> list[WebhookFault]:
    """Tell which orders still wait for deliveries, or keep some."""
    return state.deliveries.faults.left()


@router.delete("/webhooks/faults", status_code=204)
async def clear_faults(state: State) -> None:
    """Take back every order; deliveries that were kept go out, the last first."""
    state.deliveries.clear_faults()


@router.get("/webhooks/deliveries")
async def deliveries(state: State, project: str = "") -> list[dict[str, Any]]:
    """Tell every attempt to deliver, oldest first, of all projects or of one."""
    return [row for row in state.deliveries.log() if project in {"", row["project"]}]


@router.delete("/webhooks/deliveries")
async def forget_deliveries(state: State) -> dict[str, int]:
    """Clear the log of attempts."""
    return {"cleared": state.deliveries.forget()}


@router.get("/jobservice")
async def jobservice(state: State) -> dict[str, Any]:
    """Tell how the jobservice stands, and how many deliveries it has still to make."""
    return _jobservice(state)


@router.put("/jobservice")
async def switch_jobservice(state: State, order: JobserviceOrder) -> dict[str, Any]:
    """Start, stop, hasten or slow down the jobservice."""
    if order.delay_factor is not None:
        state.settings.webhook_delay_factor = order.delay_factor
    if order.running is not None:
        state.deliveries.jobservice.switch(on=order.running)
    return _jobservice(state)


@router.get("/audit")
async def audit(state: State) -> dict[str, Any]:
    """Tell how the audit feed stands."""
    return _audit(state)


@router.put("/audit")
async def switch_audit(state: State, order: AuditOrder) -> dict[str, Any]:
    """Switch the audit feed on or off, or have its next rows come late."""
    if order.enabled is not None:
        state.audit.enabled = order.enabled
    if order.late_rows:
        state.audit.hold(order.late_rows, order.late_seconds)
    return _audit(state)


@router.delete("/audit")
async def purge_audit(state: State, before: datetime | None = None) -> dict[str, int]:
    """Delete the rows before a time, or all of them; ids go on from where they were."""
    return {"purged": state.audit.purge(before)}


def _jobservice(state: HarborState) -> dict[str, Any]:
    service = state.deliveries.jobservice
    factor = state.settings.webhook_delay_factor
    return {"running": service.is_running, "waiting": service.waiting, "delay_factor": factor}


def _audit(state: HarborState) -> dict[str, Any]:
    return {"enabled": state.audit.enabled, "rows": len(state.audit.rows())}
