"""Ask the peers of one cluster again what they hold, and read back what was found."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowSkipException

from preheat.errors import PreheatError
from preheat.plan import Disposition
from preheat.provider.config import open_ledger
from preheat.provider.doors import Doors
from preheat.provider.runs import pulled
from preheat.rendering import count_of, finding_lines
from preheat.upkeep import Due, Rechecked, State, Wish, recheck, strictest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from airflow.sdk import Context

    from preheat.demand import Demand
    from preheat.drivers.base import Driver
    from preheat.harbor.client import HarborClient
    from preheat.ledger import Kept, Ledger, Outcome, StoredPlacement

__all__ = [
    "ERRORS",
    "FOUND",
    "NAMED",
    "RecheckPlacementsOperator",
    "error_lines",
    "errors_of",
    "found_of",
    "wishes_of",
]

FOUND = "found"
"""XCom key of what a recheck found: ids of placements by state."""
ERRORS = "errors"
"""XCom key of what a recheck could not look at, and why, in words."""
NAMED = 10
"""How many things a report names before it only counts them."""

_LOOKED_AT = (Disposition.ASK, Disposition.LOOK)
_LOOKS_AT_ONCE = 4  # each is one job at the manager, whose limit is 10 a second


class RecheckPlacementsOperator(BaseOperator):
    """Ask the peers of a cluster what they hold of what the run plans; nothing is heated here.

    :param cluster: name of the cluster.
    :param asks_again: whether the mapped task behind this one asks for what decayed. Else nothing
        is returned, and a cluster of which nothing is planned is skipped.
    """

    ui_color = "#f3ecfb"

    def __init__(self, *, cluster: str, asks_again: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.asks_again = asks_again
        self.cluster = cluster

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Return the sensor's arguments for what decayed, for the mapped task behind this one.

        What could not be looked at is told to the report, which turns red for it: it must not keep
        what decayed from being asked for.

        :raises PreheatError: if some could not be looked at, and there is nothing to ask for.
        """
        ti = context["ti"]
        ledger = open_ledger()
        planned = [
            outcome
            for outcome in ledger.outcomes(ti.dag_id, ti.run_id)
            if outcome.cluster == self.cluster and outcome.disposition in _LOOKED_AT
        ]
        if not planned and not self.asks_again:
            raise AirflowSkipException(f"Nothing is looked at on {self.cluster}.")
        found = self._look(ledger, planned)
        errors = {one.due.label: one.error for one in found if one.error}
        ti.xcom_push(key=FOUND, value=_summary(found))
        ti.xcom_push(key=ERRORS, value=[f"{label}: {error}" for label, error in errors.items()])
        again = [one for one in found if one.state.must_be_asked and self.asks_again]
        wanted = [_as_arguments(one) for one in again]
        if errors and not wanted:
            raise next(iter(errors.values()))
        return wanted

    def _look(self, ledger: Ledger, planned: list[Outcome]) -> list[Rechecked]:
        """Look at several at once; the connections are opened before, in this thread."""
        claims = ledger.upkeep.open_attempts(self.cluster)
        busy = {claim.attempt.placement_id for claim in claims}
        kept = ledger.upkeep.kept()
        doors = Doors(ledger)
        looks = [self._prepared(doors, _due(ledger, outcome, kept)) for outcome in planned]

        def one(look: Rechecked | tuple[Driver, HarborClient, Due]) -> Rechecked:
            if isinstance(look, Rechecked):
                return look
            return recheck(ledger, *look, busy=busy)

        with ThreadPoolExecutor(_LOOKS_AT_ONCE, "preheat-recheck") as pool:
            found = list(pool.map(one, looks))
        for each in found:
            self._tell(each)
        return found

    def _prepared(self, doors: Doors, due: Due) -> Rechecked | tuple[Driver, HarborClient, Due]:
        settings = due.placement.settings
        try:
            return doors.driver(settings), doors.harbor(settings.registry), due
        except PreheatError as error:
            return Rechecked(due, State.FAILED, error=error)

    def _tell(self, one: Rechecked) -> None:
        if one.error is not None:
            self.log.warning("%s: %s: %s", one.due.label, one.state, one.error)
            return
        verdict = one.finding.verdict if one.finding and not self.asks_again else None
        self.log.info("%s: %s", one.due.label, verdict or one.state)
        if one.finding is not None and one.state is not State.WARM:
            for line in finding_lines(one.finding):
                self.log.info("  %s", line)


def _as_arguments(one: Rechecked) -> dict[str, Any]:
    return {
        "placement": one.due.placement.id,
        "placement_label": one.due.label,
        "demand": str(one.demand),
        "accept_partial": one.accept_partial,
    }


def wishes_of(placement: StoredPlacement, demand: Demand, kept: Iterable[Kept]) -> tuple[Wish, ...]:
    """Tell what is wanted of a planned placement.

    A wish that wants more than the plan was made for is that of a suspended policy, or came later.

    :param demand: what the plan was made for: enough for all that it counted.
    """
    hosts = len(placement.settings.hosts_of(placement.key.scope)) or None
    wishes = [wish for wish in kept if wish.placement.id == placement.id]
    counted = [
        Wish(wish.demand, wish.accept_partial)
        for wish in wishes
        if strictest([wish.demand, demand], hosts) == demand
    ]
    return tuple(counted) or (Wish(demand),)


def _due(ledger: Ledger, outcome: Outcome, kept: list[Kept]) -> Due:
    placement = ledger.placement(outcome.placement_id)
    return Due(
        placement=placement,
        label=outcome.label,
        policies=(),
        wishes=wishes_of(placement, outcome.demand, kept),
        due_at=ledger.upkeep.now(),
    )


def _summary(found: list[Rechecked]) -> dict[str, list[int]]:
    """Give the ids of the placements by what was found."""
    return {
        state.name.lower(): [one.due.placement.id for one in found if one.state is state]
        for state in State
    }


def found_of(context: Context, states: Mapping[str, str]) -> dict[State, set[int]]:
    """Read what the rechecks of a run found: ids of placements by state."""
    found: dict[State, set[int]] = {state: set() for state in State}
    for result in pulled(context, states, "recheck", FOUND):
        for name, ids in result.items():
            found[State[name.upper()]].update(ids)
    return found


def errors_of(context: Context, states: Mapping[str, str]) -> list[str]:
    """Read what the rechecks of a run could not look at, and why."""
    return [each for some in pulled(context, states, "recheck", ERRORS) for each in some]


def error_lines(errors: list[str]) -> Iterable[str]:
    """Name what could not be looked at."""
    if errors:
        yield f"{count_of(len(errors), 'placement')} could not be looked at:"
        yield from (f"  {error}" for error in errors[:NAMED])
    if (more := len(errors) - NAMED) > 0:
        yield f"  and {more} more, see the log of recheck"
