"""From validated files to the model: defaults filled in, lines of the file attached."""

from __future__ import annotations

from typing import TYPE_CHECKING

from preheat.placement import Peers
from preheat.policy.criteria.age import AgeCriterion
from preheat.policy.criteria.label import LabelCriterion
from preheat.policy.criteria.repository import RepositoryCriterion
from preheat.policy.criteria.tag import TagCriterion
from preheat.policy.criteria.type import TypeCriterion
from preheat.policy.matchers import Matcher, MatcherKind
from preheat.policy.model import (
    Cluster,
    Criterion,
    Order,
    Platforms,
    Policy,
    Retry,
    Rule,
    Schedule,
    Source,
    Submit,
    Take,
    Target,
    Verify,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta

    from preheat.policy import ruleschema, schema
    from preheat.policy.model import Clusters
    from preheat.policy.yamltext import Document, Path

__all__ = ["build_cluster", "build_policy"]


def build_cluster(spec: schema.ClusterSpec) -> Cluster:
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
    schedule = spec.triggers.schedule if spec.triggers else None
    platforms = spec.platforms
    return Policy(
        name=file.metadata.name,
        sources=tuple(_source(each, document, n) for n, each in enumerate(spec.sources)),
        rules=tuple(_rule(each, document, n) for n, each in enumerate(spec.rules)),
        targets=tuple(_target(each, document, n, clusters) for n, each in enumerate(spec.targets)),
        platforms=Platforms(
            include=tuple(platforms.include),
            on_missing=platforms.on_missing,
            line=document.line(("spec", "platforms")),
        )
        if platforms
        else Platforms(),
        schedule=Schedule(schedule.cron, schedule.timezone) if schedule else None,
        submit=_submit(spec.submit),
        retry=_retry(spec.retry),
        verify=Verify(spec.verify.mode, spec.verify.on_partial),
        suspend=spec.suspend,
        description=file.metadata.description,
        owner=file.metadata.owner,
    )


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


def _source(spec: schema.SourceSpec, document: Document, index: int) -> Source:
    path: Path = ("spec", "sources", index)
    return Source(
        registry=spec.registry,
        projects=tuple(
            Matcher(MatcherKind.GLOB, pattern, document.line((*path, "projects", n)))
            for n, pattern in enumerate(spec.projects)
        ),
        types=TypeCriterion(
            tuple(name.upper() for name in spec.artifact_types),
            document.line((*path, "artifactTypes")),
        ),
        line=document.line(path),
    )


def _target(spec: schema.TargetSpec, document: Document, index: int, clusters: Clusters) -> Target:
    peers = spec.peers
    return Target(
        clusters=_targeted(spec, clusters),
        scope=spec.scope,
        peers=Peers(tuple(peers.ips or ()), peers.count, peers.percent) if peers else Peers(),
        line=document.line(("spec", "targets", index)),
    )


def _targeted(target: schema.TargetSpec, clusters: Clusters) -> tuple[str, ...]:
    if target.cluster is not None:
        return (target.cluster,)
    return tuple(cluster.name for cluster in clusters.labelled(target.cluster_selector or {}))


def _rule(spec: ruleschema.RuleSpec, document: Document, index: int) -> Rule:
    path: Path = ("spec", "rules", index)
    take = Take(spec.take.newest, document.line((*path, "take", "newest"))) if spec.take else Take()
    return Rule(
        name=spec.name,
        criteria=_criteria(spec, document, path),
        order=spec.order.by if spec.order else Order.PUSHED,
        take=take,
        line=document.line(path),
    )


def _criteria(spec: ruleschema.RuleSpec, document: Document, path: Path) -> tuple[Criterion, ...]:
    """Give the criteria in the order they are asked; tags always, since untagged ones are out."""
    criteria: list[Criterion] = []
    if spec.repositories:
        here = (*path, "repositories")
        criteria.append(
            RepositoryCriterion(
                spec.name,
                _matchers(spec.repositories.include, document, (*here, "include")),
                _matchers(spec.repositories.exclude, document, (*here, "exclude")),
                document.line(here),
            )
        )
    here = (*path, "tags")
    allow = _matchers(spec.tags.allow, document, (*here, "allow")) if spec.tags else ()
    deny = _matchers(spec.tags.deny, document, (*here, "deny")) if spec.tags else ()
    criteria.append(TagCriterion(spec.name, allow, deny, document.line(here)))
    if spec.labels:
        labels = spec.labels
        line = document.line((*path, "labels"))
        criteria.append(
            LabelCriterion(
                spec.name, tuple(labels.all), tuple(labels.any), tuple(labels.none), line
            )
        )
    if spec.age:
        age = spec.age
        line = document.line((*path, "age"))
        criteria.append(AgeCriterion(spec.name, age.clock, age.min, age.max, line))
    return tuple(criteria)


def _matchers(
    specs: Sequence[ruleschema.MatcherSpec], document: Document, path: Path
) -> tuple[Matcher, ...]:
    return tuple(_matcher(spec, document.line((*path, n))) for n, spec in enumerate(specs))


def _matcher(spec: ruleschema.MatcherSpec, line: int | None) -> Matcher:
    kind = next(iter(spec.model_fields_set))
    return Matcher(MatcherKind(kind), getattr(spec, kind), line)
