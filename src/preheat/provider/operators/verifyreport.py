"""Say what the peers were found to hold, and let green mean warm."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowFailException

from preheat.provider.config import open_ledger
from preheat.provider.operators.recheck import NAMED, error_lines, errors_of, found_of
from preheat.provider.operators.report import require_plan
from preheat.provider.runs import failed_of, states_of
from preheat.rendering import count_of, look_table, table_text
from preheat.upkeep import State
from preheat.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from airflow.sdk import Context

    from preheat.ledger import Outcome

__all__ = ["VerifyReportOperator"]

# Of all others the verdict says it.
_TOLD = (State.UNPROVED, State.GONE, State.BUSY)


class VerifyReportOperator(BaseOperator):
    """Read the ledger and fail unless all that was looked at is warm.

    What is being asked for at this moment is not shown to be warm either: the report says so.

    The only leaf of the DAG, run whatever happened before it.

    :param plan_task_id: the task that made the plan.
    """

    ui_color = "#fdf3dc"

    def __init__(self, *, plan_task_id: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.plan_task_id = plan_task_id

    def execute(self, context: Context) -> dict[str, int]:
        """Log the table; return the counts by verdict.

        :raises AirflowFailException: if there is no plan, or something is not shown to be warm.
        """
        ti = context["ti"]
        states = states_of(context)
        require_plan(states, self.plan_task_id)
        outcomes = open_ledger().outcomes(ti.dag_id, ti.run_id)
        self.log.info("What the peers hold:\n%s", table_text(look_table(outcomes)))
        cold = [outcome for outcome in outcomes if outcome.verdict is not Verdict.WARM]
        failed = failed_of(states)
        complaints = [
            *([f"{', '.join(failed)} failed: the log says why."] if failed else []),
            *error_lines(errors_of(context, states)),
            *_cold_lines(cold, len(outcomes), found_of(context, states)),
        ]
        if complaints:
            raise AirflowFailException("\n".join(complaints))
        return dict(Counter(outcome.verdict.value for outcome in outcomes))


def _cold_lines(cold: list[Outcome], all_of: int, found: Mapping[State, set[int]]) -> Iterable[str]:
    if not cold:
        return
    yield f"{len(cold)} of {count_of(all_of, 'placement')} not shown to be warm:"
    for outcome in cold[:NAMED]:
        said = [state for state in _TOLD if outcome.placement_id in found[state]]
        why = f": {said[0]}" if said else ""
        where = f"on {outcome.cluster} ({outcome.key.scope})"
        yield f"  {outcome.label} {where} is {outcome.verdict}{why}"
    if (more := len(cold) - NAMED) > 0:
        yield f"  and {more} more, see the table above"
    yield (
        "The log of recheck says which layers are missing where. Nothing was asked for: start the "
        "policy, or preheat_images, for that; only what is missing is fetched."
    )
