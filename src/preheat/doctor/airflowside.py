"""Airflow's side: the parts that run, the pools that cap jobs, the triggerer that follows them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from preheat.doctor.observations import Observation, State
from preheat.errors import PreheatError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from preheat.doctor.setup import AirflowSide, Setup
    from preheat.policy.model import Cluster

__all__ = ["health", "pool", "triggerer"]

_MAKE = "make it with `preheat pools > pools.json && airflow pools import pools.json`"
_UNLIMITED = -1
_HEALTHY = "healthy"
_COMMANDS = {
    "metadatabase": "look at Airflow's database",
    "scheduler": "`airflow scheduler` runs the tasks",
    "triggerer": "`airflow triggerer` follows the jobs, and without it none ever ends",
    "dag_processor": "`airflow dag-processor` reads the DAGs",
}


def pool(cluster: Cluster, airflow: AirflowSide) -> Iterator[Observation]:
    """Look at a cluster's pool: without it nothing is ever asked, with too many slots all at once.

    A task whose pool is missing stays unscheduled for ever (tried on Airflow 3.3.2).
    """
    if airflow.pools is None:
        detail = f"{cluster.pool}: Airflow's database cannot be seen from here"
        advice = "`preheat doctor` on a machine of Airflow's own looks at it"
        yield Observation(cluster.name, "pool", State.SKIPPED, detail, advice)
        return
    found, wanted = airflow.pools.get(cluster.pool), cluster.max_concurrent_jobs
    if found is None:
        detail = f"Airflow has no pool {cluster.pool}: tasks of this cluster wait for ever"
        yield Observation(cluster.name, "pool", State.WRONG, detail, _MAKE)
        return
    slots = "no limit of" if found.slots == _UNLIMITED else str(found.slots)
    detail = f"{cluster.pool}: {slots} slots, maxConcurrentJobs is {wanted}"
    if not found.include_deferred:
        detail = f"{cluster.pool} does not count deferred tasks, so it caps nothing"
        yield Observation(cluster.name, "pool", State.WRONG, detail, f"tick it, or {_MAKE}")
    elif found.slots == 0:
        detail = f"{cluster.pool} has no slots: tasks of this cluster wait for ever"
        yield Observation(cluster.name, "pool", State.WRONG, detail, _MAKE)
    elif found.slots == _UNLIMITED or found.slots > wanted:
        advice = f"more jobs at once than you allowed; seeds lose layers in bursts: {_MAKE}"
        yield Observation(cluster.name, "pool", State.WRONG, detail, advice)
    elif found.slots < wanted:
        yield Observation(cluster.name, "pool", State.LOOK, detail, f"for all of them {_MAKE}")
    else:
        yield Observation(cluster.name, "pool", State.OK, f"{detail}, deferred tasks count")


def triggerer(setup: Setup) -> Iterator[Observation]:
    """Compare what all clusters may have in flight with what one triggerer may follow.

    Both are settings: whether a triggerer runs is told by :func:`health`.
    """
    jobs = sum(cluster.max_concurrent_jobs for cluster in setup.clusters)
    capacity = setup.airflow.triggerer_capacity
    detail = f"one may follow {capacity} tasks ([triggerer] capacity); all clusters together may "
    detail += f"have {jobs} jobs in flight"
    if jobs < capacity:
        yield Observation("Airflow", "triggerer capacity", State.OK, detail)
        return
    advice = "raise [triggerer] capacity, run more triggerers, or lower maxConcurrentJobs"
    yield Observation("Airflow", "triggerer capacity", State.LOOK, detail, advice)


def health(airflow: AirflowSide) -> Iterator[Observation]:
    """Tell which of Airflow's parts run, by what its API server says of their heartbeats."""
    check, told = "running parts", airflow.health
    if told is None:
        detail = "not looked at: [api] base_url does not say where Airflow's API server is"
        advice = "set it, or look at Airflow's page for scheduler, triggerer and DAG processor"
        yield Observation("Airflow", check, State.SKIPPED, detail, advice)
    elif isinstance(told, PreheatError):
        advice = (
            "whether scheduler, triggerer and DAG processor run is not known: start the API server,"
            " or correct [api] base_url, by which it must be reached from here"
        )
        yield Observation("Airflow", check, State.LOOK, str(told), advice)
    elif unwell := {part: state for part, state in told.items() if state != _HEALTHY}:
        parts = [f"{part} {state or 'never ran'}" for part, state in unwell.items()]
        advice = "start them, or look at their logs: " + "; ".join(
            _COMMANDS.get(part, part) for part in unwell
        )
        yield Observation("Airflow", check, State.WRONG, ", ".join(parts), advice)
    else:
        yield Observation("Airflow", check, State.OK, f"{', '.join(told)}: all {_HEALTHY}")
