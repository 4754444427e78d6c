"""What must agree within a policy file, and with the clusters: each disagreement at its place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from preheat.errors import ProblemsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from preheat.policy.model import Policy

VER = "{regex: 'v(?P<ver>.*)-(?P<line>[a-z]+)'}"
KEY = "order: {by: semver, key: $ver}"


def rule(*parts: str) -> str:
    """Write one rule."""
    return f"rules: [{{name: r, {', '.join(parts)}}}]"


def problems_of(policy: Callable[..., Policy], *parts: str) -> list[str]:
    """Give the problems of a policy that must have some; each has a line."""
    with pytest.raises(ProblemsError) as caught:
        policy(*parts)
    assert all(problem.line for problem in caught.value.problems)
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize(
    "parts",
    [
        (f"tags: {{allow: [{VER}]}}", KEY),
        (f"tags: {{allow: [{VER}, {{regex: '(?P<ver>[0-9]+)'}}]}}", KEY),
        (f"tags: {{allow: [{VER}]}}", "order: {by: semver, key: '${ver}'}", "groupBy: [$line]"),
        (f"tags: {{allow: [{VER}]}}", "order: {by: alphabetical, key: $line-$ver$$}"),
        (f"tags: {{allow: [{VER}]}}", "groupBy: [project, '${line}', $ver]", "take: {newest: 1}"),
    ],
)
def test_captured_names_can_be_used(parts: tuple[str, ...], policy: Callable[..., Policy]) -> None:
    """A name that every allowed pattern holds is a variable."""
    assert policy(rule(*parts)).name == "test"


@pytest.mark.parametrize(
    ("parts", "place", "words"),
    [
        ((KEY,), "order.key", "$ver is not captured: give the rule tags.allow with a regex"),
        (("tags: {deny: [{glob: x}]}", KEY), "order.key", "holds (?P<ver>…)."),
        (("tags: {allow: [{glob: 'v*'}]}", KEY), "order.key", "must be a regex that holds"),
        (("tags: {allow: [{regex: 'v.*'}]}", KEY), "order.key", "must be a regex that holds"),
        ((f"tags: {{allow: [{VER}, {{exact: v1}}]}}", KEY), "order.key", "every pattern of"),
        (
            (f"tags: {{allow: [{VER}]}}", "order: {by: semver, key: $vers}"),
            "order.key",
            "$vers is not captured: did you mean 'ver'? Every pattern",
        ),
        (
            (f"tags: {{allow: [{VER}]}}", "groupBy: [repository, $lines]"),
            "groupBy[1]",
            "$lines is not captured: did you mean 'line'?",
        ),
        (
            (f"tags: {{allow: [{VER}, {{regex: '(?P<ver>.*)'}}]}}", KEY, "groupBy: [$line]"),
            "groupBy[0]",
            "$line is not captured: ",
        ),
    ],
)
def test_names_that_are_not_captured_by_all(
    parts: tuple[str, ...], place: str, words: str, policy: Callable[..., Policy]
) -> None:
    """Some tags would have no version or group: the message says what to write."""
    (problem,) = problems_of(policy, rule(*parts))
    assert f"spec.rules[0].{place} " in problem
    assert words in problem


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ("order: {by: semver, key: ver}", "order.key 'ver' names no group of the tag's regex"),
        ("order: {by: semver, key: $$ver}", "order.key '$$ver' names no group"),
        ("order: {by: semver, key: '$1'}", "order.key '$1': write $name for a group"),
        ("order: {by: semver, key: '$'}", "order.key '$': write $name for a group"),
        ("order: {by: pushed, key: $ver}", "'key' does not go with by: pushed"),
        ("order: {by: calver, ranges: ['>1']}", "'ranges' goes with by: semver only"),
        ("order: {by: numeric, strict: false}", "'strict' goes with by: semver only"),
        ("order: {by: semver, ranges: ['1', '>3 <2']}", "ranges[1] '>3 <2' can never match"),
        ("order: {by: semver, ranges: [new]}", "ranges[0] 'new' is not a range of versions"),
        (
            "order: {by: semver, ranges: ['>=2.0.0-rc.1 <2.0.0-rc.9']}",
            "'>=2.0.0-rc.1 <2.0.0-rc.9' can never match without prerelease: include",
        ),
        ("order: {by: size}", "order.by 'size' is not one of pushed, pulled, semver,"),
        ("groupBy: [tag]", "groupBy[0] 'tag' is not one of repository, project and $name"),
        ("groupBy: [$ver$line]", "groupBy[0] '$ver$line' is not one of"),
        ("groupBy: [$ver-x]", "groupBy[0] '$ver-x' is not one of"),
        ("groupBy: [$vér]", "groupBy[0] '$vér' is not one of"),
        ("take: {newest: 0}", "take.newest This must be at least 1"),
        ("take: {newest: 1, plusPrevious: -1}", "take.plusPrevious This must be at least 0"),
        ("take: {newest: 1, from: all}", "take.from 'all' is not one of eligible, matched"),
        ("take: {plusPrevious: 1}", "newest"),
    ],
)
def test_orders_and_groups_that_mean_nothing(
    part: str, words: str, policy: Callable[..., Policy]
) -> None:
    """They would select nothing, or what nobody meant."""
    told = problems_of(policy, rule(f"tags: {{allow: [{VER}]}}", part))
    assert [problem for problem in told if words in problem], told


def test_two_rules_of_one_name(policy: Callable[..., Policy]) -> None:
    """The second one names the line of the first."""
    (problem,) = problems_of(policy, "rules:\n  - name: a\n  - name: b\n  - name: a")
    assert problem.startswith("test.yaml:8:13: spec.rules[2].name The name 'a' is already taken")
    assert problem.endswith("in line 6.")


@pytest.mark.parametrize(
    ("source", "pin", "words"),
    [
        ("registry: harbor_default, projects: [library]", "registry: other", "reads the registry"),
        ("registry: harbor_default, projects: [library, '[a']", "", "'[a' has a [ that opens no"),
        ("projects: [library]", "registry: other", "The key 'registry' is missing"),
    ],
)
def test_a_pin_of_a_foreign_project_is_told_beside_what_else_is_wrong(
    source: str, pin: str, words: str, policy: Callable[..., Policy]
) -> None:
    """One round of mending is enough."""
    told = problems_of(
        policy,
        f"sources: [{{{source}}}]",
        f"pins: [{{image: 'web/a:1', until: 2027-01-01, reason: x, {pin}}}]",
    )
    assert len(told) == 2
    assert any(words in problem for problem in told)
    assert any("No source covers the project of 'web/a:1'" in problem for problem in told)


def test_one_of_two_keys_is_told_beside_what_else_is_wrong(policy: Callable[..., Policy]) -> None:
    """Two ways to name clusters, of patterns and of peers: each is told, and each only once."""
    told = problems_of(
        policy,
        "rules: [{name: r, tags: {allow: [{exact: v1, regex: '(?=v)'}, {exact: v1, glob: v1}]}}]",
        "targets: [{cluster: eu-1, clusterSelector: {env: prod}, scope: single_seed_peer,"
        " peers: {percent: 500, count: 2}}, {cluster: eu-1, clusterSelector: {env: prod},"
        " scope: all_peers}]",
    )
    both = "Write exactly one of cluster and clusterSelector."
    for place, words in [
        ("rules[0].tags.allow[0].regex", "Not a valid RE2 expression"),
        ("rules[0].tags.allow[0]", "Write exactly one of exact, glob and regex."),
        ("rules[0].tags.allow[1]", "Write exactly one of exact, glob and regex."),
        ("targets[0]", both),
        ("targets[0]", "'peers' goes with all_seed_peers"),
        ("targets[0].peers", "Write exactly one of percent, count and ips."),
        ("targets[0].peers.percent", "This must be at most 100."),
        ("targets[1]", both),
    ]:
        assert sum(f"spec.{place} {words}" in problem for problem in told) == 1, (place, told)
    assert len(told) == 8


def test_everything_that_disagrees_is_told_at_once(policy: Callable[..., Policy]) -> None:
    """Also beside mistakes of shape, so that one round of mending is enough."""
    told = problems_of(
        policy,
        "sources: [{registry: harbor_9, projects: [library]}]",
        "rules: [{name: a, order: {by: semver, key: $x}}, {name: a, take: {newest: many}}]",
        "pins: [{image: 'web/a:1', until: 2027-01-01, reason: x}]",
        "targets: [{cluster: eu1, scope: all_peers}, {clusterSelector: {env: prod}, scope: all}]",
    )
    wanted = [
        "rules[0].order.key $x is not captured",
        "rules[1].name The name 'a' is already taken",
        "rules[1].take.newest 'many' is not a whole number",
        "pins[0].image No source covers the project of 'web/a:1'",
        "targets[0].cluster There is no cluster 'eu1'; did you mean 'eu-1'?",
        "targets[1].scope 'all' is not one of",
        "The cluster 'eu-1' has no pull endpoint for the registry 'harbor_9'",
        "The cluster 'us-1' has no pull endpoint for the registry 'harbor_9'",
    ]
    for words in wanted:
        assert [problem for problem in told if words in problem], (words, told)
    assert len(told) == len(wanted)
