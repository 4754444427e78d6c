"""Deploy an image once it is warm where it will run.

Two ways to wait for it: let Preheat warm it now, or ask whether it is warm already.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.providers.http.sensors.http import HttpSensor
from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import DAG, Param, task

PARAMS = {
    "image": Param("library/app:1.2", type="string", description="As nodes pull it"),
    "cluster": Param("eu-1", type="string", description="Where it will run"),
}


@task
def deploy(params: dict[str, str]) -> str:
    """Tell whatever deploys; this one only says what it would."""
    return f"deploy {params['image']} to {params['cluster']}"


# --8<-- [start:warm]
with DAG(
    dag_id="example_warm_then_deploy",
    schedule=None,
    params=PARAMS,
    tags=["example"],
    doc_md=__doc__,
) as warm_then_deploy:
    # The fields of the form of preheat_images. Its run is green only if all is warm.
    warm = TriggerDagRunOperator(
        task_id="warm",
        trigger_dag_id="preheat_images",
        conf={
            "images": "{{ params.image }}",
            "clusters": ["{{ params.cluster }}"],
            "reason": "{{ dag.dag_id }} {{ run_id }}",
        },
        wait_for_completion=True,
        deferrable=True,
        allowed_states=["success"],
        failed_states=["failed"],
        execution_timeout=timedelta(hours=2),
    )
    warm >> deploy()
# --8<-- [end:warm]

# --8<-- [start:wait]
with DAG(
    dag_id="example_deploy_when_warm",
    schedule=None,
    params=PARAMS,
    tags=["example"],
    doc_md=__doc__,
) as deploy_when_warm:
    # Asks nothing of Dragonfly. The connection airflow_api, of the type http, has the address of
    # the API server, and in its extra {"Authorization": "Bearer …"}, which it sends as a header.
    wait = HttpSensor(
        task_id="wait_until_warm",
        http_conn_id="airflow_api",
        endpoint="preheat/api/v1/warm",
        request_params={"image": "{{ params.image }}", "cluster": "{{ params.cluster }}"},
        response_error_codes_allowlist=["409"],  # not warm yet
        poke_interval=30,
        timeout=3600,
        # Deferred, this sensor of the http provider 6.3 asks again and again without a pause.
        mode="reschedule",
        deferrable=False,
    )
    wait >> deploy()
# --8<-- [end:wait]
