"""Our DAGs in Airflow: whether they are known there, and whether any is paused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from preheat.doctor.observations import Observation, State
from preheat.errors import PreheatError
from preheat.plan import IMAGES_PLAN, UPKEEP_PLAN, VERIFY_PLAN
from preheat.rendering import count_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from preheat.doctor.setup import Setup
    from preheat.policy.model import Policy

__all__ = ["dags", "webhooks"]

_EVENTS_DAG = "preheat_events"
_NAMED = 5


def dags(setup: Setup) -> Iterator[Observation]:
    """Look which of the DAGs are paused: such a one waits, by whatever it was started.

    The DAGs of suspended policies may be paused, and that of events where no policy names any.
    """
    check, known = "DAGs", setup.airflow.paused
    if known is None:
        detail = "not looked at: Airflow's database cannot be seen from here"
        advice = "`preheat doctor` on a machine of Airflow's own looks at them"
        yield Observation("Airflow", check, State.SKIPPED, detail, advice)
        return
    policies = _awake(setup)
    wanted = [f"preheat__{policy.name}" for policy in policies]
    wanted += [IMAGES_PLAN, UPKEEP_PLAN, VERIFY_PLAN]
    listening = [policy.name for policy in policies if policy.events]
    wanted += [_EVENTS_DAG] if listening else []
    unknown = [name for name in wanted if name not in known]
    paused = [name for name in wanted if known.get(name)]
    if unknown:
        detail = f"Airflow does not know {_some(unknown)}"
        advice = "`airflow dag-processor` reads them; see `airflow dags list-import-errors`"
        yield Observation("Airflow", check, State.LOOK, detail, advice)
    if _EVENTS_DAG in paused:
        paused.remove(_EVENTS_DAG)
        detail = f"{_EVENTS_DAG} is paused: what happens in Harbor waits, for {_some(listening)}"
        yield Observation("Airflow", check, State.WRONG, detail, f"`{_unpause(_EVENTS_DAG)}`")
    if paused:
        detail = f"paused: {_some(paused)}; a run of a paused DAG waits, also one started by hand"
        advice = f"`{_unpause(paused[0])}`, and so on" if paused[1:] else f"`{_unpause(paused[0])}`"
        yield Observation("Airflow", check, State.LOOK, detail, advice)
    if not unknown and not any(known[name] for name in wanted):
        detail = f"{count_of(len(wanted), 'DAG')}, none paused"
        yield Observation("Airflow", check, State.OK, detail)


def webhooks(conn_id: str, setup: Setup) -> Iterator[Observation]:
    """Look whether a Harbor's webhooks would be believed, where policies run on its events.

    :raises PreheatError: the connection's field cannot be right.
    """
    told = setup.webhooks.get(conn_id, False)
    listening = [
        policy.name for policy in _awake(setup) if policy.events and conn_id in policy.registries
    ]
    if not listening or isinstance(setup.harbors.get(conn_id), PreheatError):
        return
    if isinstance(told, PreheatError):
        raise told
    check, who = "webhooks", f"on its events runs {_some(listening)}"
    if told:
        yield Observation(conn_id, check, State.OK, f"its webhooks are believed; {who}")
        return
    detail = f"{who}, but the connection has no webhook_authorization: no webhook is believed"
    advice = (
        "put a long random one there, and let `preheat harbor webhook install --all` tell Harbor; "
        "until then events are found out, within a minute, or five"
    )
    yield Observation(conn_id, check, State.LOOK, detail, advice)


def _awake(setup: Setup) -> list[Policy]:
    """List the policies that may run."""
    found = [entry.policy for entry in setup.policies if entry.policy and not entry.problems]
    return [policy for policy in found if not policy.suspend]


def _some(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def _unpause(dag_id: str) -> str:
    return f"airflow dags unpause {dag_id}"
