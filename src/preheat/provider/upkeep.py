"""The DAG ``preheat_upkeep``: doctor, what must stay warm, what was left open, retention.

::

    doctor ──> plan ──> for each cluster: settle ──> recheck ──> track, mapped ──> prune ──> report
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import DAG, CronTriggerTimetable, Param

from preheat.plan import UPKEEP_PLAN, Disposition, Plan, PlannedPlacement
from preheat.policy.model import Retry
from preheat.policy.placing import limit_run
from preheat.provider.config import max_map_length
from preheat.provider.docs import invalid_doc
from preheat.provider.files import Files
from preheat.provider.operators.doctor import PreheatDoctorOperator
from preheat.provider.operators.plan import EvaluatePolicyOperator
from preheat.provider.operators.recheck import RecheckPlacementsOperator
from preheat.provider.operators.upkeep import PruneLedgerOperator, SettleAttemptsOperator
from preheat.provider.operators.upkeepreport import UpkeepReportOperator
from preheat.provider.sources import BrokenSource
from preheat.provider.tracking import PATIENT, START, cluster_group, track
from preheat.upkeep import due

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime
    from pathlib import Path

    from airflow.sdk import BaseOperator

    from preheat.ledger import Kept, Ledger
    from preheat.policy.model import Cluster, Clusters, Policy
    from preheat.upkeep import Due

__all__ = ["KeepWarmSource", "upkeep_dag"]

CHECK_ALL = "check_all"
_EVERY = timedelta(hours=1)
_CRON = "17 * * * *"
_EVER = timedelta(days=3660)


@dataclass(frozen=True)
class KeepWarmSource:
    """A plan from the ledger: what must stay warm, and whose proof gets too old.

    :param files: for what the policies say today: ``suspend`` and windows.
    """

    clusters: Clusters
    files: Files

    def plan(self, ledger: Ledger, params: Mapping[str, Any]) -> Plan:
        """List what is due, with the clusters as they are described now; nothing is looked at yet.

        What no node asks for any more is kept warm no more: the cluster or its pull endpoint is
        gone.
        """
        now = ledger.upkeep.now()
        wishes = ledger.upkeep.kept()
        lost = {wish.placement.id for wish in wishes if not self._is_reachable(wish)}
        ledger.upkeep.forget(lost)
        policies = self._policies()
        wanted = [wish for wish in wishes if wish.placement.id not in lost]
        awake = [wish for wish in wanted if not _sleeps(policies.get(wish.policy))]
        ahead = _EVER if params.get(CHECK_ALL) else _EVERY
        late = due(awake, now, ahead=ahead)
        # What a page calls an image comes from its latest plan, and this is one.
        names = ledger.overview.names([one.placement.id for one in late])
        planned = [
            replace(
                self._planned(one, policies, now),
                tags=names[one.placement.id][1] if one.placement.id in names else (),
            )
            for one in late
        ]
        return Plan(
            policy=UPKEEP_PLAN,
            evaluated_at=now,
            decisions=(),
            placements=limit_run(planned, max_map_length()),  # the oldest proofs come first
            clusters=tuple(cluster.as_data() for cluster in self.clusters),
            warnings=tuple(_warnings(len(lost), len(wanted) - len(awake))),
        )

    def _is_reachable(self, wish: Kept) -> bool:
        key = wish.placement.key
        cluster = self.clusters.get(key.cluster)
        registry = wish.placement.settings.registry
        return cluster is not None and cluster.pull_endpoints.get(registry) == key.pull_endpoint

    def _policies(self) -> Mapping[str, Policy]:
        """Read the policies as they are today; what a broken file wished before still holds."""
        read = (self.files.policy(path, self.clusters)[0] for path in self.files.policies())
        return {policy.name: policy for policy in read if policy is not None}

    def _planned(self, one: Due, policies: Mapping[str, Policy], now: datetime) -> PlannedPlacement:
        stored = one.placement
        cluster = self.clusters.named([stored.key.cluster])[0]
        settings = cluster.renewed(stored.settings)
        placed = replace(stored, settings=settings)
        settings = replace(settings, demand=replace(one, placement=placed).demand)
        planned = PlannedPlacement(stored.key, settings, one.label)
        closed = [_closed(policies.get(name), now) for name in one.policies]
        if all(closed):
            return replace(planned, disposition=Disposition.WINDOW_CLOSED, detail=closed[0])
        return planned


def _sleeps(policy: Policy | None) -> bool:
    return policy is not None and policy.suspend


def _closed(policy: Policy | None, now: datetime) -> str:
    """Say why nothing may be asked for this policy now; "" if it may."""
    if policy is None or policy.windows is None:
        return ""
    state = policy.windows.state(now)
    return "" if state.open else state.detail


def _warnings(lost: int, asleep: int) -> Iterable[str]:
    if lost:
        yield (
            f"{lost} placements are kept warm no more: clusters.yaml has no such cluster or pull "
            "endpoint now. The policies' next runs plan what replaces them."
        )
    if asleep:
        yield f"{asleep} wishes to keep something warm sleep: their policies are suspended."


def upkeep_dag(dag_folder: Path, doc: str | None) -> DAG:
    """Make the DAG that looks after everything, once an hour.

    :param dag_folder: folder of the DAG file.
    :param doc: the DAG file's docstring, its runbook.
    """
    files = Files.beside(dag_folder)
    clusters, problems = files.clusters()
    wrong = invalid_doc(files.clusters_file.name, problems, Files.shown(files.clusters_file))
    with DAG(
        dag_id=UPKEEP_PLAN,
        description="Doctor, what must stay warm, what was left open, retention",
        schedule=CronTriggerTimetable(_CRON, timezone="UTC"),
        start_date=START,
        catchup=False,
        max_active_runs=1,
        tags=["preheat", "upkeep", *(["invalid"] if problems else [])],
        default_args={"owner": "preheat"},
        params={CHECK_ALL: _CHECK_ALL},
        doc_md=f"{doc}\n\n{wrong}" if problems else doc,
    ) as dag:
        source = BrokenSource(problems) if problems else KeepWarmSource(clusters, files)
        doctor = PreheatDoctorOperator(task_id="doctor", include=str(files.folder))
        plan = EvaluatePolicyOperator(
            task_id="plan", source=source, trigger_rule="all_done", **PATIENT
        )
        prune = PruneLedgerOperator(
            task_id="prune", clusters=clusters.names, trigger_rule="all_done", **PATIENT
        )
        report = UpkeepReportOperator(task_id="report", trigger_rule="all_done", **PATIENT)
        doctor >> plan >> prune >> report
        for cluster in clusters:
            _look_after(cluster, plan, prune)
    return dag


_CHECK_ALL = Param(
    False,
    type="boolean",
    title="Check all",
    description_md="Look at everything that is to be kept warm, due or not: after peers were "
    "replaced, or lost their disks.",
)


def _look_after(cluster: Cluster, plan: BaseOperator, prune: BaseOperator) -> None:
    """Add the tasks of one cluster."""
    with cluster_group(cluster, taken={"doctor", "plan", "prune", "report"}):
        settle = SettleAttemptsOperator(task_id="settle", cluster=cluster.name, **PATIENT)
        # An attempt that cannot be settled is no reason to let everything else decay.
        recheck = RecheckPlacementsOperator(
            task_id="recheck", cluster=cluster.name, trigger_rule="all_done", **PATIENT
        )
        tracked = track(cluster, recheck, Retry())
        settle >> recheck
    plan >> settle
    tracked >> prune
