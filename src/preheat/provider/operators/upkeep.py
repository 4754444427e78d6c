"""Look after what was left open on one cluster, and clear old rows away."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from preheat.policy.units import format_duration
from preheat.provider.config import open_ledger, retention
from preheat.provider.doors import Doors
from preheat.provider.runs import run_ref
from preheat.rendering import count_of, finding_lines
from preheat.upkeep import Ending, settle

if TYPE_CHECKING:
    from airflow.sdk import Context

    from preheat.ledger import Ledger
    from preheat.upkeep import Settled

__all__ = ["PruneLedgerOperator", "SettleAttemptsOperator"]

_NOT_FOLLOWED = "clusters.yaml has no cluster {} any more, so nobody follows this."


class SettleAttemptsOperator(BaseOperator):
    """Bring the open attempts of a cluster to their true end, if nobody else does.

    A crash leaves them, or a person who marked a task failed: Dragonfly's job went on. What ended
    is proved; what still runs stays open; nothing is guessed.

    :param cluster: name of the cluster.
    """

    ui_color = "#f3ecfb"

    def __init__(self, *, cluster: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.cluster = cluster

    def execute(self, context: Context) -> dict[str, int]:
        """Return how many attempts came to which end.

        :raises PreheatError: if some could not be looked at; the others are done all the same.
        """
        ledger = open_ledger()
        doors = Doors(ledger)
        claims = ledger.upkeep.open_attempts(self.cluster)
        done = settle(ledger, claims, doors.driver, doors.harbor, run=run_ref(context))
        for one in done:
            self._tell(one)
        self.log.info("%s open on %s.", count_of(len(claims), "attempt"), self.cluster)
        if error := next((one.error for one in done if one.error), None):
            raise error
        return {
            **Counter(one.ending.name.lower() for one in done),
            **Counter(one.finding.verdict.value for one in done if one.finding),
        }

    def _tell(self, one: Settled) -> None:
        told = f": {one.error}" if one.error else ""
        level = self.log.warning if one.ending is Ending.FAILED else self.log.info
        level(
            "Attempt %d of placement %d: %s%s", one.attempt_id, one.placement_id, one.ending, told
        )
        for line in finding_lines(one.finding) if one.finding else ():
            self.log.info("  %s", line)


class PruneLedgerOperator(BaseOperator):
    """Forget what is older than ``[preheat] retention`` and nothing rests on any more.

    Attempts that are open on clusters that ``clusters.yaml`` no longer names are closed UNKNOWN:
    nobody can ask there.

    :param clusters: the names that it has now.
    """

    ui_color = "#f3ecfb"

    def __init__(self, *, clusters: tuple[str, ...], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.clusters = clusters

    def execute(self, context: Context) -> dict[str, int]:
        """Return how much was forgotten."""
        del context
        ledger = open_ledger()
        left = self._close_left(ledger) if self.clusters else 0
        done = ledger.upkeep.prune(retention())
        self.log.info(
            "Forgot %s, %s and %s older than %s.",
            count_of(done.plans, "plan"),
            count_of(done.attempts, "attempt"),
            count_of(done.events, "event"),
            format_duration(retention()),
        )
        forgotten = {"plans": done.plans, "attempts": done.attempts, "events": done.events}
        return {**forgotten, "left": left}

    def _close_left(self, ledger: Ledger) -> int:
        closed = 0
        for claim in ledger.upkeep.open_attempts():
            cluster = ledger.placement(claim.attempt.placement_id).key.cluster
            if cluster not in self.clusters and claim.lease_seconds_left == 0:
                words = _NOT_FOLLOWED.format(cluster)
                closed += ledger.close_attempt(claim.attempt.id, None, words)
        return closed
