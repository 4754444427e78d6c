"""Airflow's side: the pools that cap the jobs in flight, and the triggerer that follows them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from preheat.doctor.observations import Observation, State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from preheat.doctor.setup import AirflowSide, Setup
    from preheat.policy.model import Cluster

__all__ = ["pool", "triggerer"]

_MAKE = "make it with `preheat pools > pools.json && airflow pools import pools.json`"
_UNLIMITED = -1


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
    """Compare what all clusters may have in flight with what one triggerer follows."""
    jobs = sum(cluster.max_concurrent_jobs for cluster in setup.clusters)
    capacity = setup.airflow.triggerer_capacity
    detail = f"follows {capacity} tasks; all clusters together have {jobs} jobs in flight"
    if jobs < capacity:
        yield Observation("Airflow", "triggerer", State.OK, detail)
        return
    advice = "raise [triggerer] capacity, run more triggerers, or lower maxConcurrentJobs"
    yield Observation("Airflow", "triggerer", State.LOOK, detail, advice)
