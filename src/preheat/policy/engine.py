"""Which images should be warm where, and why not the others. Pure: values in, a plan out.

Order of evaluation: source and type, repository, tags, labels, age, newest of each repository,
platforms, clusters, freshness. An artifact is in if any rule takes it.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from preheat.plan import Decision, Plan, Reason, ReasonCode
from preheat.policy.candidate import Candidate
from preheat.policy.choosing import Choosing, Pick
from preheat.policy.model import OnPartial
from preheat.policy.ordering import Match, newest_first, order_tags
from preheat.policy.placing import Placing

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from preheat.artifact import Artifact, Tag
    from preheat.placement import PlacementKey
    from preheat.policy.model import Clusters, Policy, Rule, Source

__all__ = ["evaluate"]

_STEP = {code: step for step, code in enumerate(ReasonCode)}


@dataclass(slots=True)
class _Entry:
    """One candidate and what the rules said of it."""

    artifact: Artifact
    reasons: list[Reason] = field(default_factory=list)
    picks: list[Pick] = field(default_factory=list)


def evaluate(
    policy: Policy,
    artifacts: Iterable[Artifact],
    clusters: Clusters,
    now: datetime,
    *,
    warm: Mapping[PlacementKey, datetime] | None = None,
    max_map_length: int = 1024,
) -> Plan:
    """Decide on every artifact that the policy's sources cover.

    The same values give the same plan, in whatever order the artifacts come.

    :param warm: placements found warm, with the time of that proof; fresh ones are not asked for.
    :param max_map_length: most placements of one cluster in one run (Airflow: ``max_map_length``).
    :raises ProblemsError: when ``clusters`` lacks one that the policy names.
    """
    used = {cluster.name: cluster for cluster in clusters.named(policy.cluster_names)}
    placing = Placing(
        clusters=used,
        targets=policy.targets,
        include=policy.platforms.include,
        submit=policy.submit,
        now=now,
        accept_partial=policy.verify.on_partial is OnPartial.ACCEPT,
        warm=warm or {},
        max_map_length=max_map_length,
    )
    choosing = Choosing(policy.platforms, [placing.wanted(cluster) for cluster in used.values()])
    decisions, warnings = _decide(policy, artifacts, choosing, now)
    return Plan(
        policy=policy.name,
        evaluated_at=now,
        decisions=decisions,
        placements=placing.place(choosing.chosen()),
        policy_text=policy.text,
        policy_hash=policy.hash,
        clusters=tuple(cluster.as_data() for cluster in used.values()),
        accept_partial=placing.accept_partial,
        warnings=warnings,
        failures=tuple(choosing.failures),
    )


def _decide(
    policy: Policy, artifacts: Iterable[Artifact], choosing: Choosing, now: datetime
) -> tuple[tuple[Decision, ...], tuple[str, ...]]:
    """Give every candidate its decision, and what a reader should be warned of."""
    entries, warnings = _collect(policy.sources, artifacts, now)
    eligible = [entry for entry in entries if not entry.reasons]
    for index, rule in enumerate(policy.rules):
        if not _apply(rule, index, eligible, now):
            warnings.append(f"The rule {rule.name!r} selected nothing.")
    decisions: list[Decision] = []
    for entry in entries:
        if entry.picks:
            decisions.extend(choosing.choose(entry.artifact, entry.picks))
        else:
            decisions.append(_rejected(entry))
    return tuple(decisions), tuple(warnings)


def _collect(
    sources: Sequence[Source], artifacts: Iterable[Artifact], now: datetime
) -> tuple[list[_Entry], list[str]]:
    """Keep what a source covers, each digest of a repository once, newest first."""
    covering: dict[tuple[str, str], list[Source]] = {}
    found: dict[tuple[str, str, str, str], Artifact] = {}
    for artifact in artifacts:
        place = (artifact.registry, artifact.project)
        if place not in covering:
            covering[place] = [source for source in sources if source.covers(*place)]
        if covering[place]:
            key = (*place, artifact.repository, artifact.digest)
            # A walk may meet an artifact twice, around a moving tag: any fixed choice does.
            known = found.get(key)
            found[key] = artifact if known is None else max(known, artifact, key=repr)
    entries = [_Entry(artifact) for artifact in sorted(found.values(), key=_reading_order)]
    for entry in entries:
        _judge_type(entry, covering[entry.artifact.registry, entry.artifact.project], now)
    return entries, _unmatched(sources, [place for place, by in covering.items() if by])


def _reading_order(artifact: Artifact) -> tuple[str, str, str, float, str]:
    pushed = artifact.push_time.timestamp() if artifact.push_time else 0.0
    return artifact.registry, artifact.project, artifact.repository, -pushed, artifact.digest


def _judge_type(entry: _Entry, sources: Sequence[Source], now: datetime) -> None:
    """One source that takes the type is enough."""
    candidate = Candidate(entry.artifact, entry.artifact.tags, now)
    reasons: list[Reason] = []
    for source in sources:
        outcome = source.types.judge(candidate)
        if not isinstance(outcome, Reason):
            return
        reasons.append(outcome)
    entry.reasons = reasons


def _unmatched(sources: Sequence[Source], places: Sequence[tuple[str, str]]) -> list[str]:
    """Say which project patterns met nothing: a typo, or a robot that may not see the project."""
    return [
        f"The source {source.registry!r} has no artifact in a project that matches"
        f" {matcher.pattern!r}: check its spelling, and what the robot account may list."
        for source in sources
        for matcher in source.projects
        if not any(registry == source.registry and matcher(project) for registry, project in places)
    ]


def _apply(rule: Rule, index: int, entries: Sequence[_Entry], now: datetime) -> bool:
    """Judge every candidate by one rule; say whether it took any."""
    groups: dict[tuple[str, str, str], list[Match]] = defaultdict(list)
    for position, entry in enumerate(entries):
        artifact = entry.artifact
        outcome = _judge(rule, Candidate(artifact, artifact.tags, now))
        if isinstance(outcome, Reason):
            entry.reasons.append(outcome)
        else:
            match = Match(position, artifact, order_tags(outcome, rule.order))
            groups[artifact.registry, artifact.project, artifact.repository].append(match)
    for (_, project, repository), group in groups.items():
        where = f"of {len(group)} by {rule.order} in {project}/{repository}; the rule takes"
        where = f"{where} {'all' if rule.take.newest is None else f'the newest {rule.take.newest}'}"
        for rank, match in enumerate(newest_first(group, rule.order)):
            _take(rule, entries[match.index], Pick(index, rank, match.tags), where)
    return bool(groups)


def _judge(rule: Rule, candidate: Candidate) -> tuple[Tag, ...] | Reason:
    for criterion in rule.criteria:
        outcome = criterion.judge(candidate)
        if isinstance(outcome, Reason):
            return outcome
        candidate.tags = outcome
    return candidate.tags


def _take(rule: Rule, entry: _Entry, pick: Pick, where: str) -> None:
    """Take the artifact, or say that enough newer ones came before it."""
    newest = rule.take.newest
    detail = f"number {pick.rank + 1} {where}"
    if newest is not None and pick.rank >= newest:
        entry.reasons.append(Reason(ReasonCode.NOT_NEWEST, detail, rule.name, rule.take.line))
        return
    pick.reasons.append(Reason(ReasonCode.SELECTED, detail, rule.name, rule.line))
    if len(pick.tags) > 1:
        others = ", ".join(repr(tag.name) for tag in pick.tags[1:])
        detail = f"{others}: same digest as {pick.tags[0].name!r}, counted once"
        pick.reasons.append(Reason(ReasonCode.SAME_DIGEST_AS, detail, rule.name, rule.line))
    entry.picks.append(pick)


def _rejected(entry: _Entry) -> Decision:
    """Put the reason of the rule that came furthest first."""
    artifact = entry.artifact
    reasons = entry.reasons
    if len(reasons) > 1:
        reasons = sorted(reasons, key=lambda reason: _STEP[reason.code], reverse=True)
    return Decision(
        registry=artifact.registry,
        repository=artifact.full_name,
        digest=artifact.digest,
        tags=tuple([tag.name for tag in artifact.tags]),
        platform="",
        selected=False,
        reasons=tuple(reasons),
    )
