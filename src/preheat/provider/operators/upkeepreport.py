"""Say what upkeep found, and let red mean that somebody should look."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowFailException

from preheat.demand import Demand
from preheat.plan import Disposition
from preheat.provider.config import open_ledger
from preheat.provider.operators.doctor import UNSEEN
from preheat.provider.operators.recheck import (
    NAMED,
    error_lines,
    errors_of,
    found_of,
    wishes_of,
)
from preheat.provider.runs import failed_of, pulled, states_of
from preheat.rendering import count_of, outcome_table, table_text
from preheat.upkeep import Ending, State
from preheat.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from airflow.sdk import Context

    from preheat.ledger import Kept, Ledger, Outcome

__all__ = ["UpkeepReportOperator"]

_WELL = (State.WARM, State.ACCEPTED, State.GONE, State.BUSY)


class UpkeepReportOperator(BaseOperator):
    """Read what the run's tasks found and fail unless all that must stay warm is warm.

    What a policy accepts as PARTIAL is no failure, and is counted apart: it is not warm.

    The only leaf of the DAG. Red too if the doctor found something wrong, or a task failed.
    """

    ui_color = "#fdf3dc"

    def execute(self, context: Context) -> dict[str, int]:
        """Log the report; return its figures.

        :raises AirflowFailException: if somebody should look.
        """
        ti = context["ti"]
        states = states_of(context)
        ledger = open_ledger()
        outcomes = ledger.outcomes(ti.dag_id, ti.run_id)
        found = found_of(context, states)
        settled = Counter[str]()
        for result in pulled(context, states, "settle", "return_value"):
            settled.update(result)
        pruned: dict[str, int] = next(iter(pulled(context, states, "prune", "return_value")), {})
        cold = _cold(ledger, outcomes, found)
        if outcomes:
            self.log.info("What was due:\n%s", table_text(outcome_table(outcomes)))
        unseen = [each for some in pulled(context, states, "doctor", UNSEEN) for each in some]
        lines = [*_kept_lines(outcomes, found, cold), _settled_line(settled), _pruned_line(pruned)]
        lines += _unseen_lines(unseen)
        self.log.info("%s", "\n".join(["What upkeep found:", *lines]))
        errors = errors_of(context, states)
        complaints = [*_failed(states), *error_lines(errors), *_cold_lines(cold)]
        if complaints:
            raise AirflowFailException("\n".join(complaints))
        return {
            "due": len(outcomes),
            **{state.name.lower(): len(found[state]) for state in State},
            "closed": settled[Ending.PROVED.name.lower()],
            "forgotten": sum(pruned.values()),
        }


def _cold(
    ledger: Ledger, outcomes: list[Outcome], found: Mapping[State, set[int]]
) -> list[Outcome]:
    kept = ledger.upkeep.kept()
    return [one for one in outcomes if not _is_well(ledger, one, found, kept)]


def _is_well(
    ledger: Ledger, outcome: Outcome, found: Mapping[State, set[int]], kept: list[Kept]
) -> bool:
    """Whether nobody need look: warm, gone from Harbor, in other hands, or not to be asked now.

    Each policy's wish is judged by its own demand; what the recheck found warm, it judged so.
    """
    if outcome.disposition is not Disposition.ASK or outcome.verdict is Verdict.WARM:
        return True
    if outcome.attempt is not None and (seen := outcome.attempt.finding) is not None:
        placement = ledger.placement(outcome.placement_id)
        wishes = wishes_of(placement, outcome.demand, kept)
        return all(wish.is_met_by(seen.under(wish.demand).verdict) for wish in wishes)
    return any(outcome.placement_id in found[state] for state in _WELL)


def _kept_lines(
    outcomes: list[Outcome], found: Mapping[State, set[int]], cold: list[Outcome]
) -> Iterable[str]:
    yield f"  kept warm: {len(outcomes)} due"
    for state in State:
        if ids := found[state]:
            told = _after_asking(outcomes, ids, cold) if state.must_be_asked else ""
            yield f"    {len(ids)} {state}{told}"
    for disposition in (Disposition.WINDOW_CLOSED, Disposition.NEXT_RUN):
        if count := sum(outcome.disposition is disposition for outcome in outcomes):
            yield f"    {count} {disposition.words}"


def _after_asking(outcomes: list[Outcome], ids: set[int], cold: list[Outcome]) -> str:
    """Say what became of what was asked for again; what a policy merely accepts is not warm."""
    well = [one for one in outcomes if one.placement_id in ids and one not in cold]
    accepted = sum(one.verdict is Verdict.PARTIAL for one in well)
    told = f"; {len(well) - accepted} of them warm again"
    return f"{told}, {accepted} {State.ACCEPTED}" if accepted else told


def _settled_line(settled: Counter[str]) -> str:
    told = [f"{count} {_words(name)}" for name, count in sorted(settled.items())]
    return f"  attempts left open: {', '.join(told) or 'none'}"


def _words(name: str) -> str:
    """Say an ending in words; verdicts stand for themselves."""
    return Ending[name.upper()].value if name.upper() in Ending.__members__ else name


def _pruned_line(pruned: Mapping[str, int]) -> str:
    counts = [count_of(pruned.get(f"{noun}s", 0), noun) for noun in ("plan", "attempt", "event")]
    return f"  forgotten from the ledger: {', '.join(counts)}"


def _unseen_lines(unseen: list[str]) -> Iterable[str]:
    if unseen:
        yield "  not looked at, for a task cannot, or there is nothing to see yet:"
        yield from (f"    {each}" for each in unseen)


def _failed(states: Mapping[str, str]) -> Iterable[str]:
    if failed := failed_of(states):
        its = "its log" if len(failed) == 1 else "the log of each"
        yield f"{', '.join(failed)} failed: {its} says why and what to do."


def _cold_lines(cold: list[Outcome]) -> Iterable[str]:
    if not cold:
        return
    yield f"{count_of(len(cold), 'placement')} should be warm and cannot be shown to be:"
    for outcome in cold[:NAMED]:
        because = f": {outcome.words}" if outcome.words else ""
        wanted = "" if outcome.demand == Demand() else f" (wanted: {outcome.demand})"
        yield f"  {outcome.label} on {outcome.cluster} is {outcome.verdict}{wanted}{because}"
    if (more := len(cold) - NAMED) > 0:
        yield f"  and {more} more, see the table above"
