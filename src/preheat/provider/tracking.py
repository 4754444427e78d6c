"""What all DAGs share: patience with outages, and the part that tracks one cluster's placements."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import TaskGroup

from preheat.provider.retries import PreheatRetryPolicy
from preheat.provider.sensors.dragonfly import DragonflyPreheatSensor

if TYPE_CHECKING:
    from collections.abc import Collection

    from airflow.sdk import BaseOperator
    from airflow.sdk.definitions.mappedoperator import MappedOperator

    from preheat.policy.model import Cluster, Retry

__all__ = ["PATIENT", "START", "cluster_group", "track"]

START = datetime(2025, 1, 1, tzinfo=UTC)
# Tries beyond the policy's own: what an outage of Harbor, Dragonfly or the ledger may cost.
_OUTAGE_TRIES = 5
PATIENT: dict[str, Any] = {
    "retries": _OUTAGE_TRIES,
    "retry_delay": timedelta(seconds=15),
    "retry_policy": PreheatRetryPolicy(retries=_OUTAGE_TRIES, max_backoff_seconds=120),
}
"""Arguments of a task that tries again for as long as an outage may last."""


def cluster_group(cluster: Cluster, *, taken: Collection[str]) -> TaskGroup:
    """Make the group of a cluster's tasks, named as the cluster is.

    :param taken: ids of the DAG's other tasks, which Airflow gives to no group.
    """
    group_id = f"cluster-{cluster.name}" if cluster.name in taken else cluster.name
    return TaskGroup(group_id=group_id, tooltip=f"Dragonfly cluster {cluster.name}")


def track(
    cluster: Cluster,
    before: BaseOperator,
    retry: Retry,
    *,
    retry_partial: bool = True,
    **arguments: Any,
) -> MappedOperator:
    """Add the mapped sensor that asks for each placement and waits until it is warm.

    :param before: its output is the list of the sensor's arguments.
    :param retry: how often the policy asks, and how it backs off; outages are counted apart.
    :param arguments: of the sensor, alike for all.
    """
    retries = retry.attempts - 1 + _OUTAGE_TRIES
    return DragonflyPreheatSensor.partial(
        task_id="track",
        pool=cluster.pool,
        map_index_template="{{ task.placement_label }}",
        retries=retries,
        retry_delay=timedelta(seconds=retry.backoff_seconds),
        retry_policy=PreheatRetryPolicy(
            attempts=retry.attempts,
            retries=retries,
            backoff_seconds=retry.backoff_seconds,
            max_backoff_seconds=retry.max_backoff_seconds,
            retry_partial=retry_partial,
        ),
        **arguments,
    ).expand_kwargs(before.output)
