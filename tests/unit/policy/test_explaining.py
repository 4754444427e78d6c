"""Why not this image? Each step says what it met and what it wants, with its line of the file."""

from __future__ import annotations

from datetime import datetime, timedelta
from textwrap import dedent
from typing import TYPE_CHECKING

import pytest

from preheat.artifact import Artifact, ScanSummary
from preheat.catalogue import Catalogue
from preheat.explaining import Explanation, Outcome, RuleTrace, explain, gate_of
from preheat.facts import Facts, Kind, Question, Report
from preheat.plan import Disposition, ReasonCode
from preheat.policy.criteria import CRITERIA
from preheat.policy.engine import Evaluation
from preheat.policy.loader import load_policy

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from preheat.policy.model import Clusters, Policy

    Explain = Callable[..., Explanation]

DAY = timedelta(days=1)
TEXT = dedent("""\
    apiVersion: preheat/v1alpha1
    kind: PreheatPolicy
    metadata: {name: shop}
    spec:
      sources:
        - {registry: harbor_default, projects: [library]}
      rules:
        - name: released
          repositories: {include: [{glob: "app*"}]}
          tags:
            allow: [{regex: '\\d+\\.\\d+\\.\\d+'}]
          labels: {all: [approved]}
          age: {max: 30d}
          order: {by: semver, ranges: ["<3"]}
          take:
            newest: 2
      gates:
        vulnerabilities: {rejectSeverity: high}
      budget: {maxImages: 1}
      windows:
        allow:
          - {days: [all], from: "20:00", to: "06:00", timezone: UTC}
      targets:
        - {cluster: eu-1, scope: all_seed_peers}
      triggers: {schedule: {cron: "0 2 * * *", timezone: UTC}}
    """)


def scan(artifacts: Sequence[Artifact], severity: str = "None") -> Facts:
    """Say that all were scanned."""
    report = Report(ScanSummary("Success", severity))
    return {Question.of_artifact(Kind.REPORT, each): report for each in artifacts}


@pytest.fixture
def why(art: Callable[..., Artifact], clusters: Clusters, now: datetime) -> Explain:
    """Explain the first of some artifacts under the policy above, at midnight unless told."""

    def run(
        *artifacts: Artifact,
        facts: Facts | None = None,
        text: str = TEXT,
        at: datetime | None = None,
    ) -> Explanation:
        policy = load_policy(text, "shop.yaml", clusters)
        moment = at or now.replace(hour=0)
        evaluation = Evaluation(policy, Catalogue.of(artifacts), clusters, moment)
        known = scan(artifacts) if facts is None else facts
        return explain(evaluation, evaluation.plan(known), artifacts[0])

    return run


def approved(art: Callable[..., Artifact], number: int, version: str, **more: object) -> Artifact:
    """Make an image that the policy takes."""
    return art(**{
        "number": number,
        "tags": version,
        "labels": ("approved",),
        "age": 2 * DAY,
        **more,
    })


def outcomes(trace: RuleTrace) -> dict[str, Outcome]:
    """Give what each step said."""
    return {step.name: step.outcome for step in trace.steps}


def line_of(text: str) -> int:
    """Find the line of the policy that holds a text."""
    return next(n for n, line in enumerate(TEXT.splitlines(), start=1) if text in line)


def test_a_taken_image_passes_every_step(art: Callable[..., Artifact], why: Explain) -> None:
    """Source, each criterion, each gate, its place in the group; and where it goes."""
    found = why(approved(art, 1, "1.0.0"))
    source, rule, limits = found.rules
    assert source.takes
    assert limits.takes
    assert list(outcomes(limits)) == ["budget", "windows"]
    assert rule.takes
    assert list(outcomes(rule)) == [
        *("repositories", "tags", "labels", "order", "age"),
        *("gates.vulnerabilities", "take"),
    ]
    assert rule.steps[2].detail == "its labels are 'approved'"
    assert rule.steps[-1].detail.startswith("number 1 of 1 by semver in library/app")
    assert [p.disposition for p in found.placements] == [Disposition.ASK]


@pytest.mark.parametrize(
    ("made", "step", "words", "line"),
    [
        ({"name": "library/db"}, "repositories", "the rule wants glob 'app*'", "repositories:"),
        ({"tags": "latest"}, "tags", "the tag is 'latest'; the rule wants regex", "tags:"),
        ({"labels": ()}, "labels", "it has no label; the rule wants 'approved'", "labels:"),
        ({"tags": "3.0.0"}, "order", "3.0.0 of tag '3.0.0' is not in '<3'", "order:"),
        ({"age": 40 * DAY}, "age", "was pushed 39d 12h ago; the rule wants at most 30d", "age:"),
    ],
)
def test_the_step_that_fails(
    made: dict[str, object],
    step: str,
    words: str,
    line: str,
    art: Callable[..., Artifact],
    why: Explain,
) -> None:
    """It tells both values and its line; steps before it passed, steps after were not reached."""
    image = approved(art, 1, "1.0.0", **made)
    rule = why(image).rules[-1]
    names = [each.name for each in rule.steps]
    place = names.index(step)
    assert [each.outcome for each in rule.steps[:place]] == [Outcome.PASS] * place
    failed = rule.steps[place]
    assert (failed.outcome, failed.line) == (Outcome.FAIL, line_of(line))
    assert words in failed.detail
    rest = rule.steps[place + 1 :]
    assert {each.outcome for each in rest} == {Outcome.NOT_REACHED}
    assert all(each.line for each in rule.steps)


def test_an_unscanned_image(art: Callable[..., Artifact], why: Explain) -> None:
    """The gate says what is missing and what to do."""
    image = approved(art, 1, "1.0.0")
    found = why(image, facts={Question.of_artifact(Kind.REPORT, image): Report()})
    gate, take = found.rules[-1].steps[-2:]
    assert (gate.outcome, gate.code) == (Outcome.FAIL, "NO_SCAN")
    assert gate.line == line_of("vulnerabilities:")
    assert gate.detail == "it was never scanned; scan it in Harbor, or set onMissing: allow"
    assert take.outcome is Outcome.NOT_REACHED


def test_one_that_is_not_the_newest(art: Callable[..., Artifact], why: Explain) -> None:
    """Its place, how many there are, and how many the rule takes; no gate was asked."""
    old = approved(art, 1, "1.0.0")
    found = why(old, approved(art, 2, "1.1.0"), approved(art, 3, "1.2.0"))
    gate, take = found.rules[-1].steps[-2:]
    assert gate.outcome is Outcome.NOT_REACHED
    assert (take.outcome, take.code) == (Outcome.FAIL, "NOT_NEWEST")
    assert take.line == line_of("newest: 2")
    assert take.detail == ("number 3 of 3 by semver in library/app; the rule takes the newest 2")


def test_an_alias(art: Callable[..., Artifact], why: Explain) -> None:
    """Two versions on one digest: the reasons say which tag speaks for it."""
    found = why(approved(art, 1, "1.0.0 1.0.1 latest"))
    (decision,) = found.decisions
    assert decision.tags[0] == "1.0.1"
    assert decision.reasons[1].detail == "'1.0.0': same digest as '1.0.1', counted once"
    tags = found.rules[1].steps[1]
    assert tags.detail == "by its tags '1.0.0', '1.0.1'"


def test_a_full_budget(art: Callable[..., Artifact], why: Explain) -> None:
    """Taken, but not asked for: its step says which budget is full, with the line."""
    found = why(approved(art, 1, "1.0.0", age=3 * DAY), approved(art, 2, "1.1.0"))
    _, released, limits = found.rules
    assert released.takes
    budget, windows = limits.steps
    assert (budget.outcome, budget.line) == (Outcome.FAIL, line_of("budget:"))
    assert budget.detail == "eu-1: budget.maxImages is 1 and it would be image number 2"
    assert windows.outcome is Outcome.NOT_REACHED
    assert [p.disposition for p in found.placements] == [Disposition.OVER_BUDGET]


def test_a_closed_window(art: Callable[..., Artifact], why: Explain, now: datetime) -> None:
    """Taken, but not now: the placement says when it will be."""
    found = why(approved(art, 1, "1.0.0"), at=now)
    (placement,) = found.placements
    assert placement.disposition is Disposition.WINDOW_CLOSED
    assert "it is Tue 2026-11-24 12:00 in UTC; allowed is every day 20:00 to 06:00" in (
        placement.detail
    )
    assert placement.detail.endswith("it opens at Tue 2026-11-24 20:00")
    budget, windows = found.rules[-1].steps
    assert budget.outcome is Outcome.PASS
    assert (windows.outcome, windows.line) == (Outcome.FAIL, line_of("windows:"))
    assert windows.detail == f"eu-1: {placement.detail}"


def test_another_project(art: Callable[..., Artifact], why: Explain) -> None:
    """No rule is asked about what no source covers."""
    found = why(approved(art, 1, "1.0.0", name="web/app"))
    (trace,) = found.rules
    assert trace.steps[0].detail.startswith("the project is 'web' of harbor_default; sources are")
    assert (trace.takes, trace.line, found.decisions) == (False, 6, ())


def test_another_type(art: Callable[..., Artifact], why: Explain) -> None:
    """Nor about what is no image."""
    (trace,) = why(approved(art, 1, "1.0.0", type="CHART")).rules
    (step,) = trace.steps
    assert (step.name, step.code) == ("artifactTypes", "TYPE_EXCLUDED")
    assert step.detail == "it is of type chart; the source takes image"


TWO_RULES = TEXT.replace(
    "  gates:\n",
    "    - {name: newest, order: {by: semver}, take: {newest: 1}}\n  gates:\n",
)


def test_each_rule_speaks_for_itself(art: Callable[..., Artifact], why: Explain) -> None:
    """That one rule takes an image does not mean that the other does."""
    found = why(approved(art, 1, "1.0.0"), approved(art, 2, "1.1.0"), text=TWO_RULES)
    assert any(decision.selected for decision in found.decisions)
    _, released, newest, *_ = found.rules
    assert released.takes
    assert not newest.takes
    assert newest.steps[-1].code == "NOT_NEWEST"


def test_a_pinned_image_hears_what_the_rules_would_say(
    art: Callable[..., Artifact], why: Explain
) -> None:
    """It is in by the pin, with its line, and the gate that it fails is told all the same."""
    pin = "  pins: [{image: 'library/app:1.0.0', until: 2027-01-01, reason: because}]\n"
    image = approved(art, 1, "1.0.0")
    found = why(image, facts=scan([image], "High"), text=TEXT + pin)
    assert any(decision.selected for decision in found.decisions)
    _, released, pinned, _ = found.rules
    assert outcomes(released)["gates.vulnerabilities"] is Outcome.FAIL
    assert pinned.takes
    assert pinned.steps[0].detail == "pinned until 2027-01-01: because"
    assert pinned.line == len(TEXT.splitlines()) + 1


def test_a_pin_takes_no_type_that_its_sources_do_not(
    art: Callable[..., Artifact], why: Explain
) -> None:
    """Trace and decision say the same of a pinned chart: its source takes images."""
    pin = "  pins: [{image: 'library/app:1.0.0', until: 2027-01-01, reason: because}]\n"
    found = why(approved(art, 1, "1.0.0", type="CHART"), text=TEXT + pin)
    assert [trace.takes for trace in found.rules] == [False]
    assert [decision.selected for decision in found.decisions] == [False]


def test_an_image_of_two_groups(art: Callable[..., Artifact], why: Explain) -> None:
    """Taken of one and left of the other, the rule takes it."""
    text = TEXT.replace("\\d+\\.\\d+\\.\\d+", "\\d+\\.\\d+\\.(?P<line>\\d+)").replace(
        "      take:\n        newest: 2", "      groupBy: [$line]\n      take:\n        newest: 1"
    )
    both = approved(art, 1, "1.0.0 1.0.5")
    found = why(both, approved(art, 2, "1.1.0"), text=text)
    assert found.rules[1].takes
    assert "$line '5'" in found.rules[1].steps[-1].detail


def test_explaining_is_about_any_artifact_of_the_plan(
    art: Callable[..., Artifact], policy: Callable[..., Policy], clusters: Clusters, now: datetime
) -> None:
    """A decision that selects has a rule or pin that takes, and one that does not has none."""
    artifacts = [
        art(f"library/{name}", f"{place}{n}", tags=f"1.{n} x{n}", age=n * DAY)
        for place, name in enumerate(["app", "db", "tmp"])
        for n in range(4)
    ]
    made = policy(
        "rules: [{name: a, repositories: {exclude: [{exact: db}]}, take: {newest: 2}},"
        " {name: b, tags: {allow: [{glob: '1.*'}]}, age: {min: 2d}, take: {newest: 1}}]",
        "pins: [{image: 'library/tmp:x3', until: 2027-01-01, reason: because}]",
    )
    evaluation = Evaluation(made, Catalogue.of(artifacts), clusters, now)
    plan = evaluation.plan()
    for artifact in artifacts:
        found = explain(evaluation, plan, artifact)
        takes = any(trace.takes for trace in found.rules[1:])
        assert takes is any(decision.selected for decision in found.decisions), artifact.tags


def test_every_reason_of_a_gate_has_its_step() -> None:
    """A reason that no step tells would read as if the image had passed."""
    given = {code for part in CRITERIA if part.key.startswith("spec.gates.") for code in part.codes}
    steps = {gate_of(code) for code in given}
    assert steps == {"gates.size", "gates.vulnerabilities", "gates.signature"}
    assert gate_of(ReasonCode.NOT_NEWEST) is None
