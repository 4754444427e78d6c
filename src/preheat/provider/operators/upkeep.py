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
from preheat.provider.hooks.dragonfly import DragonflyHook
from preheat.provider.hooks.harbor import HarborHook
from preheat.provider.runs import run_ref
from preheat.rendering import count_of, finding_lines
from preheat.upkeep import Due, Ending, State, recheck, settle

if TYPE_CHECKING:
    from airflow.sdk import Context

    from preheat.drivers.base import Driver
    from preheat.harbor.client import HarborClient
    from preheat.ledger import Ledger, Outcome
    from preheat.placement import TrackSettings
    from preheat.upkeep import Rechecked, Settled

__all__ = [
    "FOUND",
    "PruneLedgerOperator",
    "RecheckPlacementsOperator",
    "SettleAttemptsOperator",
    "accepting",
]

FOUND = "found"
"""XCom key of what a recheck found, as counts and ids."""

_LOOKS_AT_ONCE = 4  # each is one job at the manager, whose limit is 10 a second
_NOT_FOLLOWED = "clusters.yaml has no cluster {} any more, so nobody follows this."


class _Doors:
    """Opens each connection once in a task: every lookup asks the supervisor."""

    def __init__(self) -> None:
        self._drivers: dict[tuple[str, str], Driver] = {}
        self._harbors: dict[str, HarborClient] = {}

    def driver(self, settings: TrackSettings) -> Driver:
        name = (settings.connection, settings.driver)
        if name not in self._drivers:
            hook = DragonflyHook(settings.connection)
            self._drivers[name] = hook.driver(name=settings.driver)
        return self._drivers[name]

    def harbor(self, conn_id: str) -> HarborClient:
        if conn_id not in self._harbors:
            self._harbors[conn_id] = HarborHook(conn_id).client()
        return self._harbors[conn_id]


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
        ledger, doors = open_ledger(), _Doors()
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

    ui_color = "#f3ecfb"

    def __init__(self, *, cluster: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.cluster = cluster

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Return the sensor's arguments for what decayed, for the mapped task behind this one.

        :raises PreheatError: if some could not be looked at; what was found of others stands.
        """
        ti = context["ti"]
        ledger = open_ledger()
        planned = [
            outcome
            for outcome in ledger.outcomes(ti.dag_id, ti.run_id)
            if outcome.cluster == self.cluster and outcome.disposition is Disposition.ASK
        ]
        found, errors = self._look(ledger, planned)
        ti.xcom_push(key=FOUND, value=_summary(found))
        if errors:
            raise errors[0]
        return [
            {
                "placement": one.due.placement.id,
                "placement_label": one.due.label,
                "accept_partial": one.due.accept_partial,
            }
            for one in found
            if one.state.must_be_asked
        ]

    def _look(
        self, ledger: Ledger, planned: list[Outcome]
    ) -> tuple[list[Rechecked], list[PreheatError]]:
        """Look at several at once; the connections are opened before, in this thread."""
        claims = ledger.upkeep.open_attempts(self.cluster)
        busy = {claim.attempt.placement_id for claim in claims}
        partial = accepting(ledger)
        dues = [_due(ledger, outcome, partial) for outcome in planned]
        doors = _Doors()
        for due in dues:
            doors.driver(due.placement.settings)
            doors.harbor(due.placement.settings.registry)

        def one(due: Due) -> Rechecked | PreheatError:
            settings = due.placement.settings
            driver, harbor = doors.driver(settings), doors.harbor(settings.registry)
            try:
                return recheck(ledger, driver, harbor, due, busy=busy)
            except PreheatError as error:
                self.log.warning("%s: %s", due.label, error)
                return error

        with ThreadPoolExecutor(_LOOKS_AT_ONCE, "preheat-recheck") as pool:
            seen = list(pool.map(one, dues))
        found = [each for each in seen if not isinstance(each, PreheatError)]
        for each in found:
            self._tell(each)
        return found, [each for each in seen if isinstance(each, PreheatError)]

    def _tell(self, one: Rechecked) -> None:
        self.log.info("%s: %s", one.due.label, one.state)
        if one.finding is not None and one.state is not State.WARM:
            for line in finding_lines(one.finding):
                self.log.info("  %s", line)


def accepting(ledger: Ledger) -> set[int]:
    """Tell for which placements every policy that wants them kept takes PARTIAL for well enough."""
    wishes = ledger.upkeep.kept()
    strict = {wish.placement.id for wish in wishes if not wish.accept_partial}
    return {wish.placement.id for wish in wishes} - strict


def _due(ledger: Ledger, outcome: Outcome, partial: set[int]) -> Due:
    placement = ledger.placement(outcome.placement_id)
    return Due(
        placement=placement,
        label=outcome.label,
        policies=(),
        accept_partial=placement.id in partial,
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
            "Forgot %s and %s older than %s.",
            count_of(done.plans, "plan"),
            count_of(done.attempts, "attempt"),
            format_duration(retention()),
        )
        return {"plans": done.plans, "attempts": done.attempts, "left": left}

    def _close_left(self, ledger: Ledger) -> int:
        closed = 0
        for claim in ledger.upkeep.open_attempts():
            cluster = ledger.placement(claim.attempt.placement_id).key.cluster
            if cluster not in self.clusters and claim.lease_seconds_left == 0:
                words = _NOT_FOLLOWED.format(cluster)
                closed += ledger.close_attempt(claim.attempt.id, None, words)
        return closed
