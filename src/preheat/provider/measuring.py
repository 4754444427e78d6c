"""What is told to Airflow's metrics, and when: one call at each place where something happens."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING

from preheat.errors import PreheatError
from preheat.provider import metrics
from preheat.provider.config import open_ledger
from preheat.verdict import Verdict

if TYPE_CHECKING:
    from datetime import datetime

    from preheat.doctor import Examination
    from preheat.ledger import DueEvents, Followed
    from preheat.plan import Plan
    from preheat.verdict import Finding

__all__ = [
    "Waiting",
    "measure_examination",
    "measure_ledger",
    "measure_plan",
    "measure_proof",
    "measure_upkeep",
]

_TOLD_EVERY_SECONDS = 15.0


def measure_plan(plan: Plan) -> None:
    """Tell what a plan decided."""
    metrics.PLANS.tell(1, policy=plan.policy)
    for reason, number in plan.counts().items():
        metrics.DECISIONS.tell(number, reason=reason)
    planned = Counter((one.key.cluster, one.disposition.value) for one in plan.placements)
    for (cluster, disposition), number in planned.items():
        metrics.PLANNED.tell(number, cluster=cluster, disposition=disposition)


def measure_proof(followed: Followed, finding: Finding | None, waited: float) -> None:
    """Tell how an attempt ended.

    :param finding: None where it was closed without one.
    :param waited: seconds since it was read from the ledger.
    """
    cluster, asked = followed.placement.key.cluster, followed.seconds_since_asked
    verdict = finding.verdict if finding else Verdict.UNKNOWN
    metrics.VERDICTS.tell(1, cluster=cluster, verdict=verdict.value)
    if finding is not None and finding.bytes_warm:
        metrics.BYTES_WARM.tell(finding.bytes_warm, cluster=cluster)
    if verdict is Verdict.WARM and asked is not None:
        metrics.SECONDS_TO_WARM.tell(asked + waited, cluster=cluster)


def measure_ledger() -> None:
    """Tell what is wanted, asked for and waiting now; a ledger that fails is told of elsewhere."""
    try:
        figures = open_ledger().upkeep.figures()
    except PreheatError:
        return
    for (cluster, verdict), number in figures.placements.items():
        metrics.PLACEMENTS.tell(number, cluster=cluster, verdict=verdict.value)
    for cluster, number in figures.asked.items():
        metrics.ASKED.tell(number, cluster=cluster)
    for registry, due in figures.waiting.items():
        _tell_waiting(registry, due, figures.now)


def measure_examination(examination: Examination) -> None:
    """Tell how the things stand that the doctor looked at."""
    for state, number in examination.counts.items():
        metrics.DOCTOR.tell(number, state=state.value)


def measure_upkeep() -> None:
    """Tell that upkeep came to its end, and how everything stands."""
    metrics.UPKEEP.tell(int(time.time()))
    measure_ledger()


class Waiting:
    """Tells now and then how many events of a Harbor wait, for a watcher that looks often.

    :param registry: Airflow connection of the Harbor.
    """

    def __init__(self, registry: str) -> None:
        self._registry = registry
        self._next = 0.0

    def tell(self, due: DueEvents, now: datetime) -> None:
        """Tell it, unless that was done a moment ago."""
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + _TOLD_EVERY_SECONDS
        _tell_waiting(self._registry, due, now)


def _tell_waiting(registry: str, due: DueEvents, now: datetime) -> None:
    since = due.oldest_received_at
    age = max((now - since).total_seconds(), 0.0) if since else 0.0
    metrics.EVENTS_WAITING.tell(due.count, registry=registry)
    metrics.EVENTS_AGE.tell(round(age, 1), registry=registry)
