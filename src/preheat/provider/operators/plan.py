"""Decide what should be warm where, and write it down."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.triggers.temporal import DateTimeTrigger
from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowFailException

from preheat.difference import difference, selected
from preheat.errors import InputError, RefusedError
from preheat.plan import IMAGES_PLAN, LOOKS, Disposition
from preheat.planning import weigh_asked
from preheat.policy.units import format_size
from preheat.provider.config import open_ledger
from preheat.provider.doors import Doors
from preheat.provider.runs import run_ref
from preheat.rendering import count_of

if TYPE_CHECKING:
    from airflow.sdk import Context
    from airflow.sdk.types import Logger

    from preheat.ledger import Ledger, RunRef
    from preheat.plan import Plan
    from preheat.provider.sources import PlanSource

__all__ = ["OVER_BUDGET", "EvaluatePolicyOperator", "tell_plan"]

OVER_BUDGET = "over_budget"
"""Key of what the task returns: what a person is to be asked, empty if nothing."""


class EvaluatePolicyOperator(BaseOperator):
    """Evaluate a plan source and record the plan; nothing is asked of any cluster here.

    **Guarantees**: the plan of a run is recorded once; a cleared task replaces it. The manifests of
    what is to be warmed are fetched here, once for each digest ever. Where the policy waits for its
    window, the task sleeps in the triggerer and evaluates anew once it opens. A dry run (the run's
    parameter ``dry_run``) is recorded as one and waits for nothing. **Raises** for bad input at
    once, without retries; for a Harbor that does not answer with the task's own retries.

    :param source: where candidates come from and what selects among them.
    """

    ui_color = "#e8eefc"

    def __init__(self, *, source: PlanSource, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.source = source

    def execute(self, context: Context) -> dict[str, Any]:
        """Return counts for a person; the plan itself is in the ledger."""
        run = run_ref(context)
        params = context["params"]
        try:
            ledger = open_ledger()
            plan = self.source.plan(ledger, params)
            plan = _compared(plan, ledger, run)
        except (InputError, RefusedError) as error:
            # A repeat of the same question brings the same answer. The message says it all: with
            # its cause the log would show every word twice.
            raise AirflowFailException(str(error)) from None
        for warning in plan.warnings:
            self.log.warning("%s", warning)
        if plan.opens_at is not None:
            self.log.info("Waiting until %s, then planning anew.", plan.opens_at.isoformat())
            self.defer(trigger=DateTimeTrigger(moment=plan.opens_at), method_name="execute_open")
        weighed = weigh_asked(plan, ledger, Doors(ledger).harbor, self.log.warning)
        plan = replace(plan, bytes=weighed)
        if params.get("dry_run"):
            plan = plan.as_dry_run()
        recorded = ledger.record_plan(plan, run)
        asked = sum(item.disposition is Disposition.ASK for item in recorded.items)
        tell_plan(self.log, plan)
        return {
            "plan": recorded.plan_id,
            "decisions": plan.counts(),
            "asked": asked,
            OVER_BUDGET: plan.over_budget,
        }

    def execute_open(self, context: Context, event: Any) -> dict[str, Any]:
        """Plan anew now that the window has opened: what Harbor lists may have changed."""
        del event
        return self.execute(context)


def tell_plan(log: Logger, plan: Plan) -> None:
    """Log what a plan decided, where it asks for what, and what changed since the last one."""
    asked = [p for p in plan.placements if p.disposition is Disposition.ASK]
    log.info("Decisions: %s", plan.counts())
    if plan.dry_run:
        log.info("Placements: %d, and nothing is asked: this is a dry run", len(plan.placements))
    else:
        log.info("Placements: %d, of which %d are asked for now", len(plan.placements), len(asked))
    for placement in plan.placements:
        log.info(
            "  %s on %s (%s): %s %s",
            placement.label,
            placement.key.cluster,
            placement.key.scope,
            placement.disposition,
            placement.detail,
        )
    for cluster, counted in plan.bytes.items():
        unknown = f" and {counted.unknown} of unknown size" if counted.unknown else ""
        images = count_of(counted.images, "image")
        log.info("%s: %s, %s%s", cluster, images, format_size(counted.bytes), unknown)
    if plan.difference is not None:
        log.info(
            "Images since the last plan: %d came, %d went, %d stayed",
            len(plan.difference.added),
            len(plan.difference.removed),
            len(plan.difference.kept),
        )


def _compared(plan: Plan, ledger: Ledger, run: RunRef) -> Plan:
    """Say what came and went since the policy's last plan; others follow from none, or say less."""
    if plan.partial or plan.policy in {IMAGES_PLAN, *LOOKS}:
        return plan
    before = ledger.selected_before(plan.policy, run)
    if before is None:
        return plan
    return replace(plan, difference=difference(before, selected(plan.decisions)))
