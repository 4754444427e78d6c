"""The DAG ``preheat_verify``: what the peers hold now of what somebody names.

::

    plan ──> for each cluster: recheck ──> report
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow.sdk import DAG

from preheat.errors import Problem, ProblemsError
from preheat.plan import VERIFY_PLAN, Disposition, Plan, PlannedPlacement
from preheat.policy.placing import label_of
from preheat.provider.docs import invalid_doc
from preheat.provider.files import Files
from preheat.provider.forms import verify_form
from preheat.provider.operators.plan import EvaluatePolicyOperator
from preheat.provider.operators.recheck import RecheckPlacementsOperator
from preheat.provider.operators.verifyreport import VerifyReportOperator
from preheat.provider.sources import (
    BrokenSource,
    collect,
    find_typed,
    refuse_strangers,
    with_form,
)
from preheat.provider.tracking import PATIENT, START, cluster_group

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from preheat.artifact import Artifact
    from preheat.harbor.reference import ImageReference
    from preheat.ledger import Ledger, StoredPlacement
    from preheat.policy.model import Clusters

__all__ = ["NamedSource", "verify_dag"]

VERIFY_FIELDS = frozenset(("placements", "images", "clusters", "registry", "reason"))
PLAN = "plan"
REPORT = "report"
_MOST = 1000  # a look takes seconds, and one task looks at four at a time
_RUNS_AT_ONCE = 4


@dataclass(frozen=True)
class NamedSource:
    """A plan that only looks: placements by their ids, and those of images that a person typed."""

    clusters: Clusters

    def plan(self, ledger: Ledger, params: Mapping[str, Any]) -> Plan:
        """Find in the ledger what is named, with the clusters as they are described now.

        All problems of the form are reported together.
        """
        refuse_strangers(params, VERIFY_FIELDS)
        numbered, problems = _numbered(ledger, params["placements"])
        typed, more = self._typed(ledger, params)
        problems += more
        found = {stored.id: stored for stored in (*numbered, *typed)}
        problems += [problem for stored in found.values() for problem in self._out_of_reach(stored)]
        if not found and not problems:
            problems.append(Problem("name placements by their numbers, or images", "placements"))
        if len(found) > _MOST:
            told = f"{len(found)} placements are named; one run looks at {_MOST} at most"
            problems.append(Problem(told, "placements"))
        if problems:
            raise ProblemsError(problems)
        plan = Plan(
            policy=VERIFY_PLAN,
            evaluated_at=ledger.upkeep.now(),
            decisions=(),
            placements=tuple(self._planned(ledger, list(found.values()))),
            clusters=tuple(cluster.as_data() for cluster in self.clusters),
        )
        return with_form(plan, params)

    def _typed(
        self, ledger: Ledger, params: Mapping[str, Any]
    ) -> tuple[list[StoredPlacement], list[Problem]]:
        """Find what was planned of the typed images."""
        named = params["clusters"] or []
        chosen, problems = collect(lambda: self.clusters.named(named))
        if not (params["images"] or "").strip():
            if named:
                problems.append(Problem("they say where images are: name images too", "clusters"))
            return [], problems
        registry = str(params["registry"])
        images, more = find_typed(registry, params["images"])
        problems += more
        looked_at = named or self.clusters.names
        found: list[StoredPlacement] = []
        for reference, artifact in images if chosen is not None else ():
            own = [
                one
                for one in _planned_of(ledger, registry, artifact)
                if one.key.cluster in looked_at and not any(self._out_of_reach(one))
            ]
            found += own
            problems += _missed(reference, own, named)
        return found, problems

    def _out_of_reach(self, stored: StoredPlacement) -> Iterator[Problem]:
        """Say why the peers of a placement cannot be asked, as ``clusters.yaml`` is now."""
        key, registry = stored.key, stored.settings.registry
        cluster = self.clusters.get(key.cluster)
        told = f"placement {stored.id} ({key.repository}): clusters.yaml has no"
        if cluster is None:
            yield Problem(f"{told} cluster {key.cluster!r} any more", "placements")
        elif cluster.pull_endpoints.get(registry) != key.pull_endpoint:
            yield Problem(
                f"{told} pull endpoint {key.pull_endpoint} on {key.cluster} any more: no node asks "
                "for it there",
                "placements",
            )

    def _planned(
        self, ledger: Ledger, found: Sequence[StoredPlacement]
    ) -> Iterator[PlannedPlacement]:
        """Plan a look at each, as its latest plan called it and wanted it proved."""
        names = ledger.overview.names([stored.id for stored in found])
        for stored in found:
            key = stored.key
            label, tags = names.get(stored.id, ("", ()))
            yield PlannedPlacement(
                key,
                self.clusters.named([key.cluster])[0].renewed(stored.settings),
                label or label_of(key.repository, (), key.digest, key.platform),
                tags,
                disposition=Disposition.LOOK,
            )


def _numbered(
    ledger: Ledger, ids: Sequence[int] | None
) -> tuple[list[StoredPlacement], list[Problem]]:
    """Read placements by their ids; those that no plan but a dry one named are not there."""
    cells = {number: ledger.overview.placement(number) for number in dict.fromkeys(ids or ())}
    return (
        [cell.placement for cell in cells.values() if cell is not None],
        [
            Problem(f"the ledger has no placement {number}", "placements")
            for number, cell in cells.items()
            if cell is None
        ],
    )


def _planned_of(ledger: Ledger, registry: str, artifact: Artifact) -> list[StoredPlacement]:
    """Read all placements that were ever planned of an artifact, of whatever platform."""
    digests = dict.fromkeys([artifact.digest, *(child.digest for child in artifact.children)])
    cells = [
        cell
        for digest in digests
        for cell in ledger.overview.placements_of(artifact.full_name, digest)
    ]
    return [cell.placement for cell in cells if cell.placement.settings.registry == registry]


def _missed(
    reference: ImageReference, found: Iterable[StoredPlacement], named: Iterable[str]
) -> Iterator[Problem]:
    """Say where nothing was planned of a typed image: on clusters that are named, or anywhere."""
    there = {stored.key.cluster for stored in found}
    where = [f" on {name}" for name in named if name not in there]
    for place in where if named else [""] * (not there):
        told = f"{reference} was never planned{place}; preheat_images warms it"
        yield Problem(
            f"{told}, and the command preheat verify looks at any image", "images", reference.line
        )


def verify_dag(dag_folder: Path, doc: str | None) -> DAG:
    """Make the DAG that looks again, and heats nothing.

    :param dag_folder: folder of the DAG file.
    :param doc: the DAG file's docstring, its runbook.
    """
    files = Files.beside(dag_folder)
    clusters, problems = files.clusters()
    wrong = invalid_doc(files.clusters_file.name, problems, Files.shown(files.clusters_file))
    with DAG(
        dag_id=VERIFY_PLAN,
        description="Ask the peers what they hold now of what you name",
        schedule=None,
        start_date=START,
        max_active_runs=_RUNS_AT_ONCE,
        tags=["preheat", "verify", *(["invalid"] if problems else [])],
        default_args={"owner": "preheat"},
        params=verify_form(clusters),
        doc_md=f"{doc}\n\n{wrong}" if problems else doc,
    ) as dag:
        source = BrokenSource(problems) if problems else NamedSource(clusters)
        plan = EvaluatePolicyOperator(task_id=PLAN, source=source, **PATIENT)
        report = VerifyReportOperator(
            task_id=REPORT, plan_task_id=PLAN, trigger_rule="all_done", **PATIENT
        )
        plan >> report
        for cluster in clusters:
            with cluster_group(cluster, taken={PLAN, REPORT}):
                recheck = RecheckPlacementsOperator(
                    task_id="recheck", cluster=cluster.name, asks_again=False, **PATIENT
                )
            plan >> recheck >> report
    return dag
