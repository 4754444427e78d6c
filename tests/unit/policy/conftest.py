"""What the policy tests are made of: artifacts, clusters and policies in few words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from textwrap import indent
from typing import TYPE_CHECKING

import pytest

from preheat.artifact import Artifact, Child, Tag
from preheat.policy.engine import evaluate
from preheat.policy.loader import load_clusters, load_policy

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from preheat.plan import Decision, Plan
    from preheat.policy.model import Clusters, Policy

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)

CLUSTERS = """\
apiVersion: preheat/v1alpha1
kind: PreheatClusters
clusters:
  - name: eu-1
    connection: dragonfly_default
    schedulerClusterId: 1
    labels: {region: eu, env: prod}
    pullEndpoints: {harbor_default: "https://harbor.example.com", harbor_2: "https://two.example.com"}
  - name: us-1
    connection: dragonfly_us
    schedulerClusterId: 2
    labels: {region: us, env: prod}
    platforms: [linux/amd64]
    pullEndpoints: {harbor_default: "http://mirror.us.example.com:8080"}
"""

POLICY = """\
apiVersion: preheat/v1alpha1
kind: PreheatPolicy
metadata: {name: test}
spec:
"""

DEFAULTS = {
    "sources": "sources: [{registry: harbor_default, projects: [library]}]",
    "rules": "rules: [{name: everything}]",
    "targets": "targets: [{cluster: eu-1, scope: all_seed_peers}]",
    "triggers": 'triggers: {schedule: {cron: "0 2 * * *", timezone: UTC}}',
}


def digest(number: int | str) -> str:
    """Give a digest that is easy to tell."""
    return f"sha256:{number:0>64}"


def make_artifact(
    name: str = "library/app",
    number: int | str = 1,
    *,
    tags: str | Sequence[Tag] = "1.0",
    age: timedelta = timedelta(days=1),
    platforms: Sequence[str] = ("linux/amd64",),
    **more: object,
) -> Artifact:
    """Make an artifact; ``tags`` in a string is split at blanks, all as old as the artifact."""
    project, _, repository = name.partition("/")
    pushed = NOW - age
    named = [Tag(tag, pushed) for tag in tags.split()] if isinstance(tags, str) else tags
    first = digest(number)
    children = [
        Child(first if len(platforms) == 1 else digest(f"{number}{n}"), platform)
        for n, platform in enumerate(platforms, start=1)
    ]
    return Artifact(**{  # type: ignore[arg-type]
        "registry": "harbor_default",
        "project": project,
        "repository": repository,
        "digest": first,
        "push_time": pushed,
        "tags": tuple(named),
        "children": tuple(children),
        **more,
    })


@pytest.fixture(scope="session")
def clusters() -> Clusters:
    """Two clusters; the European one takes any platform."""
    return load_clusters(CLUSTERS, "clusters.yaml")


def make_policy(clusters: Clusters, *parts: str) -> Policy:
    """Make a policy of parts of ``spec``; what is not given is as simple as can be."""
    given = {part.split(":", 1)[0].strip() for part in parts}
    spec = [*parts, *(text for key, text in DEFAULTS.items() if key not in given)]
    return load_policy(POLICY + indent("\n".join(spec), "  "), "test.yaml", clusters)


@pytest.fixture(scope="session")
def now() -> datetime:
    """When every test evaluates."""
    return NOW


@pytest.fixture(scope="session")
def art() -> Callable[..., Artifact]:
    """Make an artifact: ``art("library/app", 1, tags="1.0 latest", age=…, platforms=[…])``."""
    return make_artifact


@pytest.fixture(scope="session")
def policy(clusters: Clusters) -> Callable[..., Policy]:
    """Make a policy of parts of ``spec``."""
    return lambda *parts: make_policy(clusters, *parts)


@pytest.fixture(scope="session")
def plan(clusters: Clusters) -> Callable[..., Plan]:
    """Evaluate a policy of parts of ``spec`` on artifacts."""

    def run(artifacts: Sequence[Artifact], *parts: str, **options: object) -> Plan:
        made = make_policy(clusters, *parts)
        return evaluate(made, artifacts, clusters, NOW, **options)  # type: ignore[arg-type]

    return run


@pytest.fixture(scope="session")
def decide(plan: Callable[..., Plan]) -> Callable[[str, Artifact], Decision]:
    """Give the one decision of a policy with one rule on one artifact."""

    def run(rule: str, artifact: Artifact) -> Decision:
        (decision,) = plan([artifact], f"rules: [{{name: r, {rule}}}]").decisions
        return decision

    return run
