"""Planning 10,000 artifacts beside the bare decoding of the same pages."""

from __future__ import annotations

import gc
import json
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr
from requests import Session

from benchmarks.figures import Figure
from benchmarks.policies import CLUSTERS
from preheat.harbor.client import HarborClient
from preheat.policy.engine import evaluate
from preheat.policy.loader import load_clusters, load_policy
from preheat.sandbox import serve
from preheat.transport import Transport, harden

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from rich.console import Console

    from preheat.plan import Plan
    from preheat.transport import Answer

__all__ = ["measure"]

ARTIFACTS = 10_000
_REPEATS = 7
_POLICY = r"""
apiVersion: preheat/v1alpha1
kind: PreheatPolicy
metadata: {name: bench, description: Two rules over four projects}
spec:
  sources:
    - {registry: harbor_default, projects: ["bench-*"]}
  rules:
    - name: approved
      repositories:
        include: [{glob: "group-*/**"}]
        exclude: [{glob: "group-9/*"}]
      tags: {allow: [{regex: '\d+\.\d+\.\d+'}], deny: [{glob: "*-rc*"}]}
      labels: {all: [approved], none: [hold]}
      take: {newest: 3}
    - name: current
      repositories:
        include: [{glob: "{group-1,group-2,group-3}/app-*"}]
      age: {clock: pushed, max: 30d}
      order: {by: pushed}
      take: {newest: 1}
  platforms: {include: [linux/amd64, linux/arm64], onMissing: skip}
  triggers: {schedule: {cron: "0 2 * * *", timezone: UTC}}
  targets:
    - {cluster: eu-1, scope: all_seed_peers}
    - {cluster: us-1, scope: single_seed_peer}
"""


class _Pages(Transport):
    """Keeps every answer, and gives it again without any network."""

    def __init__(self, base_url: str) -> None:
        super().__init__(harden(Session()), base_url, system="Harbor")
        self.answers: dict[tuple[str, str], Answer] = {}

    def send(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str | int] | Sequence[tuple[str, str]] | None = None,
        **options: Any,
    ) -> Answer:
        """Give the answer that came the first time."""
        key = (path, repr(params))
        if key not in self.answers:
            self.answers[key] = super().send(method, path, params=params, **options)
        return self.answers[key]

    def listing_bodies(self) -> list[bytes]:
        """Return the pages that list artifacts."""
        return [a.body for (path, _), a in self.answers.items() if path.endswith("/artifacts")]


def measure(folder: Path, console: Console) -> list[Figure]:
    """Let both do their work in turns and take the best of each."""
    del folder
    console.print(f"planning: a sandbox of {ARTIFACTS} artifacts, its pages kept")
    clusters = load_clusters(CLUSTERS, "clusters.yaml")
    policy = load_policy(_POLICY, "bench.yaml", clusters)
    now = datetime.now(UTC)

    def plan(pages: _Pages) -> Plan:
        client = HarborClient(
            pages, registry="harbor_default", username="robot$preheat", secret=secret
        )
        artifacts = (
            artifact
            for project in client.projects([lambda name: name.startswith("bench-")])
            for artifact in client.project_artifacts(project.name, labels=True)
        )
        return evaluate(policy, artifacts, clusters, now)

    with serve(catalogue=f"scale:{ARTIFACTS}") as sandbox:
        secret = SecretStr(sandbox.robot_secret)
        pages = _Pages(sandbox.harbor_url)
        made = plan(pages)
    bodies = pages.listing_bodies()
    ours, reference = _best(lambda: plan(pages), lambda: [json.loads(body) for body in bodies])
    size = sum(map(len, bodies)) / 1e6
    return [
        Figure(
            name=f"planning {ARTIFACTS} artifacts",
            ours=ours * 1000,
            reference=reference * 1000,
            unit="ms",
            most=3.0,
            note=f"json.loads of the same {len(bodies)} pages, {size:.1f} MB; "
            f"{len(made.placements)} placements planned",
        )
    ]


def _best(*works: Callable[[], object]) -> list[float]:
    """Return the least seconds of each work, all done in turns."""
    best = [float("inf")] * len(works)
    for _ in range(_REPEATS):
        for index, work in enumerate(works):
            gc.collect()
            began = time.perf_counter()
            work()
            best[index] = min(best[index], time.perf_counter() - began)
    return best
