"""Two policies that want some of the same: run at once, each placement is asked for once."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Barrier, Event
from typing import TYPE_CHECKING

from preheat.asking import ask
from preheat.catalogue import Catalogue
from preheat.ledger import RunRef
from preheat.planning import list_artifacts
from preheat.policy.engine import evaluate
from preheat.policy.loader import load_clusters, load_policy
from preheat.proving import confirm, prove
from preheat.verdict import Verdict

if TYPE_CHECKING:
    from tests.contract.truth.conftest import Lab

    from preheat.ledger import Attempt
    from preheat.verdict import Finding

CLUSTERS = """\
apiVersion: preheat/v1alpha1
kind: PreheatClusters
clusters:
  - name: eu-1
    connection: dragonfly_default
    schedulerClusterId: 1
    platforms: [linux/amd64]
    pullEndpoints: {{harbor_default: "{harbor}"}}
    hosts: {{seedPeers: [10.77.0.11, 10.77.0.14]}}
"""
POLICY = """\
apiVersion: preheat/v1alpha1
kind: PreheatPolicy
metadata: {{name: {name}}}
spec:
  sources: [{{registry: harbor_default, projects: [{projects}]}}]
  rules: [{{name: all, take: {{newest: 1}}}}]
  targets: [{{cluster: eu-1, scope: all_seed_peers}}]
  triggers: {{schedule: {{cron: "0 2 * * *", timezone: UTC}}}}
  verify: {verify}
"""
LIBRARY = POLICY.format(name="library", projects="library", verify="{mode: layers, minHosts: 50%}")
BROAD = POLICY.format(name="broad", projects="library, web", verify="{mode: peers}")


def planned(lab: Lab, name: str, text: str) -> tuple[RunRef, list[int]]:
    """Evaluate a policy on what Harbor lists and record the plan of its run."""
    clusters = load_clusters(CLUSTERS.format(harbor=lab.sandbox.harbor_url), "clusters.yaml")
    policy = load_policy(text, f"{name}.yaml", clusters)
    listed = list_artifacts({"harbor_default": lab.harbor}, [policy])
    plan = evaluate(policy, Catalogue.of(listed), clusters, datetime.now(UTC))
    run = RunRef(f"preheat__{name}", "manual__1", "track", 0, 1)
    items = lab.ledger.record_plan(plan, run).items
    for item in items:
        key = lab.ledger.placement(item.placement_id).key
        image = lab.harbor.resolve(key.repository, key.digest, key.platform)
        lab.ledger.record_image(image)
    return run, [item.placement_id for item in items]


def track(lab: Lab, run: RunRef, placement_id: int, together: Barrier) -> Finding | None:
    """Do what a mapped task and its trigger do, beside all the others."""
    placement = lab.ledger.placement(placement_id)
    (outcome,) = [o for o in lab.ledger.outcomes(run.dag_id, run.run_id) if _is(o, placement_id)]
    together.wait(30)
    attempt: Attempt = ask(
        lab.ledger,
        lab.driver,
        placement,
        owner=run.dag_id,
        run=run,
        authorize=lambda: lab.harbor.pull_authorization([placement.key.repository]),
        wait=lambda seconds: Event().wait(seconds) and None,
    )
    job = lab.ended(attempt.job_id or 0)
    followed = lab.ledger.followed(attempt.id)
    if not followed.attempt.is_open:
        return confirm(lab.ledger, lab.driver, followed, lab.harbor, outcome.demand)
    return prove(lab.ledger, lab.driver, followed, job, lab.harbor, demand=outcome.demand)


def _is(outcome: object, placement_id: int) -> bool:
    return getattr(outcome, "placement_id", None) == placement_id


def test_overlapping_policies_that_run_at_once_ask_once_for_each_placement(lab: Lab) -> None:
    """All tasks of both runs start together, the later plan demands more, and nothing is doubled.

    Counted by the stand-in, not by us: the jobs that it was asked for, by manifest.
    """
    before = {job.id for job in lab.state.jobs.newest_first()}
    library, broad = planned(lab, "library", LIBRARY), planned(lab, "broad", BROAD)
    shared = set(library[1]) & set(broad[1])
    tasks = [(run, number) for run, numbers in (library, broad) for number in numbers]
    assert shared
    assert set(library[1]) == shared
    assert set(broad[1]) > shared

    together = Barrier(len(tasks))
    with ThreadPoolExecutor(len(tasks)) as threads:
        findings = list(threads.map(lambda task: track(lab, *task, together), tasks))

    asked = Counter(
        job.args["url"]
        for job in lab.state.jobs.newest_first()
        if job.id not in before and job.type == "preheat"
    )
    assert len(asked) == len({*library[1], *broad[1]})
    assert set(asked.values()) == {1}
    assert {finding.verdict for finding in findings if finding} == {Verdict.WARM}
    for run, numbers in (library, broad):
        outcomes = lab.ledger.outcomes(run.dag_id, run.run_id)
        assert len(outcomes) == len(numbers)
        assert {outcome.verdict for outcome in outcomes} == {Verdict.WARM}
    for number in shared:
        assert len(lab.ledger.attempts(number)) == 1
