"""Hand the placements of one cluster to its mapped task."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.triggers.temporal import DateTimeTrigger
from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowFailException

from preheat.plan import Disposition
from preheat.policy.windows import OnClosed
from preheat.provider.config import open_ledger

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow.sdk import Context

    from preheat.policy.windows import Windows

__all__ = ["ClusterPlacementsOperator"]


class ClusterPlacementsOperator(BaseOperator):
    """List what the run's plan asks of one cluster, as arguments for the mapped sensor.

    A task of its own, because Airflow maps over the return value of a task only (not over an XCom
    key), and reads a mapped task's pool when the DAG is parsed: so there is one mapped task for
    each cluster, and each needs a list of its own.

    Looks at the policy's windows once more: a person's answer, or the queue before this task, may
    have taken the run past their end.

    :param cluster: name of the cluster.
    :param wave: number of the wave.
    :param windows: when the policy may ask; None for always.
    :param by_policy: more arguments of the sensor, by the name of the policy that planned; for runs
        with plans of several policies.
    """

    template_fields: Sequence[str] = ("cluster",)
    ui_color = "#e8eefc"

    def __init__(
        self,
        *,
        cluster: str,
        wave: int = 1,
        windows: Windows | None = None,
        by_policy: Mapping[str, Mapping[str, Any]] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.by_policy = by_policy or {}
        self.cluster = cluster
        self.wave = wave
        self.windows = windows

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Return the sensor's arguments for each placement to ask for now, in plan order.

        :raises AirflowFailException: if the window has closed, and the policy calls that a failure.
        """
        listed = self._listed(context)
        state = self.windows.state(datetime.now(UTC)) if self.windows and listed else None
        if self.windows is None or state is None or state.open:
            return listed
        self.log.warning("The window has closed meanwhile: %s.", state.detail)
        if self.windows.on_closed is OnClosed.WAIT and state.opens_at:
            self.defer(trigger=DateTimeTrigger(moment=state.opens_at), method_name="execute_open")
        ti = context["ti"]
        left = open_ledger().close_window(ti.dag_id, ti.run_id, self.cluster, state.detail)
        self.log.warning("%d placements are not asked for.", left)
        if self.windows.on_closed is OnClosed.FAIL:
            raise AirflowFailException(f"The window has closed: {state.detail}.")
        return []

    def execute_open(self, context: Context, event: Any) -> list[dict[str, Any]]:
        """Go on now that the window has opened."""
        del event
        return self.execute(context)

    def _listed(self, context: Context) -> list[dict[str, Any]]:
        """List each placement once for all policies that ask for it in the same way."""
        ti = context["ti"]
        found = [
            {
                "placement": item.placement_id,
                "placement_label": item.label,
                "demand": str(item.demand),
                **self.by_policy.get(item.policy, {}),
            }
            for item in open_ledger().outcomes(ti.dag_id, ti.run_id)
            if item.cluster == self.cluster
            and item.wave == self.wave
            and item.disposition is Disposition.ASK
        ]
        return list({tuple(one.items()): one for one in found}.values())
