"""Start something once a cluster holds all that it should.

The asset `warm://eu-1` is updated by each green run of Preheat that warmed on `eu-1`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk import DAG, Asset, task

if TYPE_CHECKING:
    from airflow.sdk import Context

# --8<-- [start:dag]
with DAG(
    dag_id="example_consumer",
    schedule=[Asset("warm://eu-1")],
    catchup=False,
    tags=["example"],
    doc_md=__doc__,
) as dag:

    @task
    def scale_out(**context: Context) -> list[str]:
        """Do what has waited for the images; say which runs made them warm."""
        events = context["triggering_asset_events"][Asset("warm://eu-1")]
        return [f"{event.source_dag_id} {event.source_run_id}" for event in events]

    scale_out()
# --8<-- [end:dag]
