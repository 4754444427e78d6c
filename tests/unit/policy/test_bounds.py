"""Lists have lengths: a file made to keep Preheat busy keeps it for less than a second."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from preheat.errors import ProblemsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from preheat.policy.model import Policy

LETTER = "\\pL"
SECONDS = 2.0
"""Of processor time, twice of what is promised: tests run beside others."""


def listed(shape: str, number: int) -> str:
    """Write a list of many entries, in which ``#`` is the number of each."""
    return f"[{', '.join(shape.replace('#', str(n)) for n in range(number))}]"


def allow(shape: str, number: int) -> str:
    """Write a rule that allows many patterns and needs their captures."""
    regexes = listed(f"{{regex: '{shape}'}}", number)
    return f"{{name: r, order: {{by: semver, key: $v}}, tags: {{allow: {regexes}}}}}"


def problems_of(policy: Callable[..., Policy], part: str) -> list[str]:
    """Load a policy that must be refused, in bounded time, and tell why."""
    began = time.process_time()
    with pytest.raises(ProblemsError) as caught:
        policy(part)
    assert time.process_time() - began < SECONDS
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("part", "words"),
    [
        pytest.param(
            f"rules: [{allow(f'x#{LETTER}{{200}}', 3000)}]",
            "spec.rules The rules hold 3000 globs and regexes; they may hold 400.",
            id="3,000 regexes",
        ),
        pytest.param(
            f"rules: {listed(allow('a{1,99}', 30).replace('name: r', 'name: r#'), 90)}",
            "spec.rules The rules hold 2700 globs and regexes; they may hold 400.",
            id="many rules of some",
        ),
        pytest.param(
            f"rules: [{allow('#' + '(a|b)' * 200, 40)}]",
            "spec.rules The globs and regexes of the rules have ",
            id="long ones",
        ),
        pytest.param(
            f"rules: {listed('{name: r#}', 101)}",
            "spec.rules There are more than 100 entries.",
            id="rules",
        ),
        pytest.param(
            f"rules: [{{name: r, labels: {{any: {listed('l#', 101)}}}}}]",
            "labels.any There are more than 100 entries.",
            id="labels",
        ),
        pytest.param(
            f"rules: [{{name: r, repositories: {{include: {listed('{exact: r#}', 101)}}}}}]",
            "repositories.include There are more than 100 entries.",
            id="matchers",
        ),
        pytest.param(
            "rules: [{name: r, order: {by: semver, ranges: ['" + ">=1 " * 250 + "']}}]",
            "ranges[0] This text is longer than 200 characters.",
            id="a long range",
        ),
        pytest.param(
            f"pins: {listed('{image: library/a:#, until: 2027-01-01, reason: x}', 1001)}",
            "spec.pins There are more than 1000 entries.",
            id="pins",
        ),
    ],
)
def test_what_is_too_much_is_told_at_once(
    policy: Callable[..., Policy], part: str, words: str
) -> None:
    """Nothing is compiled, compared or looked up that a person would not have written."""
    assert words in "\n".join(problems_of(policy, part))


@pytest.mark.parametrize(
    "rules",
    [
        pytest.param(f"[{allow(f'x#{LETTER}{{200}}', 100)}]", id="wide"),
        pytest.param(f"[{allow('#' + f'{LETTER}{{1,9}}' * 100, 35)}]", id="long"),
    ],
)
def test_the_most_that_is_read_is_bounded_too(policy: Callable[..., Policy], rules: str) -> None:
    """Patterns at the limit cost what they may: each is compiled once, refused or not."""
    assert "pattern too large" in "\n".join(problems_of(policy, f"rules: {rules}"))


def test_what_people_write_is_far_from_the_limits(policy: Callable[..., Policy]) -> None:
    """A hundred matchers in a hundred rules, if not all at once."""
    regexes = listed("{regex: 'v#[.][0-9]+'}", 100)
    made = policy(f"rules: {listed(f'{{name: r#, tags: {{allow: {regexes}}}}}', 1)}")
    assert len(made.rules) == 1
    assert (
        len(policy(f"rules: {listed('{name: r#, tags: {deny: [{glob: x-*}]}}', 100)}").rules) == 100
    )
