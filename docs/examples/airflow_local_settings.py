"""Airflow's cluster policies: alerts on every DAG of Preheat, which no file of ours names.

Put this into `$AIRFLOW_HOME/config/airflow_local_settings.py` of each machine.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from airflow.providers.http.notifications.http import HttpNotifier
from airflow.sdk import AsyncCallback, DeadlineAlert, DeadlineReference

if TYPE_CHECKING:
    from airflow.sdk import DAG

# --8<-- [start:policy]
LONGEST = {"preheat_upkeep": timedelta(hours=1), "preheat_events": timedelta(minutes=30)}


def dag_policy(dag: DAG) -> None:
    """Tell the people on call of each red run, and of those that take too long."""
    if "preheat" not in dag.tags:
        return
    dag.on_failure_callback = _message(f"{dag.dag_id} is red", "{{ run_id }}: see its report")
    dag.has_on_failure_callback = True  # Airflow looks only at this, and set it before us
    dag.deadline = [_deadline(dag.dag_id, LONGEST.get(dag.dag_id, timedelta(hours=2)))]


def _message(title: str, text: str) -> HttpNotifier:
    """Make a message to a webhook; the connection on_call, of the type http, has its address."""
    return HttpNotifier(http_conn_id="on_call", json={"title": title, "text": text})


# --8<-- [end:policy]


# --8<-- [start:deadline]
def _deadline(dag_id: str, longest: timedelta) -> DeadlineAlert:
    """Tell of a run that has not ended so long after it was queued."""
    text = {"title": f"{dag_id} takes longer than {longest}", "text": "Is a cluster sick?"}
    return DeadlineAlert(
        reference=DeadlineReference.DAGRUN_QUEUED_AT,
        interval=longest,
        callback=AsyncCallback(HttpNotifier, kwargs={"http_conn_id": "on_call", "json": text}),
    )


# --8<-- [end:deadline]
