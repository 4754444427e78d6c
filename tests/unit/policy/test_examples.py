"""The policies that ship plan what their comments say, on a catalogue like the sandbox's."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from preheat.policy.engine import evaluate
from preheat.policy.folder import load_folder
from preheat.policy.loader import load_clusters

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from preheat.artifact import Artifact
    from preheat.plan import Plan

INCLUDE = Path(__file__).parents[3] / "include"
BOTH = ("linux/amd64", "linux/arm64")
ONE = ("linux/amd64",)
HOUR = timedelta(hours=1)

CATALOGUE = [
    ("library/nginx", BOTH, ["2.3.0 2.3 latest", "2.2.1"], ()),
    ("library/redis", BOTH, ["2.2.0 2.2 latest", "2.1.1"], ()),
    ("library/hello", BOTH, ["1.0 latest"], ()),
    ("library/postgres", BOTH, ["2.2.0"], ()),
    ("web/frontend", BOTH, ["2.4.0 2.4", "2.3.1", "2.3.0"], ("approved", "qa-passed")),
    ("web/gateway", ONE, ["2.3.0", "2.2.1"], ("approved",)),
    ("web/auth/login", ONE, ["2.2.1", "2.2.0"], ("approved", "hold")),
    ("web/auth/sessions", ONE, ["2.2.1"], ("qa-passed",)),
    ("web/preview", ONE, ["main-00abc12"], ("approved",)),
    ("ml/serving/llm", ONE, ["2.2.0 2.2 latest", "2.1.1", "2.1.0"], ()),
    ("ml/serving/ranker", BOTH, ["2.2.1", "2.2.0"], ()),
    ("ml/notebooks/jupyter", BOTH, ["2026.11.20 stable", "2026.11.10"], ()),
    ("ml/training/base", ONE, ["2026.11.20 stable"], ()),
    ("research-a/notebook", ONE, ["nightly-20261123 nightly", "nightly-20261122"], ()),
    ("research-a/sim/climate", ONE, ["2026.11.22 stable"], ()),
    ("research-a/sim/ocean", ONE, ["2026.11.22 stable"], ()),
    ("research-b/genome/align", BOTH, ["2.2.0"], ()),
]


@pytest.fixture(scope="module")
def plans(art: Callable[..., Artifact], now: datetime) -> dict[str, Plan]:
    """Evaluate every policy of ``include/`` on the catalogue."""
    text = (INCLUDE / "clusters.yaml").read_text()
    clusters = load_clusters(text, "clusters.yaml")
    entries = load_folder(INCLUDE / "policies", clusters)
    policies = [entry.policy for entry in entries if entry.policy]
    assert len(policies) == len(entries)
    artifacts = [
        art(name, f"{place}{n}", tags=tags, age=(2 + 24 * n) * HOUR, platforms=has, labels=labels)
        for place, (name, has, versions, labels) in enumerate(CATALOGUE, start=1)
        for n, tags in enumerate(versions, start=1)
    ]
    return {policy.name: evaluate(policy, artifacts, clusters, now) for policy in policies}


def labels_of(plan: Plan) -> list[str]:
    """Give each label once, in the plan's order."""
    return list(dict.fromkeys(placement.label for placement in plan.placements))


def test_library_base(plans: dict[str, Plan]) -> None:
    """Three images on two platforms for two clusters: twelve placements, of two scopes."""
    plan = plans["library-base"]
    assert labels_of(plan) == [
        f"library/{image} {platform}"
        for image in ("hello:1.0", "nginx:2.3.0", "redis:2.2.0")
        for platform in BOTH
    ]
    assert Counter((p.key.cluster, p.key.scope.value) for p in plan.placements) == {
        ("eu-1", "all_seed_peers"): 6,
        ("us-1", "single_seed_peer"): 6,
    }
    assert plan.warnings == plan.failures == ()


def test_web_frontends(plans: dict[str, Plan]) -> None:
    """The newest two approved full versions, for what the clusters run."""
    plan = plans["web-frontends"]
    us = [p.label for p in plan.placements if p.key.cluster == "us-1"]
    assert us == [
        "web/frontend:2.4.0 linux/amd64",
        "web/frontend:2.3.1 linux/amd64",
        "web/gateway:2.3.0 linux/amd64",
        "web/gateway:2.2.1 linux/amd64",
    ]
    assert [p.label for p in plan.placements if p.key.cluster == "eu-1"] == us
    codes = {d.repository: d.reasons[0].code.value for d in plan.decisions if not d.selected}
    assert codes == {
        "web/auth/login": "LABEL_EXCLUDED",
        "web/auth/sessions": "LABEL_MISSING",
        "web/frontend": "NOT_NEWEST",
        "web/preview": "REPO_NOT_INCLUDED",
    }


def test_ml_serving(plans: dict[str, Plan]) -> None:
    """Several projects: two of each serving image, current notebooks and research tools."""
    plan = plans["ml-serving"]
    assert labels_of(plan) == [
        "ml/serving/llm:2.2.0 linux/amd64",
        "ml/serving/llm:2.1.1 linux/amd64",
        "ml/serving/ranker:2.2.1 linux/amd64",
        "ml/serving/ranker:2.2.1 linux/arm64",
        "ml/serving/ranker:2.2.0 linux/amd64",
        "ml/serving/ranker:2.2.0 linux/arm64",
        "ml/notebooks/jupyter:2026.11.20 linux/amd64",
        "ml/notebooks/jupyter:2026.11.20 linux/arm64",
        "research-a/notebook:nightly-20261123 linux/amd64",
        "research-a/sim/climate:2026.11.22 linux/amd64",
        "research-b/genome/align:2.2.0 linux/amd64",
        "research-b/genome/align:2.2.0 linux/arm64",
    ]
    assert {p.key.cluster for p in plan.placements} == {"eu-1"}
    excluded = [d for d in plan.decisions if d.repository == "research-a/sim/ocean"]
    assert [d.reasons[0].code.value for d in excluded] == ["REPO_EXCLUDED"]
