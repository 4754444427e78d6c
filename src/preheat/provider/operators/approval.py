"""Let a person decide about a plan that is over its budget."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.hitl import HITLOperator

from preheat.provider.config import max_map_length, open_ledger
from preheat.provider.operators.plan import OVER_BUDGET

if TYPE_CHECKING:
    from airflow.sdk import Context

__all__ = ["BudgetApprovalOperator"]

ALL = "Ask for all of it"
FITTING = "Keep to the budget"


class BudgetApprovalOperator(HITLOperator):
    """Ask whether the whole plan may run, if it is over its budget; else end at once.

    Airflow shows the question under *Required Actions*. Until somebody answers nothing is asked of
    any cluster; without an answer within a day the run keeps to the budget.

    :param plan_task_id: the task that made the plan.
    :param policy: its name, for the question.
    """

    ui_color = "#f7e0ee"

    def __init__(self, *, plan_task_id: str, policy: str, **kwargs: Any) -> None:
        super().__init__(
            subject=f"{policy} is over its budget",
            body=f"{{{{ ti.xcom_pull(task_ids='{plan_task_id}')['{OVER_BUDGET}'] }}}}",
            options=[ALL, FITTING],
            defaults=FITTING,
            response_timeout=timedelta(days=1),
            **kwargs,
        )

    def execute(self, context: Context) -> Any:
        """Wait for the answer, if there is a question."""
        if not self.body:
            self.log.info("The plan keeps to its budget, or is dry: there is nothing to decide.")
            return None
        ti = context["ti"]
        # Cleared after a yes, the question stands anew.
        open_ledger().hold_to_budget(ti.dag_id, ti.run_id)
        return super().execute(context)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> Any:
        """Let the whole plan run, where that was the answer."""
        answer = super().execute_complete(context, event)
        who = (answer["responded_by_user"] or {}).get("name") or "nobody in time"
        self.log.info("%s: %s", ", ".join(answer["chosen_options"]), who)
        if ALL in answer["chosen_options"]:
            ti = context["ti"]
            lifted = open_ledger().lift_budget(ti.dag_id, ti.run_id, most=max_map_length())
            self.log.info("%d placements beyond the budget are asked for too.", lifted)
        return answer
