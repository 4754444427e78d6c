"""Hand the placements of one cluster to its mapped task."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from preheat.plan import Disposition
from preheat.provider.config import open_ledger

if TYPE_CHECKING:
    from airflow.sdk import Context

__all__ = ["ClusterPlacementsOperator"]


class ClusterPlacementsOperator(BaseOperator):
    """List what the run's plan asks of one cluster, as arguments for the mapped sensor.

    A task of its own, because Airflow maps over the return value of a task only (not over an XCom
    key), and reads a mapped task's pool when the DAG is parsed: so there is one mapped task for
    each cluster, and each needs a list of its own.

    :param cluster: name of the cluster.
    :param wave: number of the wave.
    """

    ui_color = "#e8eefc"

    def __init__(self, *, cluster: str, wave: int = 1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.cluster = cluster
        self.wave = wave

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Return the sensor's arguments for each placement to ask for now, in plan order."""
        ti = context["ti"]
        return [
            {
                "placement": item.placement_id,
                "placement_label": item.label,
                "demand": str(item.demand),
            }
            for item in open_ledger().outcomes(ti.dag_id, ti.run_id)
            if item.cluster == self.cluster
            and item.wave == self.wave
            and item.disposition is Disposition.ASK
        ]
