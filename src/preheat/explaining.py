"""Why an image is in a plan or not: each step of each rule, in order."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from preheat.plan import Disposition, Reason, ReasonCode
from preheat.policy.candidate import Candidate
from preheat.policy.criteria import CRITERIA
from preheat.policy.criteria.label import LabelCriterion

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from preheat.artifact import Artifact, Tag
    from preheat.plan import Decision, Plan, PlannedPlacement
    from preheat.policy.engine import Evaluation
    from preheat.policy.ordering import Match
    from preheat.policy.rule import Rule

__all__ = ["Explanation", "Outcome", "RuleTrace", "Step", "explain", "gate_of"]

_NAMED = 2

_GATES = {
    code: part.key.removeprefix("spec.")
    for part in CRITERIA
    if part.key.startswith("spec.gates.")
    for code in part.codes
}


class Outcome(StrEnum):
    """What became of an image at a step."""

    PASS = "pass"  # noqa: S105 - no password
    FAIL = "fail"
    NOT_REACHED = "not reached"


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a rule.

    :param name: the key of the policy that it belongs to.
    :param detail: value met and value wanted.
    :param line: 1-based line of the policy file.
    """

    name: str
    outcome: Outcome
    detail: str = ""
    code: ReasonCode | None = None
    line: int | None = None


@dataclass(frozen=True, slots=True)
class RuleTrace:
    """What a rule said of an image; ``rule`` is empty for sources, pins, budget and windows."""

    rule: str
    steps: tuple[Step, ...]
    line: int | None = None

    @property
    def takes(self) -> bool:
        """Whether the image passed every step."""
        return all(step.outcome is Outcome.PASS for step in self.steps)


@dataclass(frozen=True, slots=True)
class Explanation:
    """All that a plan says of one artifact.

    :param decisions: one a platform, or one for the artifact when it was not taken; none when the
        policy does not look at the artifact at all.
    :param placements: where its images go.
    :param before: by rule, the first images of its group that come before it.
    """

    artifact: Artifact
    rules: tuple[RuleTrace, ...]
    decisions: tuple[Decision, ...]
    placements: tuple[PlannedPlacement, ...]
    before: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def explain(evaluation: Evaluation, plan: Plan, artifact: Artifact) -> Explanation:
    """Tell each step for one artifact of the catalogue.

    :param plan: of the same evaluation, final.
    """
    decisions = tuple(
        decision
        for decision in plan.decisions
        if (decision.registry, decision.repository, decision.digest)
        == (artifact.registry, artifact.full_name, artifact.digest)
    )
    digests = {artifact.digest, *(child.digest for child in artifact.children)}
    placements = tuple(
        placement
        for placement in plan.placements
        if placement.key.repository == artifact.full_name
        and placement.key.digest in digests
        and placement.settings.registry == artifact.registry
    )
    traces = (*_traces(evaluation, artifact, decisions), *_limits(evaluation, placements))
    return Explanation(artifact, traces, decisions, placements, _before(evaluation, artifact))


def _before(evaluation: Evaluation, artifact: Artifact) -> dict[str, tuple[str, ...]]:
    """Name what a rule puts before an artifact, so that a reader sees what was taken instead."""
    found: dict[str, tuple[str, ...]] = {}
    for rule, groups in zip(evaluation.policy.rules, evaluation.matching.groups, strict=True):
        ranks = (_rank(group, artifact) for group in groups)
        for group, rank in zip(groups, ranks, strict=True):
            if rank:
                found[rule.name] = tuple(map(_match_name, group[: min(rank, _NAMED)]))
                break
    return found


def _rank(group: Sequence[Match], artifact: Artifact) -> int:
    """Tell how many of a group come before an artifact; 0 also where it is not in it."""
    return next((rank for rank, match in enumerate(group) if match.artifact == artifact), 0)


def _match_name(match: Match) -> str:
    return f"{match.artifact.full_name}:{match.tags[0].name}"


def _traces(
    evaluation: Evaluation, artifact: Artifact, decisions: Sequence[Decision]
) -> Iterator[RuleTrace]:
    policy = evaluation.policy
    source = _source_step(evaluation, artifact)
    yield RuleTrace("", (source,), source.line)
    reasons = [r for decision in decisions for r in (*decision.reasons, *decision.others)]
    for rule in policy.rules if source.outcome is Outcome.PASS else ():
        own = [reason for reason in reasons if reason.rule == rule.name]
        yield RuleTrace(rule.name, tuple(_steps(evaluation, rule, artifact, own)), rule.line)
    pinned = next((r for r in reasons if r.code is ReasonCode.PINNED), None)
    if pinned:
        step = Step("pins", Outcome.PASS, pinned.detail, pinned.code, pinned.line)
        yield RuleTrace("", (step,), pinned.line)


def _limits(evaluation: Evaluation, placements: Sequence[PlannedPlacement]) -> Iterator[RuleTrace]:
    """Say whether budget and windows let what is taken be asked for now."""
    budget, windows = evaluation.policy.budget, evaluation.policy.windows
    steps: list[Step] = []
    if budget:
        steps.append(_limit("budget", placements, Disposition.OVER_BUDGET, budget.line))
    if windows:
        line = windows.state(evaluation.now).line
        steps.append(_limit("windows", placements, Disposition.WINDOW_CLOSED, line))
    if placements and steps:
        yield RuleTrace("", tuple(steps), steps[0].line)


def _limit(
    name: str, placements: Sequence[PlannedPlacement], refusal: Disposition, line: int | None
) -> Step:
    """Give the step of one limit; what another limit holds back does not reach it."""
    refused = {f"{p.key.cluster}: {p.detail}": None for p in placements if p.disposition is refusal}
    if refused:
        return Step(name, Outcome.FAIL, "; ".join(refused), None, line)
    asked = any(p.disposition in {Disposition.ASK, Disposition.WINDOW_CLOSED} for p in placements)
    return Step(name, Outcome.PASS if asked else Outcome.NOT_REACHED, line=line)


def _source_step(evaluation: Evaluation, artifact: Artifact) -> Step:
    """Say whether any source covers the artifact's project and takes its type."""
    sources = evaluation.policy.sources
    covering = [s for s in sources if s.covers(artifact.registry, artifact.project)]
    if not covering:
        listed = ", ".join(
            f"{matcher.pattern!r} of {source.registry}"
            for source in sources
            for matcher in source.projects
        )
        detail = f"the project is {artifact.project!r} of {artifact.registry}; sources are {listed}"
        return Step("sources", Outcome.FAIL, detail, None, sources[0].line)
    refusals = [source.types.judge(artifact.type) for source in covering]
    refused = next((reason for reason in refusals if reason), None)
    if refused and None not in refusals:
        return Step("artifactTypes", Outcome.FAIL, refused.detail, refused.code, refused.line)
    detail = f"the project is {artifact.project!r}, the type {artifact.type.lower()}"
    return Step("sources", Outcome.PASS, detail, None, covering[0].line)


def _steps(
    evaluation: Evaluation, rule: Rule, artifact: Artifact, reasons: Sequence[Reason]
) -> Iterator[Step]:
    """Walk the criteria as the engine does; what comes behind a failure was not reached."""
    failed = False
    for step in _listing_steps(evaluation, rule, artifact):
        failed = failed or step.outcome is Outcome.FAIL
        yield step
    taken = next((reason for reason in reasons if reason.code is ReasonCode.SELECTED), None)
    # An artifact whose tags lie in several groups may be taken of one and left of another.
    against = () if taken else reasons
    gate = next((reason for reason in against if gate_of(reason.code)), None)
    left = next((reason for reason in against if reason.code is ReasonCode.NOT_NEWEST), None)
    for name, line in _gates(evaluation):
        if failed or left:
            yield Step(name, Outcome.NOT_REACHED, line=line)
        elif gate and gate_of(gate.code) == name:
            failed = True
            yield Step(name, Outcome.FAIL, gate.detail, gate.code, gate.line or line)
        else:
            yield Step(name, Outcome.PASS, line=line)
    if failed:
        yield Step("take", Outcome.NOT_REACHED, line=rule.take.line)
    elif left:
        yield Step("take", Outcome.FAIL, left.detail, left.code, left.line)
    else:
        detail = taken.detail if taken else ""
        yield Step("take", Outcome.PASS, detail, None, rule.take.line or rule.line)


def _listing_steps(evaluation: Evaluation, rule: Rule, artifact: Artifact) -> Iterator[Step]:
    failed = False
    if rule.repositories:
        reason = rule.repositories.judge(artifact.repository)
        failed = reason is not None
        passed = f"the repository is {artifact.repository!r}"
        yield _step("repositories", reason, passed, rule.repositories.line)
    candidate = Candidate(artifact, artifact.tags, evaluation.now)
    for criterion in rule.criteria:
        if failed:
            yield Step(criterion.name, Outcome.NOT_REACHED, line=criterion.line)
            continue
        outcome = criterion.judge(candidate)
        reason = outcome if isinstance(outcome, Reason) else None
        failed = reason is not None
        if not isinstance(outcome, Reason):
            candidate.tags = outcome
        passed = _kept(candidate.tags, artifact)
        if criterion.name == LabelCriterion.name:
            passed = f"its labels are {_listed(artifact.labels) or 'none'}"
        yield _step(criterion.name, reason, passed, criterion.line)


def _step(name: str, reason: Reason | None, passed: str, line: int | None) -> Step:
    if reason:
        return Step(name, Outcome.FAIL, reason.detail, reason.code, reason.line or line)
    return Step(name, Outcome.PASS, passed, None, line)


def _kept(tags: Sequence[Tag], artifact: Artifact) -> str:
    names = _listed(tag.name for tag in tags)
    if len(tags) == 1:
        return f"by its tag {names}"
    return f"{'all tags' if len(tags) == len(artifact.tags) else 'by its tags'} {names}"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(map(repr, names))


def gate_of(code: ReasonCode) -> str | None:
    """Name the step of the gate that gives a reason; None for reasons of other steps."""
    return _GATES.get(code)


def _gates(evaluation: Evaluation) -> Iterator[tuple[str, int | None]]:
    for gate in evaluation.policy.gates:
        yield f"gates.{gate.name}", gate.line
