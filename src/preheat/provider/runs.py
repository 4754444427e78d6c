"""Which task instance runs, and what the others of its run left: Airflow's context in our words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from preheat.ledger import RunRef

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from airflow.sdk import Context

__all__ = ["failed_of", "pulled", "run_ref", "states_of"]


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


def states_of(context: Context) -> dict[str, str]:
    """Tell how the tasks of the run ended, by their ids."""
    ti: Any = context["ti"]
    found: dict[str, str] = ti.get_task_states(dag_id=ti.dag_id, run_ids=[ti.run_id]).get(
        ti.run_id, {}
    )
    return found


def failed_of(states: Mapping[str, str]) -> list[str]:
    """Name the tasks that failed."""
    return sorted(name for name, state in states.items() if state == "failed")


def pulled(context: Context, states: Mapping[str, str], task: str, key: str) -> Iterable[Any]:
    """Read what the tasks of this name, one a cluster or one in all, pushed under a key."""
    ti: Any = context["ti"]
    for task_id in states:
        if task_id == task or task_id.endswith(f".{task}"):
            value = ti.xcom_pull(task_ids=task_id, key=key)
            if value is not None:
                yield value
