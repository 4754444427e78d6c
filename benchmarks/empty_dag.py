"""The reference of a policy run: the same shape, nothing done."""

from __future__ import annotations

import os

from airflow.sdk import DAG, Param, TaskGroup  # noqa: TID251 - a DAG file

from benchmarks.empty import EmptyListOperator, EmptyOperator, EmptySensor

with DAG(dag_id="empty", schedule=None, params={"count": Param(4, type="integer")}) as dag:
    plan = EmptyOperator(task_id="plan")
    report = EmptyOperator(task_id="report", trigger_rule="all_done")
    plan >> report
    with TaskGroup(group_id="bench"):
        placements = EmptyListOperator(task_id="placements")
        track = EmptySensor.partial(
            task_id="track", pool=os.environ["BENCH_POOL"], seconds=float(os.environ["BENCH_WAIT"])
        ).expand_kwargs(placements.output)
    plan >> placements
    track >> report
