"""The DAG ``preheat_events``: what happens in Harbor is planned for and warmed within seconds.

::

    harbor://<connection> ──> plan ──> <cluster>.placements ──> <cluster>.track, mapped ──> report
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from airflow.sdk import DAG, AssetAny, AssetWatcher

from preheat.event import EventKind
from preheat.policy.model import OnPartial, Retry
from preheat.provider.assets import harbor_asset
from preheat.provider.dags import Body
from preheat.provider.docs import invalid_doc
from preheat.provider.files import Files
from preheat.provider.operators.events import DrainEventsOperator
from preheat.provider.operators.plan import EvaluatePolicyOperator
from preheat.provider.sources import BrokenSource
from preheat.provider.tracking import START
from preheat.provider.triggers.events import HarborEventsTrigger

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from airflow.sdk import Asset, BaseOperator

    from preheat.policy.model import Clusters, Policy

__all__ = ["EVENTS_DAG", "events_dag"]

EVENTS_DAG = "preheat_events"
# A run goes on while its images get warm, for an hour or more on a sick cluster; the next push must
# not wait for that. What bounds the work is the clusters' pools.
_RUNS_AT_ONCE = 128


def events_dag(dag_folder: Path, doc: str | None) -> DAG:
    """Make the DAG that runs on what happens in the Harbors of policies with ``events``.

    :param dag_folder: folder of the DAG file.
    :param doc: the DAG file's docstring, its runbook.
    """
    files = Files.beside(dag_folder)
    clusters, problems = files.clusters()
    policies, broken = _listening(files, clusters)
    wrong = invalid_doc(files.clusters_file.name, problems, Files.shown(files.clusters_file))
    with DAG(
        dag_id=EVENTS_DAG,
        description="Warm what is pushed, tagged, labelled, scanned or signed, as policies say",
        schedule=_schedule(policies),
        start_date=START,
        catchup=False,
        max_active_runs=_RUNS_AT_ONCE,
        tags=["preheat", "events", *(["invalid"] if problems else [])],
        default_args={"owner": "preheat"},
        doc_md=f"{doc}\n\n{wrong}" if problems else doc,
    ) as dag:
        plan: Callable[..., BaseOperator]
        if problems:
            plan = partial(EvaluatePolicyOperator, source=BrokenSource(problems))
        else:
            # One run at a time empties the inbox; all runs may wait for their images at once.
            plan = partial(
                DrainEventsOperator,
                policies=policies,
                clusters=clusters,
                broken=broken,
                max_active_tis_per_dag=1,
            )
        Body(
            plan=plan,
            clusters=tuple(clusters),
            retry=Retry(attempts=max([p.retry.attempts for p in policies], default=1)),
            by_policy={policy.name: _way(policy) for policy in policies},
        ).build()
    return dag


def _listening(files: Files, clusters: Clusters) -> tuple[tuple[Policy, ...], tuple[str, ...]]:
    """Read the policies with events, and name the files that cannot be read; their DAGs say why."""
    read = {path.name: files.policy(path, clusters)[0] for path in files.policies()}
    policies = tuple(policy for policy in read.values() if policy is not None and policy.events)
    return policies, tuple(name for name, policy in read.items() if policy is None)


def _way(policy: Policy) -> dict[str, Any]:
    """Say how the placements of a policy are tracked, as arguments of the sensor."""
    on_partial = policy.verify.on_partial
    return {
        "accept_partial": on_partial is OnPartial.ACCEPT,
        "attempts": policy.retry.attempts,
        "retry_partial": on_partial is not OnPartial.FAIL,
    }


def _schedule(policies: Sequence[Policy]) -> AssetAny | None:
    """Run on any of the Harbors in which a policy wants to know what happens."""
    awake = [policy for policy in policies if not policy.suspend]
    registries = dict.fromkeys(name for policy in awake for name in policy.registries)
    assets = [_asset(registry, awake) for registry in registries]
    return AssetAny(*assets) if assets else None


def _asset(registry: str, policies: Sequence[Policy]) -> Asset:
    """Make the asset of a Harbor, with the watcher that updates it."""
    own = [policy for policy in policies if registry in policy.registries]
    trigger = HarborEventsTrigger(
        registry=registry,
        projects=_projects(registry, own),
        labels=_hear(own, EventKind.LABEL_ADDED),
        signatures=_hear(own, EventKind.SIGNED),
    )
    watcher = AssetWatcher(name=f"preheat events of {registry}", trigger=trigger)
    return harbor_asset(registry, watchers=[watcher])


def _hear(policies: Sequence[Policy], kind: EventKind) -> bool:
    return any(kind in policy.events for policy in policies)


def _projects(registry: str, policies: Sequence[Policy]) -> list[list[str]]:
    """List the patterns of projects, as plain values: a trigger is kept as JSON."""
    found: Mapping[tuple[str, str], None] = dict.fromkeys(
        (matcher.kind.value, matcher.pattern)
        for policy in policies
        for source in policy.sources
        if source.registry == registry
        for matcher in source.projects
    )
    return sorted([kind, pattern] for kind, pattern in found)
