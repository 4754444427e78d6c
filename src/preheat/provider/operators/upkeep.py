"""Look after one cluster: what was left open, what must stay warm; and clear old rows away."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from preheat.errors import PreheatError
from preheat.plan import Disposition
from preheat.policy.units import format_duration
from preheat.provider.config import open_ledger, retention
from preheat.provider.doors import Doors
from preheat.provider.runs import run_ref
from preheat.rendering import count_of, finding_lines
from preheat.threads import in_this_context
from preheat.upkeep import Due, Ending, Rechecked, State, Wish, recheck, settle, strictest

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from airflow.sdk import Context

    from preheat.demand import Demand
    from preheat.drivers.base import Driver
    from preheat.harbor.client import HarborClient
    from preheat.ledger import Kept, Ledger, Outcome, StoredPlacement
    from preheat.upkeep import Settled

__all__ = [
    "ERRORS",
    "FOUND",
    "PruneLedgerOperator",
    "RecheckPlacementsOperator",
    "SettleAttemptsOperator",
    "wishes_of",
]

FOUND = "found"
"""XCom key of what a recheck found, as counts and ids."""
ERRORS = "errors"
"""XCom key of what a recheck could not look at, and why, in words."""

_LOOKS_AT_ONCE = 4  # each is one job at the manager, whose limit is 10 a second
_NOT_FOLLOWED = "clusters.yaml has no cluster {} any more, so nobody follows this."


class SettleAttemptsOperator(BaseOperator):
    """Bring the open attempts of a cluster to their true end, if nobody else does.

    A crash leaves them, or a person who marked a task failed: Dragonfly's job went on. What ended
    is proved; what still runs stays open; nothing is guessed.

    :param cluster: name of the cluster.
    """

    template_fields: Sequence[str] = ("cluster",)
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


class RecheckPlacementsOperator(BaseOperator):
    """Ask the peers of a cluster what they hold of what is due; nothing is heated here.

    :param cluster: name of the cluster.
    """

    template_fields: Sequence[str] = ("cluster",)
    ui_color = "#f3ecfb"

    def __init__(self, *, cluster: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
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
            if outcome.cluster == self.cluster and outcome.disposition is Disposition.ASK
        ]
        found = self._look(ledger, planned)
        errors = {one.due.label: one.error for one in found if one.error}
        ti.xcom_push(key=FOUND, value=_summary(found))
        ti.xcom_push(key=ERRORS, value=[f"{label}: {error}" for label, error in errors.items()])
        wanted = [_as_arguments(one) for one in found if one.state.must_be_asked]
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
            found = list(pool.map(in_this_context(one), looks))
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
        self.log.info("%s: %s", one.due.label, one.state)
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
