"""From validated files to the model: defaults filled in, lines of the file attached."""

from __future__ import annotations

from typing import TYPE_CHECKING

from preheat.demand import Demand
from preheat.placement import Peers
from preheat.policy.criteria.group import build_group
from preheat.policy.criteria.order import Order
from preheat.policy.criteria.tag import TagCriterion
from preheat.policy.criteria.take import Take
from preheat.policy.criteria.type import TypeCriterion
from preheat.policy.matchers import Matcher, MatcherKind
from preheat.policy.model import (
    Cluster,
    Platforms,
    Policy,
    Retry,
    Schedule,
    Submit,
    Target,
    Verify,
)
from preheat.policy.part import At
from preheat.policy.rule import Criterion, Gate, Rule, Source

if TYPE_CHECKING:
    from datetime import timedelta

    from preheat.policy import clusterschema, ruleschema, schema
    from preheat.policy.model import Clusters
    from preheat.policy.yamltext import Document

__all__ = ["build_cluster", "build_policy"]


def build_cluster(spec: clusterschema.ClusterSpec) -> Cluster:
    """Make a cluster; its pool is named after it unless the file says otherwise."""
    hosts = {"seed_peers": tuple(spec.hosts.seed_peers), "peers": tuple(spec.hosts.peers)}
    return Cluster(
        name=spec.name,
        connection=spec.connection,
        scheduler_cluster_id=spec.scheduler_cluster_id,
        driver=spec.driver,
        labels=spec.labels,
        platforms=tuple(spec.platforms),
        pull_endpoints=spec.pull_endpoints,
        pool=spec.pool or f"preheat_{spec.name}",
        max_concurrent_jobs=spec.max_concurrent_jobs,
        hosts={kind: addresses for kind, addresses in hosts.items() if addresses},
    )


def build_policy(file: schema.PolicyFile, document: Document, clusters: Clusters) -> Policy:
    """Make a policy without its text; the loader adds that."""
    spec = file.spec
    at = At(document, ("spec",))
    schedule = spec.triggers.schedule
    registry = spec.sources[0].registry
    return Policy(
        name=file.metadata.name,
        sources=tuple(_source(each, at / "sources" / n) for n, each in enumerate(spec.sources)),
        rules=tuple(_rule(each, at / "rules" / n) for n, each in enumerate(spec.rules)),
        targets=tuple(
            _target(each, at / "targets" / n, clusters) for n, each in enumerate(spec.targets)
        ),
        pins=tuple(
            each.build(at / "pins" / n, each.registry or registry)
            for n, each in enumerate(spec.pins)
        ),
        platforms=_platforms(spec.platforms, at / "platforms"),
        gates=_gates(spec.gates, at / "gates"),
        budget=spec.budget.build(at / "budget") if spec.budget else None,
        windows=spec.windows.build(at / "windows") if spec.windows else None,
        schedule=Schedule(schedule.cron, schedule.timezone) if schedule else None,
        events=spec.triggers.events,
        submit=_submit(spec.submit),
        retry=_retry(spec.retry),
        verify=Verify(Demand(spec.verify.mode, spec.verify.min_hosts), spec.verify.on_partial),
        keep_warm=spec.keep_warm.build() if spec.keep_warm else None,
        suspend=spec.suspend,
        description=file.metadata.description,
        owner=file.metadata.owner,
        labels=file.metadata.labels,
    )


def _platforms(spec: schema.PlatformsSpec | None, at: At) -> Platforms:
    return Platforms(spec.include, spec.on_missing, at.line) if spec else Platforms()


def _gates(spec: schema.GatesSpec | None, at: At) -> tuple[Gate, ...]:
    """Give the gates in the order they are asked, the costly ones last."""
    if spec is None:
        return ()
    gates: list[Gate] = []
    if spec.vulnerabilities:
        gates.append(spec.vulnerabilities.build(at / "vulnerabilities"))
    if spec.signature:
        gates.append(spec.signature.build(at / "signature"))
    if spec.size:
        # Last, because it may read manifests, which counts as a pull.
        gates.append(spec.size.build(at / "size"))
    return tuple(gates)


def _submit(spec: schema.SubmitSpec) -> Submit:
    return Submit(
        timeout_seconds=_seconds(spec.timeout),
        concurrent_tasks=spec.concurrent_tasks,
        concurrent_peers=spec.concurrent_peers,
        fresh_for_seconds=_seconds(spec.fresh_for),
    )


def _retry(spec: schema.RetrySpec) -> Retry:
    return Retry(
        attempts=spec.attempts,
        backoff_seconds=_seconds(spec.backoff),
        max_backoff_seconds=_seconds(spec.max_backoff),
    )


def _seconds(duration: timedelta) -> int:
    return int(duration.total_seconds())


def _source(spec: schema.SourceSpec, at: At) -> Source:
    return Source(
        registry=spec.registry,
        projects=tuple(
            Matcher(MatcherKind.GLOB, pattern, (at / "projects" / n).line)
            for n, pattern in enumerate(spec.projects)
        ),
        types=TypeCriterion(
            tuple(name.upper() for name in spec.artifact_types), (at / "artifactTypes").line
        ),
        line=at.line,
    )


def _target(spec: schema.TargetSpec, at: At, clusters: Clusters) -> Target:
    peers = spec.peers
    return Target(
        clusters=_targeted(spec, clusters),
        scope=spec.scope,
        peers=Peers(tuple(peers.ips or ()), peers.count, peers.percent) if peers else Peers(),
        line=at.line,
    )


def _targeted(target: schema.TargetSpec, clusters: Clusters) -> tuple[str, ...]:
    if target.cluster is not None:
        return (target.cluster,)
    return tuple(cluster.name for cluster in clusters.labelled(target.cluster_selector or {}))


def _rule(spec: ruleschema.RuleSpec, at: At) -> Rule:
    at = At(at.document, at.path, spec.name)
    tags = spec.tags.build(at / "tags") if spec.tags else TagCriterion(spec.name, line=at.line)
    order = spec.order.build(at / "order", tags.allow) if spec.order else Order(spec.name)
    repositories = spec.repositories.build(at / "repositories") if spec.repositories else None
    return Rule(
        name=spec.name,
        repositories=repositories,
        criteria=_criteria(spec, at, tags, order),
        order=order,
        group=build_group(spec.group_by, tags.allow),
        take=spec.take.build(at / "take") if spec.take else Take(),
        line=at.line,
    )


def _criteria(
    spec: ruleschema.RuleSpec, at: At, tags: TagCriterion, order: Order
) -> tuple[Criterion, ...]:
    """Give the criteria in the order they are asked; tags always, since untagged ones are out."""
    criteria: list[Criterion] = [tags]
    if spec.labels:
        criteria.append(spec.labels.build(at / "labels"))
    if order.reads_versions:
        criteria.append(order)
    if spec.age:
        criteria.append(spec.age.build(at / "age"))
    return tuple(criteria)
