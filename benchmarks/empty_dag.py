"""The reference of a policy run: the same shape, nothing done; and one without labels and links."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from airflow.sdk import (  # noqa: TID251 - a DAG file
    DAG,
    Asset,
    AssetWatcher,
    Param,
    TaskGroup,
)

from benchmarks.empty import (
    BareSensor,
    EmptyEventTrigger,
    EmptyListOperator,
    EmptyOperator,
    EmptySensor,
    MarkingSensor,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any


def empty_dag(
    dag_id: str,
    sensor: type[BareSensor],
    *,
    schedule: Sequence[Asset] | None = None,
    count: int = 4,
    **options: Any,
) -> DAG:
    """Make a DAG of the shape that ``preheat.provider.dags`` makes for one cluster."""
    params = {"count": Param(count, type="integer")}
    with DAG(dag_id=dag_id, schedule=schedule, params=params) as made:
        plan = EmptyOperator(task_id="plan")
        report = EmptyOperator(task_id="report", trigger_rule="all_done")
        plan >> report
        with TaskGroup(group_id="bench"):
            placements = EmptyListOperator(task_id="placements")
            track = sensor.partial(
                task_id="track",
                pool=os.environ["BENCH_POOL"],
                seconds=float(os.environ["BENCH_WAIT"]),
                **options,
            ).expand_kwargs(placements.output)
        plan >> placements
        track >> report
    return made


empty = empty_dag("empty", EmptySensor, map_index_template="{{ task.text }}")
bare = empty_dag("bare", BareSensor)
if touched := os.environ.get("BENCH_TOUCHED"):
    watcher = AssetWatcher(name="bench", trigger=EmptyEventTrigger(path=touched))
    empty_events = empty_dag(
        "empty_events",
        MarkingSensor,
        schedule=[Asset("bench://events", watchers=[watcher])],
        count=1,
        map_index_template="{{ task.text }}",
    )
