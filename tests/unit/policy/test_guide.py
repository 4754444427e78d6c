"""The recipes of docs/guide.md load, and plan what their tests beside them say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from preheat.policy.jsonschema import make_schema, typed
from preheat.policy.loader import load_clusters, load_policy
from preheat.policy.schema import PolicyFile
from preheat.policytest import load_case, run_case

ROOT = Path(__file__).parents[3]
BLOCKS = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "guide.md").read_text(), flags=re.DOTALL)
POLICIES = {re.findall(r"name: ([a-z-]+)", text)[0]: text for text in BLOCKS[::2]}
TESTS = {re.findall(r"policy: ([a-z-]+)", text)[0]: text for text in BLOCKS[1::2]}
CLUSTERS = load_clusters((ROOT / "include" / "clusters.yaml").read_text(), "clusters.yaml")
SCHEMA = Draft202012Validator(make_schema(PolicyFile))


def test_every_recipe_has_its_test() -> None:
    """A policy and its test come in turns, and the page's list names every recipe."""
    assert list(POLICIES) == list(TESTS)
    assert len(POLICIES) >= 10


@pytest.mark.parametrize("name", POLICIES)
def test_a_recipe_does_what_its_test_says(name: str) -> None:
    """Whoever copies it gets what the page promises."""
    policy = load_policy(POLICIES[name], f"{name}.yaml", CLUSTERS)
    results = run_case(load_case(TESTS[name], f"{name}.yaml"), policy, CLUSTERS)
    assert [f"{r.expectation.image}: {r.wrong}, {r.came}" for r in results if not r.passed] == []


@pytest.mark.parametrize("name", POLICIES)
def test_a_recipe_has_no_red_line_in_an_editor(name: str) -> None:
    """The schema takes what the guide shows."""
    assert [error.message for error in SCHEMA.iter_errors(typed(POLICIES[name]))] == []
