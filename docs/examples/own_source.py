"""Warm images that no policy can name: those that the hosts of a deployment say they run.

A DAG of one's own, from the operators and hooks of Preheat. What it plans is in the ledger and on
the page as everything else is, its tasks ask exactly once, and green means warm.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import DAG, Param

from preheat.harbor.reference import parse_references
from preheat.placement import Scope
from preheat.policy.images import plan_images
from preheat.policy.model import Target
from preheat.provider.files import Files
from preheat.provider.hooks.harbor import HarborHook
from preheat.provider.operators.placements import ClusterPlacementsOperator
from preheat.provider.operators.plan import EvaluatePolicyOperator
from preheat.provider.operators.report import PreheatReportOperator
from preheat.provider.retries import PreheatRetryPolicy
from preheat.provider.sensors.dragonfly import DragonflyPreheatSensor

if TYPE_CHECKING:
    from collections.abc import Mapping

    from preheat.ledger import Ledger
    from preheat.plan import Plan
    from preheat.policy.model import Clusters

CLUSTER = "eu-1"
clusters, _ = Files.beside(Path(__file__).parent).clusters()


# --8<-- [start:source]
@dataclass(frozen=True)
class Deployed:
    """Plans for a list of images that comes from elsewhere."""

    clusters: Clusters

    def plan(self, ledger: Ledger, params: Mapping[str, Any]) -> Plan:
        """Look each image up in Harbor, for a tag moves, and plan for what it is now."""
        del ledger  # another source may ask it what is warm already
        hook = HarborHook("harbor_default")
        client = hook.client()
        typed = parse_references("\n".join(params["images"]), host=hook.base_url)
        return plan_images(
            [(one, client.artifact(one.project, one.repository, one.reference)) for one in typed],
            self.clusters.named([CLUSTER]),
            target=Target((), Scope.SINGLE_SEED_PEER),
            now=datetime.now(UTC),
        )


# --8<-- [end:source]

# --8<-- [start:dag]
with DAG(
    dag_id="example_own_source",
    schedule=None,
    params={"images": Param(["library/hello:1.0"], type="array", description="One a line")},
    tags=["example"],
    doc_md=__doc__,
) as dag:
    plan = EvaluatePolicyOperator(task_id="plan", source=Deployed(clusters))
    placements = ClusterPlacementsOperator(task_id="placements", cluster=CLUSTER)
    track = DragonflyPreheatSensor.partial(
        task_id="track",
        pool=clusters.named([CLUSTER])[0].pool,  # bounds the jobs in flight there
        map_index_template="{{ task.placement_label }}",
        retries=4,
        retry_policy=PreheatRetryPolicy(attempts=3, retries=4),
    ).expand_kwargs(placements.output)
    report = PreheatReportOperator(
        task_id="report", plan_task_id="plan", trigger_rule="all_done", outlets=[]
    )

    plan >> placements
    plan >> report
    track >> report
# --8<-- [end:dag]
