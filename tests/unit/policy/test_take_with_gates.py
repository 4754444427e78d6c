"""Newest images and gates: who fills in for one that fails, and what its failure means."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from preheat.artifact import ScanSummary
from preheat.facts import Kind, Question, Report
from preheat.plan import ReasonCode

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from preheat.artifact import Artifact
    from preheat.facts import Facts
    from preheat.plan import Plan

DAY = timedelta(days=1)
GATE = "gates: {vulnerabilities: {rejectSeverity: high, onMissing: %s}}"


def rule(*parts: str) -> str:
    """Write one rule."""
    return f"rules: [{{name: r, {', '.join(parts)}}}]"


def taken(plan: Plan) -> list[str]:
    """Name the selected images by the tag that speaks for them, in the order of the plan."""
    return [placement.tags[0] for placement in plan.placements]


def codes(plan: Plan) -> dict[str, ReasonCode]:
    """Give the deciding code of each image, by its first tag."""
    return {d.tags[0]: d.reasons[0].code for d in plan.decisions}


def scans(artifacts: Sequence[Artifact], bad: str = "", unscanned: str = "") -> Facts:
    """Answer on every artifact: tags in ``bad`` have a High finding."""

    def report(artifact: Artifact) -> Report:
        tag = artifact.tags[0].name
        severity = "High" if tag in bad.split() else "None"
        return Report(None if tag in unscanned.split() else ScanSummary("Success", severity))

    return {question(each): report(each) for each in artifacts}


def question(artifact: Artifact) -> Question:
    """Ask for the report of an artifact."""
    return Question.of_artifact(Kind.REPORT, artifact)


@pytest.fixture
def releases(art: Callable[..., Artifact]) -> list[Artifact]:
    """Give versions 1.0.0 to 1.4.0 of one repository, pushed in the opposite order."""
    return [art(number=n, tags=f"1.{n}.0", age=(n + 1) * DAY) for n in range(5)]


@pytest.mark.parametrize(
    ("from_", "bad", "expected"),
    [
        ("eligible", "1.4.0", ["1.3.0", "1.2.0"]),
        ("eligible", "1.4.0 1.2.0", ["1.3.0", "1.1.0"]),
        ("matched", "1.4.0", ["1.3.0"]),
        ("matched", "1.4.0 1.3.0", []),
        ("matched", "1.2.0", ["1.4.0", "1.3.0"]),
        ("eligible", "1.4.0 1.3.0 1.2.0 1.1.0 1.0.0", []),
    ],
)
def test_who_fills_in_for_one_that_fails_a_gate(
    from_: str,
    bad: str,
    expected: list[str],
    releases: list[Artifact],
    plan: Callable[..., Plan],
) -> None:
    """Eligible: the next older one that passes. Matched: nobody."""
    made = plan(
        releases,
        rule("order: {by: semver}", f"take: {{newest: 2, from: {from_}}}"),
        GATE % "reject",
        facts=scans(releases, bad),
    )
    assert taken(made) == expected
    assert not made.questions
    met = codes(made)
    refused = {tag for tag, code in met.items() if code == ReasonCode.SEVERITY}
    assert refused <= set(bad.split())


def test_one_that_filled_in_says_so(releases: list[Artifact], plan: Callable[..., Plan]) -> None:
    """A reader sees that it is not the newest, and why it is in all the same."""
    made = plan(
        releases,
        rule("order: {by: semver}", "take: {newest: 1}"),
        GATE % "reject",
        facts=scans(releases, "1.4.0"),
    )
    (reason,) = [d.reasons[0].detail for d in made.decisions if d.selected]
    assert reason == (
        "number 2 of 5 by semver in library/app; the rule takes the newest 1;"
        " 1 newer did not pass the gates"
    )


@pytest.mark.parametrize(
    ("word", "where"), [("skip", ""), ("warn", "warnings"), ("fail", "failures")]
)
def test_what_a_failed_newest_means(
    word: str, where: str, releases: list[Artifact], plan: Callable[..., Plan]
) -> None:
    """Nothing, a warning or a red run: once for the rule, three images by name."""
    made = plan(
        releases,
        rule("order: {by: semver}", f"take: {{newest: 1, onIneligible: {word}}}"),
        GATE % "reject",
        facts=scans(releases, "1.4.0 1.3.0 1.2.0 1.1.0"),
    )
    assert taken(made) == ["1.0.0"]
    texts = {"warnings": made.warnings, "failures": made.failures}
    told = texts.pop(where, ())
    assert list(texts.values()).count(()) == len(texts)
    if word == "skip":
        return
    (text,) = told
    assert text.startswith(
        "The rule 'r' (line 5): the newest did not pass the gates: library/app:1.4.0: SEVERITY,"
    )
    assert text.count("SEVERITY") == 3
    assert "; and 1 more" in text
    assert text.endswith("take.onIneligible is fail." if word == "fail" else ".")


def test_one_that_waits_for_its_scan_is_no_failure(
    releases: list[Artifact], plan: Callable[..., Plan]
) -> None:
    """``waitForScan``: the newest is out for now, and the run is not red for it."""
    parts = (
        rule("order: {by: semver}", "take: {newest: 1, plusPrevious: 1, onIneligible: fail}"),
        GATE % "waitForScan",
    )
    made = plan(releases, *parts, facts=scans(releases, unscanned="1.4.0"))
    assert taken(made) == ["1.3.0", "1.2.0"]
    assert made.failures == ()
    (warning,) = made.warnings
    assert warning.startswith("The rule 'r' waits for a scan of library/app:1.4.0: NO_SCAN")
    assert codes(made)["1.4.0"] is ReasonCode.NO_SCAN
    worse = plan(releases, *parts, facts=scans(releases, "1.3.0", "1.4.0"))
    (failure,) = worse.failures
    assert "1.3.0" in failure
    assert "1.4.0" not in failure


def test_gates_are_asked_only_of_those_that_may_be_taken(
    releases: list[Artifact],
    plan: Callable[..., Plan],
) -> None:
    """Three places and nothing known: three questions, however many images there are."""
    for from_ in ("eligible", "matched"):
        take = f"take: {{newest: 3, from: {from_}}}"
        made = plan(releases, rule("order: {by: semver}", take), GATE % "reject")
        assert set(made.questions) == {question(each) for each in releases[2:]}
        some = {
            key: answer
            for key, answer in scans(releases, "1.4.0 1.3.0").items()
            if key in {question(releases[3]), question(releases[4])}
        }
        again = plan(releases, rule("order: {by: semver}", take), GATE % "reject", facts=some)
        wanted = [releases[2]] if from_ == "matched" else releases[:3]
        assert set(again.questions) == {question(each) for each in wanted}


def test_an_image_to_roll_back_to_makes_no_run_red(
    releases: list[Artifact], plan: Callable[..., Plan]
) -> None:
    """``onIneligible: fail`` is about the newest; one behind it is worth a warning."""
    parts = (
        rule("order: {by: semver}", "take: {newest: 1, plusPrevious: 1, onIneligible: fail}"),
        GATE % "reject",
    )
    made = plan(releases, *parts, facts=scans(releases, "1.3.0"))
    assert taken(made) == ["1.4.0", "1.2.0"]
    assert made.failures == ()
    (warning,) = made.warnings
    assert "an image to roll back to did not pass the gates: library/app:1.3.0" in warning


def test_a_rule_whose_every_image_is_refused_says_so(
    releases: list[Artifact], plan: Callable[..., Plan]
) -> None:
    """A scanner that is away turns no policy off without a word, with or without ``take``."""
    facts = scans(releases, unscanned="1.0.0 1.1.0 1.2.0 1.3.0 1.4.0")
    for take in ([], ["take: {newest: 1, onIneligible: skip}"]):
        made = plan(releases, rule("age: {min: 1h}", *take), GATE % "reject", facts=facts)
        (warning,) = made.warnings
        assert warning.startswith("The rule 'r' selected nothing: no image passed the gates:")
        assert "and 2 more" in warning


def test_no_manifest_is_read_of_what_its_scan_refuses(
    releases: list[Artifact], plan: Callable[..., Plan]
) -> None:
    """Reading one counts as a pull: gates come first, the size and the budget after them."""
    parts = (
        rule("order: {by: semver}", "take: {newest: 2}"),
        "gates: {vulnerabilities: {rejectSeverity: high}, size: {maxPerImage: 1GiB}}",
        "budget: {perRun: 1GiB}",
    )
    first = plan(releases, *parts)
    assert {question.kind for question in first.questions} == {Kind.REPORT}
    refused = plan(releases, *parts, facts=scans(releases, "1.0.0 1.1.0 1.2.0 1.3.0 1.4.0"))
    assert refused.questions == ()
    passed = plan(releases, *parts, facts=scans(releases))
    assert {question.kind for question in passed.questions} == {Kind.IMAGE}
    assert len(passed.questions) == 2
