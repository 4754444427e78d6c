"""Take up what happened in Harbor, and plan for it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from preheat.draining import Draining
from preheat.planning import weigh_asked
from preheat.provider.answers import Answers
from preheat.provider.config import max_map_length, open_ledger
from preheat.provider.doors import Doors
from preheat.provider.operators.plan import tell_plan
from preheat.provider.runs import run_ref
from preheat.rendering import count_of, event_line

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow.sdk import Context

    from preheat.ledger import Handled, StoredEvent
    from preheat.policy.model import Clusters, Policy

__all__ = ["DrainEventsOperator"]


class DrainEventsOperator(BaseOperator):
    """Drain the inbox of events: one plan for each policy that they touch.

    **Guarantees**: an event leaves the inbox in the transaction that records the plans it led to;
    if this task dies before, the next run takes it up. A cleared task takes its own events up
    again. What one Harbor does not answer keeps only that Harbor's events waiting. **Raises** what
    it did not answer when nothing else was there to do, for the task's own retries.

    :param policies: those with events.
    :param clusters: all of ``clusters.yaml``.
    """

    ui_color = "#e8eefc"

    def __init__(self, *, policies: tuple[Policy, ...], clusters: Clusters, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.policies = policies
        self.clusters = clusters

    def execute(self, context: Context) -> dict[str, Any]:
        """Return counts for a person; events and plans are in the ledger.

        :raises PreheatError: if nothing could be done, as whatever did not answer says it.
        """
        ledger, run = open_ledger(), run_ref(context)
        waiting = [*ledger.inbox.of_run(run.dag_id, run.run_id), *ledger.inbox.waiting()]
        doors = Doors(ledger)
        drained = Draining(
            ledger,
            doors.harbor,
            lambda clients: Answers(ledger, clients),
            self.policies,
            self.clusters,
            datetime.now(UTC),
            max_map_length(),
        ).drain(waiting)
        for error in drained.errors:
            self.log.warning("Some events wait on: %s", error)
        if drained.errors and not drained.handled:
            raise drained.errors[0]
        plans = [
            replace(plan, bytes=weigh_asked(plan, ledger, doors.harbor, self.log.warning))
            for plan in drained.plans
        ]
        ledger.record_event_plans(plans, run, drained.handled)
        self._tell(waiting, drained.handled)
        for plan in plans:
            self.log.info("Policy %s, over the repositories that were touched:", plan.policy)
            for warning in plan.warnings:
                self.log.warning("%s", warning)
            if plan.over_budget:
                self.log.warning(
                    "Its budget asks a person: start preheat__%s to be asked.", plan.policy
                )
            tell_plan(self.log, plan)
        return {
            "events": len(waiting),
            "handled": len(drained.handled),
            "plans": {plan.policy: plan.counts() for plan in plans},
        }

    def _tell(self, waiting: Sequence[StoredEvent], handled: Sequence[Handled]) -> None:
        done: Mapping[int, Handled] = {each.event_id: each for each in handled}
        self.log.info("%s in the inbox, %d taken up.", count_of(len(waiting), "event"), len(done))
        for one in waiting:
            self.log.info("  %s", event_line(one, done.get(one.id)))
