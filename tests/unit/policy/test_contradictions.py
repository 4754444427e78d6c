"""A policy that speaks against itself is refused, at the place of its second word."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from preheat.errors import ProblemsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from preheat.policy.model import Policy

TARGET = "{cluster: eu-1, scope: all_peers}"


def rule(parts: str) -> str:
    """Write one rule."""
    return f"rules: [{{name: r, {parts}}}]"


@pytest.mark.parametrize(
    ("part", "place", "words"),
    [
        (
            rule("tags: {allow: [{exact: v1}, {glob: 'v*'}], deny: [{exact: v1}]}"),
            "rules[0].tags.deny[0]",
            "exact 'v1' is in allow too (line 5); deny wins.",
        ),
        (
            rule("repositories: {include: [{glob: 'a/**'}], exclude: [{glob: 'a/**'}]}"),
            "rules[0].repositories.exclude[0]",
            "glob 'a/**' is in include too (line 5); exclude wins.",
        ),
        (
            rule("repositories: {exclude: [{glob: '**'}]}"),
            "rules[0].repositories.exclude[0]",
            "This keeps every repository out: the rule would select nothing.",
        ),
        (
            rule("tags: {deny: [{glob: '*'}]}"),
            "rules[0].tags.deny[0]",
            "This keeps every tag out: the rule would select nothing.",
        ),
        (
            rule("labels: {all: [approved], none: [hold, approved]}"),
            "rules[0].labels.none[1]",
            "'approved' is in all too (line 5); none wins.",
        ),
        (
            rule("labels: {any: [a, b], none: [b]}"),
            "rules[0].labels.none[0]",
            "'b' is in any too (line 5); none wins.",
        ),
        (
            rule("tags: {allow: [{exact: 'v*'}]}"),
            "rules[0].tags.allow[0].exact",
            "No tag can be called 'v*'. Write glob for a pattern.",
        ),
        (
            rule("tags: {deny: [{exact: 'app:v1'}]}"),
            "rules[0].tags.deny[0].exact",
            "No tag can be called 'app:v1'.",
        ),
        (
            rule("repositories: {include: [{exact: Front}]}"),
            "rules[0].repositories.include[0].exact",
            "No repository can be called 'Front'.",
        ),
        (
            "sources: [{registry: harbor_default, projects: [library, web, library]}]",
            "sources[0].projects[2]",
            "The project 'library' is already there in line 5.",
        ),
        (
            f"targets: [{TARGET}, {TARGET}]",
            "targets[1]",
            "This target is already there in line 5.",
        ),
    ],
)
def test_contradictions(part: str, place: str, words: str, policy: Callable[..., Policy]) -> None:
    """One problem each, that names the line of the other half."""
    with pytest.raises(ProblemsError) as caught:
        policy(part)
    (problem,) = caught.value.problems
    assert (problem.path, problem.message) == (f"spec.{place}", words)


@pytest.mark.parametrize(
    "part",
    [
        rule("repositories: {exclude: [{glob: '*'}]}"),
        rule("tags: {allow: [{glob: 'v1'}], deny: [{exact: v1}]}"),
        rule("tags: {allow: [{exact: _x}, {exact: 1.0-B_c}]}"),
        rule("repositories: {include: [{exact: a/b__c/d--e.f}]}"),
        "targets: [{cluster: eu-1, scope: all_peers}, {cluster: eu-1, scope: all_seed_peers}]",
    ],
)
def test_what_may_be_meant_is_let_be(part: str, policy: Callable[..., Policy]) -> None:
    """``*`` leaves out repositories of one part only; two scopes of a cluster are two targets."""
    assert policy(part).name == "test"
