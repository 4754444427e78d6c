"""The body that every DAG of ours shares, built from a plan source.

::

    plan ──> <cluster>.placements ──> <cluster>.track, mapped ──> report
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow.sdk import DAG, Asset, CronTriggerTimetable

from preheat.policy.budget import OnExceed
from preheat.policy.model import OnPartial, Retry
from preheat.provider.docs import invalid_doc, policy_doc
from preheat.provider.files import Files
from preheat.provider.forms import DRY_RUN, images_form
from preheat.provider.operators.approval import BudgetApprovalOperator
from preheat.provider.operators.placements import ClusterPlacementsOperator
from preheat.provider.operators.plan import EvaluatePolicyOperator
from preheat.provider.operators.report import PreheatReportOperator
from preheat.provider.sources import BrokenSource, PolicySource, TypedImagesSource
from preheat.provider.tracking import PATIENT, START, cluster_group, track

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from airflow.sdk import BaseOperator

    from preheat.errors import Problem
    from preheat.policy.model import Cluster, Clusters, Policy
    from preheat.policy.windows import Windows

__all__ = ["Body", "images_dag", "policy_dags"]

PLAN = "plan"
REPORT = "report"
APPROVE = "approve"
_UNFIT = re.compile(r"[^\w.-]", re.ASCII)  # what Airflow allows in no id
_TAG_LENGTH = 100  # the most that Airflow's database takes


@dataclass(frozen=True)
class Body:
    """What differs between the DAGs.

    :param plan: makes the task that plans, given the rest of its arguments.
    :param clusters: one mapped task each.
    :param announce: whether a green run updates the assets ``warm://<cluster>``.
    :param asks_for: the policy whose budget a person may lift; empty for none.
    :param windows: when the policy may ask; None for always.
    :param by_policy: more arguments of the sensor, where a run has plans of several policies.
    """

    plan: Callable[..., BaseOperator]
    clusters: Sequence[Cluster]
    retry: Retry = field(default_factory=Retry)
    on_partial: OnPartial = OnPartial.RETRY
    announce: bool = True
    asks_for: str = ""
    windows: Windows | None = None
    by_policy: Mapping[str, Mapping[str, Any]] | None = None

    @property
    def _accepts(self) -> bool:
        return self.on_partial is OnPartial.ACCEPT

    def build(self) -> None:
        """Add the tasks to the DAG that is being made."""
        plan = self.plan(task_id=PLAN, **PATIENT)
        report = PreheatReportOperator(
            task_id=REPORT,
            plan_task_id=PLAN,
            accept_partial=None if self.by_policy is not None else self._accepts,
            skips_nothing=self.by_policy is not None,
            trigger_rule="all_done",
            **PATIENT,
            outlets=[Asset(f"warm://{c.name}") for c in self.clusters] if self.announce else [],
        )
        plan >> report
        before: BaseOperator = plan
        if self.asks_for:
            before = BudgetApprovalOperator(
                task_id=APPROVE, plan_task_id=PLAN, policy=self.asks_for, **PATIENT
            )
            plan >> before
        for cluster in self.clusters:
            self._track(cluster, before, report)

    def _track(self, cluster: Cluster, before: BaseOperator, report: PreheatReportOperator) -> None:
        with cluster_group(cluster, taken={PLAN, REPORT, APPROVE}):
            placements = ClusterPlacementsOperator(
                task_id="placements",
                cluster=cluster.name,
                windows=self.windows,
                by_policy=self.by_policy,
                **PATIENT,
            )
            # What differs from placement to placement must not be said for all of them too.
            ways = {} if self.by_policy is not None else {"accept_partial": self._accepts}
            tracked = track(
                cluster,
                placements,
                self.retry,
                retry_partial=self.on_partial is not OnPartial.FAIL,
                **ways,
            )
        before >> placements
        tracked >> report


def policy_dags(dag_folder: Path, only: str | None = None) -> Iterator[DAG]:
    """Make one DAG for each policy file; a broken file becomes a DAG that says what is wrong.

    :param dag_folder: folder of the DAG file.
    :param only: id of the one DAG that a task process needs.
    """
    files = Files.beside(dag_folder)
    clusters, problems = files.clusters()
    for path in files.policies():
        dag_id = f"preheat__{_UNFIT.sub('_', path.stem)}"
        if only not in {None, dag_id}:
            continue
        if problems:
            yield _invalid_dag(dag_id, files.clusters_file, problems)
            continue
        policy, wrong = files.policy(path, clusters)
        yield _policy_dag(policy, clusters) if policy else _invalid_dag(dag_id, path, wrong)


def _policy_dag(policy: Policy, clusters: Clusters) -> DAG:
    schedule = policy.schedule if not policy.suspend else None
    timetable = (
        CronTriggerTimetable(schedule.cron, timezone=schedule.timezone) if schedule else None
    )
    with DAG(
        dag_id=f"preheat__{policy.name}",
        description=policy.description,
        schedule=timetable,
        start_date=START,
        catchup=False,
        max_active_runs=1,
        tags=_tags(policy),
        default_args={"owner": policy.owner or "preheat"},
        params={"dry_run": DRY_RUN},
        doc_md=policy_doc(policy),
    ) as dag:
        Body(
            plan=partial(EvaluatePolicyOperator, source=PolicySource(policy, clusters)),
            clusters=clusters.named(policy.cluster_names),
            retry=policy.retry,
            on_partial=policy.verify.on_partial,
            asks_for=policy.name if _asks(policy) else "",
            windows=policy.windows,
        ).build()
    return dag


def _asks(policy: Policy) -> bool:
    return policy.budget is not None and policy.budget.on_exceed is OnExceed.ASK


def _tags(policy: Policy) -> list[str]:
    """Let people find the DAG by what the policy says of itself."""
    labels = [f"{key}:{value}"[:_TAG_LENGTH] for key, value in policy.labels.items()]
    return ["preheat", "policy", *(["suspended"] if policy.suspend else []), *labels]


def _invalid_dag(dag_id: str, file: Path, problems: Sequence[Problem]) -> DAG:
    with DAG(
        dag_id=dag_id,
        description=f"{file.name} is invalid",
        schedule=None,
        start_date=START,
        tags=["preheat", "policy", "invalid"],
        default_args={"owner": "preheat"},
        doc_md=_wrong(file, problems),
    ) as dag:
        EvaluatePolicyOperator(task_id=PLAN, source=BrokenSource(tuple(problems)))
    return dag


def _wrong(file: Path, problems: Sequence[Problem]) -> str:
    return invalid_doc(file.name, problems, Files.shown(file))


def images_dag(dag_folder: Path, doc: str | None) -> DAG:
    """Make the DAG behind the form: images that a person types, on the clusters that it names.

    :param doc: the DAG file's docstring, its runbook.
    """
    files = Files.beside(dag_folder)
    clusters, problems = files.clusters()
    with DAG(
        dag_id="preheat_images",
        description="Warm the images you name, on the clusters you name",
        schedule=None,
        start_date=START,
        tags=["preheat", "images", *(["invalid"] if problems else [])],
        default_args={"owner": "preheat"},
        params=images_form(clusters),
        doc_md=f"{doc}\n\n{_wrong(files.clusters_file, problems)}" if problems else doc,
    ) as dag:
        source = BrokenSource(problems) if problems else TypedImagesSource(clusters)
        plan = partial(EvaluatePolicyOperator, source=source)
        Body(plan=plan, clusters=tuple(clusters), announce=False).build()
    return dag
