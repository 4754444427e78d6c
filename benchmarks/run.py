"""A policy run beside an empty DAG of the same shape, its requests, the parses it caused."""

from __future__ import annotations

import math
import re
from collections import Counter
from statistics import mean
from typing import TYPE_CHECKING

from benchmarks.figures import Figure
from benchmarks.parsing import POLICIES
from benchmarks.world import CLUSTER, open_world

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from rich.console import Console

    from benchmarks.world import Cost, World

__all__ = ["measure"]

PLACEMENTS = 200
ARTIFACTS = 2000
PAGE = 100
_ROUNDS = 2
_POLICY = """\
apiVersion: preheat/v1alpha1
kind: PreheatPolicy
metadata:
  name: {name}
  description: A run to be measured
spec:
  sources:
    - {{registry: harbor_default, projects: [{projects}]}}
  rules:
    - name: newest
      tags:
        allow: [{{glob: "*.*.*"}}]
      take: {{newest: {newest}}}
  targets:
    - {{cluster: {cluster}, scope: single_seed_peer}}
  triggers: {{schedule: {{cron: "0 0 1 1 *", timezone: UTC}}}}
  submit: {{freshFor: 0s}}
"""
_LISTING = re.compile(r"/api/v2\.0/projects/bench-[^/]+/artifacts")
_KINDS = (
    ("project lists", re.compile(r"/api/v2\.0/projects/?")),
    ("versions", re.compile(r"/api/v2\.0/systeminfo")),
    ("tokens", re.compile(r"/service/token")),
    ("manifests", re.compile(r"/v2/.+/manifests/.+")),
    ("blobs", re.compile(r"/v2/.+/blobs/.+")),
    ("jobs asked for", re.compile(r"POST /oapi/v1/jobs")),
    ("job looks", re.compile(r"GET /oapi/v1/jobs/\d+")),
    ("job lists", re.compile(r"GET /oapi/v1/jobs")),
)


def measure(folder: Path, console: Console) -> list[Figure]:
    """Alternate between the reference and ours, after one small run of each.

    :param folder: empty folder for all that is written.
    """
    policies = {
        "warm-up": _POLICY.format(name="warm-up", projects="bench-3", newest=1, cluster=CLUSTER),
        "measured": _POLICY.format(
            name="measured", projects='"bench-*"', newest=2, cluster=CLUSTER
        ),
    }
    console.print(f"run: starting a sandbox of {ARTIFACTS} artifacts and Airflow")
    with open_world(folder, policies, catalogue=f"scale:{ARTIFACTS}", console=console) as world:
        for dag_id in ("empty", "bare", "preheat__warm-up", "preheat__measured"):
            world.airflow.enable(dag_id)
        count = {"count": PLACEMENTS}
        console.print("run: one small run of each")
        world.airflow.run("empty")
        world.airflow.run("preheat__warm-up")
        reference, ours = [], []
        for _ in range(_ROUNDS):
            reference.append(world.airflow.run("empty", count))
            console.print(f"run: empty DAG {reference[-1].seconds:.1f} s")
            world.forget()
            ours.append(world.airflow.run("preheat__measured"))
            console.print(f"run: policy run {ours[-1].seconds:.1f} s")
        bare = world.airflow.run("bare", count)
        return [
            *_costs(ours, reference, bare),
            *_requests(world),
            *_parses(world),
            _many(world),
        ]


def _costs(ours: Sequence[Cost], reference: Sequence[Cost], bare: Cost) -> Iterator[Figure]:
    """Compare time and processor time of our runs with the reference."""
    took = mean(cost.seconds for cost in ours)
    rounds = zip(ours, reference, strict=True)
    yield Figure(
        name=f"policy run, {PLACEMENTS} placements",
        ours=took,
        reference=mean(cost.seconds for cost in reference),
        unit="s",
        most=1.2,
        note="each round: "
        + "; ".join(f"{o.seconds:.1f} beside {r.seconds:.1f}" for o, r in rounds),
    )
    yield Figure(
        name="processor time of it, Airflow's processes",
        ours=mean(cost.airflow for cost in ours),
        reference=mean(cost.airflow for cost in reference),
        unit="s",
        note=f"the sandbox's own, beside it: {mean(cost.sandbox for cost in ours):.1f} s",
    )
    yield Figure(
        name="the empty DAG without labels and links",
        ours=bare.seconds,
        unit="s",
        note=f"Airflow's least; a policy run is {took / bare.seconds:.2f} of it",
    )


def _many(world: World) -> Figure:
    """Tell what the DAG processor says of the DAG file once it has many policies."""
    for number in range(POLICIES):
        name = f"many-{number:03d}"
        text = _POLICY.format(name=name, projects="bench-3", newest=1, cluster=CLUSTER)
        world.add_policy(name, text)
    return Figure(
        name=f"the DAG processor's own figure, {POLICIES} policies",
        ours=world.airflow.parse_seconds(f"preheat__{name}", beside="preheat__measured"),
        unit="s",
        note="with its process's start, and each DAG written down for the database",
    )


def _requests(world: World) -> Iterator[Figure]:
    """Compare what the stand-ins counted in the last run with the least that could do."""
    counts, listing = _counted(world)
    projects = Counter(
        artifact.repository.project.name
        for artifact in world.sandbox.harbor.state.artifacts.values()
    )
    least = sum(math.ceil(n / PAGE) for name, n in projects.items() if name.startswith("bench-"))
    yield Figure(
        name=f"listing calls for {ARTIFACTS} artifacts",
        ours=listing,
        reference=least,
        unit="calls",
        most=1.05,
        slack=1,
        note=f"least: one for {PAGE} artifacts of a project",
    )
    yield Figure(
        name="jobs asked for (POST)",
        ours=counts.pop("jobs asked for", 0),
        reference=PLACEMENTS,
        unit="calls",
        most=1.0,
        exactly=True,
        note="least: one a placement",
    )
    yield Figure(
        name="other requests a placement",
        ours=sum(counts.values()) / PLACEMENTS,
        unit="calls",
        note=", ".join(f"{count} {kind}" for kind, count in counts.most_common()),
    )


def _counted(world: World) -> tuple[Counter[str], int]:
    """Count requests by kind, Dragonfly's own left out; listing calls apart."""
    paths: Counter[str] = Counter(world.sandbox.dragonfly.requests)
    paths.update(
        access.path
        for access in world.sandbox.harbor.state.requests
        if not access.user_agent.startswith("dragonfly-")
    )
    listing = sum(count for path, count in paths.items() if _LISTING.fullmatch(path))
    counts: Counter[str] = Counter()
    for path, count in paths.items():
        if not _LISTING.fullmatch(path):
            kinds = (name for name, pattern in _KINDS if pattern.fullmatch(path))
            counts[next(kinds, path)] += count
    return counts, listing


def _parses(world: World) -> Iterator[Figure]:
    """Tell how often Airflow read the DAG file during the last run, and at what cost."""
    lines = [line.split() for line in world.parses.read_text(encoding="utf-8").splitlines()]
    for name, wanted in (("DAG processor", True), ("task processes", False)):
        chosen = [line for line in lines if (line[2] == "-") is wanted]
        loaded = sum(int(line[1]) for line in chosen)
        yield Figure(
            name=f"parses of the DAG file, {name}",
            ours=len(chosen),
            unit="times",
            note=f"{sum(float(line[0]) for line in chosen):.2f} s in all; "
            f"our code was in memory {loaded} times",
        )
