"""Which task instance runs: from Airflow's context to the ledger's words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from preheat.ledger import RunRef

if TYPE_CHECKING:
    from airflow.sdk import Context

__all__ = ["run_ref"]


def run_ref(context: Context) -> RunRef:
    """Name the running task instance."""
    ti = context["ti"]
    return RunRef(
        dag_id=ti.dag_id,
        run_id=ti.run_id,
        task_id=ti.task_id,
        map_index=ti.map_index if ti.map_index is not None else -1,
        try_number=ti.try_number,
    )
