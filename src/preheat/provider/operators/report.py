"""Say what became of a run, and let green mean warm."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from preheat.plan import Disposition
from preheat.provider.config import open_ledger
from preheat.provider.runs import failed_of, states_of
from preheat.rendering import count_of, outcome_table, table_text
from preheat.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow.sdk import Context

    from preheat.ledger import Outcome

__all__ = ["PreheatReportOperator", "require_plan"]


class PreheatReportOperator(BaseOperator):
    """Read the ledger and fail the run unless every placement of its plan is warm.

    What the budget leaves out, or a closed window, or a PARTIAL that the policy accepts, is no
    failure: the policy says so itself. But not all is warm then: the report ends skipped, and no
    asset says that the clusters are warm. So it does after a dry run, if it has assets to update.

    The only leaf of the DAG, run whatever happened before it. Clearing a tracked task *with its
    downstream* runs it again, so that the run turns green once all is warm.

    :param plan_task_id: the task that made the plan.
    :param accept_partial: whether PARTIAL counts as well enough; None for what each plan says.
    :param skips_nothing: whether an empty plan ends skipped: nothing was to be done, and no asset
        needs an update.
    """

    ui_color = "#fdf3dc"

    def __init__(
        self,
        *,
        plan_task_id: str,
        accept_partial: bool | None = False,
        skips_nothing: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.skips_nothing = skips_nothing
        self.plan_task_id = plan_task_id
        self.accept_partial = accept_partial

    def execute(self, context: Context) -> dict[str, Any]:
        """Log the table; return the counts by verdict.

        :raises AirflowFailException: if there is no plan, or something is not warm.
        """
        ti = context["ti"]
        states = states_of(context)
        require_plan(states, self.plan_task_id)
        ledger = open_ledger()
        outcomes = ledger.outcomes(ti.dag_id, ti.run_id)
        is_dry = ledger.is_dry_run(ti.dag_id, ti.run_id)
        complaints = list(ledger.failures(ti.dag_id, ti.run_id))
        if not outcomes and not complaints:
            self.log.info("The plan is empty: nothing has to be warm.")
        self.log.info("What became of the plan:\n%s", table_text(outcome_table(outcomes)))
        summary = {
            "placements": len(outcomes),
            **Counter(_left_out(outcome) or outcome.verdict.value for outcome in outcomes),
        }
        if not complaints and not any(o.disposition is Disposition.ASK for o in outcomes):
            self._skip_closed(outcomes)
        failed = failed_of(states)
        complaints += self._not_well(outcomes, failed, is_dry=is_dry)
        if complaints:
            raise AirflowFailException("\n".join(complaints))
        self.log.info("%s", summary)
        if is_dry:
            self._end_dry()
        else:
            self._skip(outcomes)
        return summary

    def _not_well(
        self, outcomes: Sequence[Outcome], failed: Sequence[str], *, is_dry: bool
    ) -> list[str]:
        """Name what should be warm and is not, and what failed.

        :param failed: ids of the tasks that did.
        """
        cold = [outcome for outcome in outcomes if not self._is_well(outcome)]
        if cold:
            return [*_blocked(failed), _complaint(cold, len(outcomes))]
        if failed and not is_dry:
            # What an earlier try proved warm stands in the ledger; this try could not prove it.
            return [f"All was warm when last proved, but {', '.join(failed)} failed."]
        return _blocked(failed)

    def _end_dry(self) -> None:
        """End a dry run: of what is warm it says nothing, so no asset may either."""
        self.log.info("This was a dry run: nothing was asked of any cluster.")
        if self.outlets:
            raise AirflowSkipException("A dry run: nothing was asked.")

    def _skip(self, outcomes: Sequence[Outcome]) -> None:
        """Skip where something was left out on purpose: not all is warm, and no asset may say so.

        The log says why too, because Airflow folds what it logs of the exception away.
        """
        self._skip_closed(outcomes)
        accepted = [o for o in outcomes if not _left_out(o) and o.verdict is not Verdict.WARM]
        for outcome in accepted:  # none but these is well without being warm
            self.log.info(
                "%s on %s is %s, which its policy accepts (onPartial: accept); it is not warm.",
                outcome.label,
                outcome.cluster,
                outcome.verdict,
            )
        if left := [o for o in outcomes if o.disposition is Disposition.OVER_BUDGET]:
            rest = "not all else is warm" if accepted else "all else is warm"
            self.log.info("The budget left out %s; %s.", count_of(len(left), "image"), rest)
            raise AirflowSkipException("The budget left something out.")
        if accepted:
            self.log.info("Not all is warm, so no asset says so: this report ends skipped.")
            raise AirflowSkipException("The policy accepts PARTIAL: not all is warm.")
        if not outcomes and self.skips_nothing:
            raise AirflowSkipException("Nothing was to be done.")

    def _skip_closed(self, outcomes: Sequence[Outcome]) -> None:
        """Skip where a window is closed; of a run that asked for nothing nothing is claimed."""
        if closed := next(filter(_is_closed, outcomes), None):
            asked = any(outcome.disposition is Disposition.ASK for outcome in outcomes)
            what = "Not all was" if asked else "Nothing was"
            self.log.info("%s asked for: %s.", what, closed.detail)
            raise AirflowSkipException("The window is closed.")

    def _is_well(self, outcome: Outcome) -> bool:
        """Whether a placement is warm, or the policy itself does not want it asked for now."""
        if _left_out(outcome) or outcome.verdict is Verdict.WARM:
            return True
        accepts = outcome.accept_partial if self.accept_partial is None else self.accept_partial
        return accepts and outcome.verdict is Verdict.PARTIAL


def require_plan(states: Mapping[str, str], task_id: str) -> None:
    """Refuse to report where nothing was planned.

    :param task_id: of the task that plans.
    :raises AirflowFailException: if it did not end well.
    """
    if (state := states.get(task_id)) != "success":
        raise AirflowFailException(
            f"There is no plan: the task {task_id} ended as {state}. "
            "Its log says why; nothing was asked of any cluster."
        )


_NAMED = 10
_TRACKED = re.compile(r"\.track(_\d+)?$")
_LEFT_OUT = {Disposition.DRY_RUN, Disposition.OVER_BUDGET, Disposition.WINDOW_CLOSED}


def _left_out(outcome: Outcome) -> str:
    return outcome.disposition.words if outcome.disposition in _LEFT_OUT else ""


def _is_closed(outcome: Outcome) -> bool:
    return outcome.disposition is Disposition.WINDOW_CLOSED


def _blocked(failed: Sequence[str]) -> list[str]:
    """Name what failed before anything could be tracked."""
    names = [name for name in failed if not _TRACKED.search(name)]
    return [f"{', '.join(names)} failed: the log says why."] if names else []


def _complaint(cold: Sequence[Outcome], all_of: int) -> str:
    lines = [f"{len(cold)} of {count_of(all_of, 'placement')} not warm:"]
    for outcome in cold[:_NAMED]:
        missing = f", {count_of(len(outcome.missing), 'layer')} missing" if outcome.missing else ""
        because = f": {why}" if (why := _why(outcome)) else ""
        lines.append(
            f"  {outcome.label} on {outcome.cluster} is {outcome.verdict}{missing}{because}"
        )
    if (more := len(cold) - _NAMED) > 0:
        lines.append(f"  and {more} more, see the table above")
    lines.append(
        "Open the red instances of the task track: each log says what is missing and what to do. "
        "After mending, clear them with their downstream; only what is missing is fetched."
    )
    return "\n".join(lines)


def _why(outcome: Outcome) -> str:
    """Say why a placement is not warm, in the words of whoever said it first."""
    if outcome.disposition is Disposition.NEXT_RUN:
        return outcome.detail
    told = [outcome.words, *(layer.words for layer in outcome.missing)]
    return next(filter(None, told), "")
