"""Take up what happened in Harbor, and plan for it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from preheat.draining import Circumstances, Draining
from preheat.planning import weigh_asked
from preheat.provider.answers import Answers
from preheat.provider.config import max_map_length, open_ledger
from preheat.provider.doors import Doors
from preheat.provider.measuring import measure_plan
from preheat.provider.operators.plan import tell_plan
from preheat.provider.runs import run_ref
from preheat.provider.tracing import span
from preheat.rendering import count_of, event_line

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow.sdk import Context

    from preheat.ledger import Handled, StoredEvent
    from preheat.policy.model import Clusters, Policy

__all__ = ["DrainEventsOperator"]

_TOLD = 200


class DrainEventsOperator(BaseOperator):
    """Drain the inbox of events: one plan for each policy that they touch.

    **Guarantees**: an event leaves the inbox in the transaction that records the plans it led to;
    if this task dies before, the next run takes it up. A task that runs again lets go of its own
    events first, so that they wait should it fail. What could not be looked at is put off for that
    policy and place alone, and turns the run's report red; **raises** no error of Harbor's.

    :param policies: those with events.
    :param clusters: all of ``clusters.yaml``.
    :param broken: names of policy files that cannot be read: what nobody takes is put off then.
    """

    ui_color = "#e8eefc"

    def __init__(
        self,
        *,
        policies: tuple[Policy, ...],
        clusters: Clusters,
        broken: tuple[str, ...] = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.broken = broken
        self.policies = policies
        self.clusters = clusters

    def execute(self, context: Context) -> dict[str, Any]:
        """Return counts for a person; events and plans are in the ledger.

        :raises LedgerError: the ledger failed; all events wait on.
        """
        ledger, run = open_ledger(), run_ref(context)
        if ledger.inbox.of_run(run.dag_id, run.run_id):
            ledger.record_event_plans([], run, [])
        waiting = ledger.inbox.waiting()
        doors = Doors(ledger)
        common = Circumstances(
            ledger,
            lambda clients: Answers(ledger, clients),
            self.clusters,
            datetime.now(UTC),
            max_map_length(),
        )
        with span("plan", events=len(waiting)):
            drained = Draining(common, doors.harbor, self.policies, self.broken).drain(waiting)
        plans = [
            replace(plan, bytes=weigh_asked(plan, ledger, doors.harbor, self.log.warning))
            for plan in drained.plans
        ]
        ledger.record_event_plans(plans, run, drained.handled)
        self._tell(waiting, drained.handled)
        for plan in plans:
            measure_plan(plan)
            self.log.info("Policy %s, over the repositories that were touched:", plan.policy)
            for told in (*plan.warnings, *plan.failures):
                self.log.warning("%s", told)
            if plan.over_budget:
                self.log.warning(
                    "Its budget asks a person: start preheat__%s to be asked.", plan.policy
                )
            tell_plan(self.log, plan)
        return {
            "events": len(waiting),
            "put_off": sum(bool(done.postponed) for done in drained.handled),
            "plans": {plan.policy: plan.counts() for plan in plans},
        }

    def _tell(self, waiting: Sequence[StoredEvent], handled: Sequence[Handled]) -> None:
        done: Mapping[int, Handled] = {each.event_id: each for each in handled}
        self.log.info("%s taken up.", count_of(len(waiting), "event"))
        for one in waiting[:_TOLD]:
            self.log.info("  %s", event_line(one, done.get(one.id)))
        if (more := len(waiting) - _TOLD) > 0:
            self.log.info("  and %d more: preheat events shows them", more)
