"""Runs a case: evaluates the policy, and compares what came with what was expected."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from preheat.catalogue import Catalogue
from preheat.explaining import explain
from preheat.planning import complete
from preheat.policy.engine import Evaluation
from preheat.policy.platforms import normal_platform
from preheat.policytest.given import artifacts_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from preheat.artifact import Artifact
    from preheat.explaining import Explanation
    from preheat.facts import Facts, Question
    from preheat.plan import Decision, Plan, PlannedPlacement, Reason
    from preheat.policy.model import Clusters, Policy
    from preheat.policytest.case import Case, Expectation

__all__ = ["Result", "run_case"]


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one expectation.

    :param wrong: how what came differs from what was expected; empty when it does not.
    :param came: what came, in a line.
    :param explanation: all steps, where something is wrong and the image is known.
    """

    expectation: Expectation
    wrong: tuple[str, ...]
    came: str
    explanation: Explanation | None = None

    @property
    def passed(self) -> bool:
        """Whether all came as expected."""
        return not self.wrong


def run_case(
    case: Case,
    policy: Policy,
    clusters: Clusters,
    saved: tuple[Sequence[Artifact], Facts] | None = None,
) -> tuple[Result, ...]:
    """Evaluate a policy on the catalogue of a case, and judge every expectation.

    :param saved: the catalogue that the case names, if it names one.
    """
    artifacts, facts = saved or artifacts_of(
        case.given, case.at, policy.registries[0], case.allowlists
    )

    def answer(questions: Sequence[Question]) -> Facts:
        return {question: facts.get(question) for question in questions}

    evaluation = Evaluation(policy, Catalogue.of(artifacts), clusters, case.at)
    judge = _Judge(evaluation, complete(evaluation, answer), artifacts, policy.registries[0])
    return tuple(judge.result(expectation) for expectation in case.expectations)


class _Judge:
    """Looks images up in a plan.

    :param registry: of the expectations that name none.
    """

    def __init__(
        self, evaluation: Evaluation, plan: Plan, artifacts: Sequence[Artifact], registry: str
    ) -> None:
        self._evaluation = evaluation
        self._plan = plan
        self._registry = registry
        self._known: dict[tuple[str, str], Artifact] = {}
        for artifact in artifacts:
            for tag in artifact.tags:
                self._known[artifact.registry, f"{artifact.full_name}:{tag.name}"] = artifact
            if not artifact.tags:
                self._known[artifact.registry, artifact.full_name] = artifact
        self._decisions: dict[tuple[str, str, str], list[Decision]] = {}
        for decision in plan.decisions:
            key = (decision.registry, decision.repository, decision.digest)
            self._decisions.setdefault(key, []).append(decision)

    def result(self, wanted: Expectation) -> Result:
        """Compare one expectation with what the plan says."""
        artifact = self._known.get((wanted.registry or self._registry, wanted.image))
        if artifact is None:
            return Result(wanted, (self._unknown(wanted.image),), "not in the catalogue")
        wrong, came = self._compare(wanted, artifact)
        if not wrong:
            return Result(wanted, (), came)
        return Result(wanted, wrong, came, explain(self._evaluation, self._plan, artifact))

    def _compare(self, wanted: Expectation, artifact: Artifact) -> tuple[tuple[str, ...], str]:
        """Say how what came differs, and what came."""
        key = (artifact.registry, artifact.full_name, artifact.digest)
        decisions = [
            decision
            for decision in self._decisions.get(key, [])
            if not decision.platform or _is_platform(decision.platform, wanted)
        ]
        if not decisions:
            words = "no source of the policy covers it"
            if wanted.platform and key in self._decisions:
                words = f"it has no platform {wanted.platform}"
            missed = wanted.selected or wanted.reason is not None
            return (words,) if missed else (), f"not selected: {words}"
        selected = [decision for decision in decisions if decision.selected]
        placements = self._placed(artifact, selected, wanted)
        reasons = _reasons(selected or decisions)
        wrong = tuple(_differences(wanted, bool(selected), reasons, placements))
        return wrong, _words(reasons, placements)

    def _placed(
        self, artifact: Artifact, selected: Sequence[Decision], wanted: Expectation
    ) -> list[PlannedPlacement]:
        """Find where an artifact goes; a digest belongs to one artifact of a repository."""
        if not selected:
            return []
        digests = {child.digest for child in artifact.children} | {artifact.digest}
        return [
            planned
            for planned in self._plan.placements
            if planned.key.repository == artifact.full_name
            and planned.key.digest in digests
            and planned.settings.registry == artifact.registry
            and _is_platform(planned.key.platform, wanted)
        ]

    def _unknown(self, image: str) -> str:
        near = difflib.get_close_matches(image, [name for _, name in self._known], n=3)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        return f"the catalogue has no {image}{hint}"


def _is_platform(platform: str, wanted: Expectation) -> bool:
    if not wanted.platform:
        return True
    return normal_platform(platform) == normal_platform(wanted.platform)


def _reasons(decisions: Sequence[Decision]) -> tuple[Reason, ...]:
    return tuple(dict.fromkeys(reason for each in decisions for reason in each.reasons))


def _differences(
    wanted: Expectation,
    selected: bool,  # noqa: FBT001 - one of two values that are compared
    reasons: Sequence[Reason],
    placements: Sequence[PlannedPlacement],
) -> Iterator[str]:
    if selected != wanted.selected:
        yield "it is selected" if selected else "it is not selected"
    meant = [reason for reason in reasons if not wanted.rule or reason.rule == wanted.rule]
    if wanted.rule and not meant:
        yield f"no rule {wanted.rule} says anything of it"
    elif wanted.reason is not None:
        # Of rejections the first one decides; a selection also names its aliases and pins.
        deciding = meant if selected or wanted.rule else meant[:1]
        if wanted.reason not in {reason.code for reason in deciding}:
            yield f"the reason is {', '.join(dict.fromkeys(r.code.value for r in deciding))}"
    yield from _misplaced(wanted, placements)


def _misplaced(wanted: Expectation, placements: Sequence[PlannedPlacement]) -> Iterator[str]:
    clusters = sorted({planned.key.cluster for planned in placements})
    if wanted.clusters is not None and clusters != sorted(wanted.clusters):
        yield f"it goes to {', '.join(clusters) or 'no cluster'}"
    others = {planned.disposition for planned in placements} - {wanted.disposition}
    if wanted.disposition is not None and (others or not placements):
        yield f"the plan says {', '.join(sorted(others)) or 'nothing'}"


def _words(reasons: Sequence[Reason], placements: Sequence[PlannedPlacement]) -> str:
    first = reasons[0]
    rule = f" by {first.rule}" if first.rule else ""
    where = ", ".join(sorted({planned.key.cluster for planned in placements}))
    goes = f" -> {where}" if where else ""
    return f"{first.code}{rule}: {first.detail}{goes}"
