"""Every criterion has an example that loads, and gives reasons a newcomer understands."""

from __future__ import annotations

from datetime import timedelta
from textwrap import dedent, indent
from typing import TYPE_CHECKING

import pytest

from preheat.artifact import Tag
from preheat.policy.criteria import CRITERIA

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from preheat.artifact import Artifact
    from preheat.plan import Decision
    from preheat.policy.model import Policy
    from preheat.policy.part import Part

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@pytest.mark.parametrize("part", CRITERIA, ids=lambda part: part.key)
def test_the_example_of_a_criterion_loads(part: Part, policy: Callable[..., Policy]) -> None:
    """What a criterion's docstring shows can be pasted into a policy."""
    *parents, key = part.key.removeprefix("spec.").removesuffix("[]").split(".")
    example = dedent(part.doc.split("::\n\n")[1]).strip()
    assert f"{key}:" in example
    where = parents[0].removesuffix("[]") if parents else ""
    inside = indent(example, "  ")
    sources = "sources: [{registry: harbor_default, projects: ['*']}]"
    parts = {
        "sources": (f"sources:\n- registry: harbor_default\n  projects: [a]\n{inside}",),
        "rules": (f"rules:\n- name: r\n{inside}",),
        "gates": (f"gates:\n{inside}",),
        "": (example, sources),
    }
    assert policy(*parts[where]).name == "test"


@pytest.mark.parametrize(
    ("rule", "made", "code", "detail"),
    [
        pytest.param(
            "repositories: {include: [{glob: 'front/**'}, {exact: api}]}",
            {"name": "library/app"},
            "REPO_NOT_INCLUDED",
            "the repository is 'app'; the rule wants glob 'front/**' or exact 'api'",
            id="a repository outside include",
        ),
        pytest.param(
            "repositories: {include: [{glob: '**'}], exclude: [{glob: 'tmp-*'}]}",
            {"name": "library/tmp-1"},
            "REPO_EXCLUDED",
            "the repository is 'tmp-1'; the rule excludes glob 'tmp-*'",
            id="a repository that exclude names",
        ),
        pytest.param(
            "repositories: {exclude: [{glob: 'tmp-*'}]}",
            {"name": "library/app"},
            "SELECTED",
            "number 1 of 1 by pushed in library/app; the rule takes all",
            id="exclude alone includes the rest",
        ),
        pytest.param(
            "tags: {allow: [{glob: '*'}]}",
            {"tags": ""},
            "UNTAGGED",
            "the artifact has no tag; only tagged ones are warmed",
            id="no tag at all",
        ),
        pytest.param(
            "tags: {allow: [{glob: 'v*'}, {regex: 'r\\d+'}]}",
            {"tags": "1.0 latest"},
            "TAG_NOT_ALLOWED",
            "the tags are '1.0', 'latest'; the rule wants glob 'v*' or regex 'r\\\\d+'",
            id="no tag that is allowed",
        ),
        pytest.param(
            "tags: {allow: [{glob: '1*'}], deny: [{glob: '*-debug'}]}",
            {"tags": "1.0-debug"},
            "TAG_DENIED",
            "the tag is '1.0-debug'; the rule denies glob '*-debug'",
            id="deny wins over allow",
        ),
        pytest.param(
            "tags: {deny: [{glob: '*-debug'}]}",
            {"tags": "1.0-debug 1.0"},
            "SELECTED",
            "number 1 of 1 by pushed in library/app; the rule takes all",
            id="a denied tag beside a good one",
        ),
        pytest.param(
            "labels: {all: [approved, signed]}",
            {"labels": ("approved",)},
            "LABEL_MISSING",
            "the labels are 'approved'; the rule wants 'signed'",
            id="one of all labels missing",
        ),
        pytest.param(
            "labels: {any: [a, b]}",
            {},
            "LABEL_MISSING",
            "it has no label; the rule wants one of 'a', 'b'",
            id="none of any labels",
        ),
        pytest.param(
            "labels: {all: [a], none: [hold]}",
            {"labels": ("a", "hold")},
            "LABEL_EXCLUDED",
            "the labels are 'a', 'hold'; the rule excludes 'hold'",
            id="a label that forbids",
        ),
        pytest.param(
            "age: {min: 12h}",
            {"age": HOUR},
            "TOO_YOUNG",
            "the tag '1.0' was pushed 1h ago; the rule waits for 12h",
            id="younger than the cooldown",
        ),
        pytest.param(
            "age: {max: 60d}",
            {"age": 61 * DAY},
            "TOO_OLD",
            "the tag '1.0' was pushed 61d ago; the rule wants at most 60d",
            id="older than max",
        ),
        pytest.param(
            "age: {min: 1d, max: 1d}",
            {"age": DAY},
            "SELECTED",
            "number 1 of 1 by pushed in library/app; the rule takes all",
            id="bounds are included",
        ),
        pytest.param(
            "age: {min: 1d}",
            {"tags": (Tag("1.0"),), "age": 9 * DAY},
            "TOO_YOUNG",
            "Harbor tells no push time of its tags",
            id="an unknown age is too young",
        ),
        pytest.param(
            "age: {clock: pulled, max: 7d}",
            {},
            "NOT_RECENTLY_PULLED",
            "nobody pulled it yet; the rule wants a pull within 7d",
            id="never pulled",
        ),
    ],
)
def test_each_criterion_names_what_it_met_and_wants(
    rule: str,
    made: dict[str, object],
    code: str,
    detail: str,
    art: Callable[..., Artifact],
    decide: Callable[[str, Artifact], Decision],
) -> None:
    """One reason with a code, both values, the rule and the line that decided."""
    decision = decide(rule, art(**made))
    reason = decision.reasons[0]
    assert (reason.code, reason.detail, reason.rule, reason.line) == (code, detail, "r", 5)
    assert decision.selected is (code == "SELECTED")


def test_pulled_is_the_artifacts_own_time(
    art: Callable[..., Artifact], decide: Callable[[str, Artifact], Decision], now: datetime
) -> None:
    """A pull by digest moves no tag's time but counts as a pull."""
    pulled = art(pull_time=now - 3 * DAY)
    assert decide("age: {clock: pulled, max: 7d}", pulled).selected
    late = decide("age: {clock: pulled, max: 2d}", pulled).reasons[0]
    assert late.detail == "it was last pulled 3d ago; the rule wants a pull within 2d"


def test_a_retag_is_new(
    art: Callable[..., Artifact], decide: Callable[[str, Artifact], Decision], now: datetime
) -> None:
    """Ages are the tag's (Harbor keeps the artifact's push time on a promotion by retag)."""
    promoted = art(tags=[Tag("prod", now - HOUR)], age=90 * DAY)
    assert decide("age: {max: 1d}", promoted).selected
    assert not decide("age: {min: 1d}", promoted).selected


def test_tags_are_judged_one_by_one(
    art: Callable[..., Artifact], decide: Callable[[str, Artifact], Decision], now: datetime
) -> None:
    """A tag that moved just now does not hold back a ripe one of the same artifact."""
    both = art(tags=[Tag("latest", now), Tag("1.0", now - 3 * DAY)])
    decision = decide("age: {min: 1d}", both)
    assert decision.selected
    assert decision.tags == ("1.0", "latest")
