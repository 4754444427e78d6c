"""Whole DAG runs in this process: Airflow's own, against the sandbox over HTTP."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from airflow.dag_processing.dagbag import BundleDagBag
from airflow.utils.db import initdb

from preheat.ledger import Ledger
from preheat.plan import Disposition
from preheat.provider import config
from preheat.sandbox import serve
from preheat.sandbox.harbor import ImageSpec, push_image

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow.models.dagrun import DagRun
    from airflow.sdk import DAG

    from preheat.ledger import Attempt, Outcome
    from preheat.sandbox import Sandbox
    from preheat.sandbox.harbor import Artifact

DAGS = Path(__file__).parents[2] / "dags"
CLOCK_FACTOR = 0.01
CLUSTERS = """
apiVersion: preheat/v1alpha1
kind: PreheatClusters
clusters:
  - name: eu-1
    connection: dragonfly_default
    schedulerClusterId: 1
    platforms: [linux/amd64]
    pullEndpoints: {{harbor_default: "{harbor}"}}
    maxConcurrentJobs: 4
  - name: us-1
    connection: dragonfly_default
    schedulerClusterId: 2
    platforms: [linux/amd64]
    pullEndpoints: {{harbor_default: "{harbor}"}}
"""
POLICY = """
apiVersion: preheat/v1alpha1
kind: PreheatPolicy
metadata: {name: NAME, owner: somebody}
spec:
  sources: [{registry: harbor_default, projects: [library]}]
  rules:
    - name: hello
      repositories: {include: [{exact: hello}]}
      take: {newest: 1}
  targets: [{cluster: us-1, scope: single_seed_peer}]
  retry: {attempts: 1, backoff: 1s, maxBackoff: 1s}
  triggers: {schedule: {cron: "0 0 1 1 *", timezone: UTC}}
"""


MARKS = {
    "image": "exact: hello",
    "head": "spec:\n",
    "retry": "retry: {attempts: 1, backoff: 1s, maxBackoff: 1s}",
}


@pytest.fixture(scope="session", autouse=True)
def _airflow() -> None:
    """Make Airflow's database once; the first run in a process costs seconds, later ones little."""
    initdb()


@pytest.fixture(scope="session")
def served() -> Iterator[Sandbox]:
    """Serve the stand-ins once, with the demo's catalogue."""
    with serve(clock_factor=CLOCK_FACTOR) as sandbox:
        yield sandbox


@dataclass
class Place:
    """One test's include folder, ledger and stand-ins.

    :param folder: what ``include/`` is to this test.
    """

    folder: Path
    sandbox: Sandbox
    ledger_url: str
    environment: pytest.MonkeyPatch = field(repr=False)

    def write_policy(self, name: str, **changes: str) -> str:
        """Write a policy file; returns the id of its DAG.

        :param changes: replacements in the smallest policy, by mark (``MARKS``).
        """
        text = POLICY.replace("NAME", name)
        for mark, change in changes.items():
            text = text.replace(MARKS[mark], change)
        return self.write_file(name, text)

    def write_file(self, name: str, text: str) -> str:
        """Write any text as a policy file; returns the id of its DAG."""
        (self.folder / "policies" / f"{name}.yaml").write_text(text, encoding="utf-8")
        return f"preheat__{name}"

    def write_spec(self, name: str, **keys: Any) -> str:
        """Write a policy with these keys of ``spec`` in the smallest one; returns its DAG's id."""
        spec = {
            "sources": [{"registry": "harbor_default", "projects": ["library"]}],
            "rules": [self.rule("hello")],
            "targets": [{"cluster": "us-1", "scope": "single_seed_peer"}],
            "retry": {"attempts": 1, "backoff": "1s", "maxBackoff": "1s"},
            "triggers": {"schedule": {"cron": "0 0 1 1 *", "timezone": "UTC"}},
            **keys,
        }
        kind = {"apiVersion": "preheat/v1alpha1", "kind": "PreheatPolicy"}
        policy = {**kind, "metadata": {"name": name, "owner": "somebody"}, "spec": spec}
        return self.write_file(name, json.dumps(policy, indent=1))  # JSON is YAML

    @staticmethod
    def rule(*repositories: str, **take: Any) -> dict[str, Any]:
        """Write a rule that takes the newest of these repositories; none means all of them."""
        include = [{"exact": name} for name in repositories] or [{"glob": "**"}]
        taken = {"newest": 1, **take}
        return {"name": "newest", "repositories": {"include": include}, "take": taken}

    def push(
        self, name: str, seed: str, size: int = 700, *, tag: str = "1", minutes_ago: float = 0
    ) -> Artifact:
        """Push ``library/<name>`` of one layer; the seed keeps its digest a test's own."""
        state = self.sandbox.harbor.state
        at = state.now() - timedelta(minutes=minutes_ago)
        spec = ImageSpec(f"{seed} {name}", layers=((f"{seed} {name}", size),))
        return push_image(state, f"library/{name}", spec, tags=[tag], at=at)

    def connect(self, conn_id: str, **fields: Any) -> None:
        """Set one of the two connections, as an environment variable."""
        self.environment.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(fields))

    def connect_harbor(self, secret: str = "preheat-sandbox-robot", **fields: Any) -> None:
        """Connect to the sandbox's Harbor."""
        known = {"host": self.sandbox.harbor_url, "login": "robot$preheat", "password": secret}
        self.connect("harbor_default", conn_type="harbor", **{**known, **fields})

    def connect_dragonfly(self, token: str = "preheat-sandbox-token", **fields: Any) -> None:
        """Connect to the sandbox's Dragonfly manager."""
        known = {
            "host": self.sandbox.dragonfly_url,
            "password": token,
            "extra": json.dumps({"clock_factor": CLOCK_FACTOR}),
        }
        self.connect("dragonfly_default", conn_type="dragonfly", **{**known, **fields})

    def dags(self) -> dict[str, DAG]:
        """Parse the DAG files as a DAG processor does."""
        bag = BundleDagBag(dag_folder=str(DAGS), bundle_path=DAGS, bundle_name="dags-folder")
        assert not bag.import_errors
        return dict(bag.dags)

    def run(self, dag_id: str, **conf: Any) -> DagRun:
        """Run a DAG to its end in this process, triggers included."""
        return self.dags()[dag_id].test(run_conf=conf or None)

    def outcomes(self, run: DagRun) -> list[Outcome]:
        """Read from the ledger what became of a run's placements."""
        with Ledger.open(self.ledger_url) as ledger:
            return ledger.outcomes(run.dag_id, run.run_id)

    def attempts(self, placement_id: int) -> list[Attempt]:
        """Read how often a placement was asked for."""
        with Ledger.open(self.ledger_url) as ledger:
            return ledger.attempts(placement_id)

    def labels(self, run: DagRun, disposition: Disposition = Disposition.ASK) -> set[str]:
        """Name what a run's plan did this with, without the platform."""
        found = self.outcomes(run)
        return {o.label.partition(" ")[0] for o in found if o.disposition is disposition}

    @property
    def jobs(self) -> int:
        """How many jobs the manager was ever asked for."""
        return self.sandbox.dragonfly.state.jobs.last_id


@pytest.fixture
def place(tmp_path: Path, served: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """Give a test its own include folder, ledger and connections, and empty peers."""
    folder = tmp_path / "include"
    (folder / "policies").mkdir(parents=True)
    clusters = CLUSTERS.format(harbor=served.harbor_url)
    (folder / "clusters.yaml").write_text(clusters, encoding="utf-8")
    ledger_url = f"sqlite:///{tmp_path}/preheat.db"
    monkeypatch.setenv("AIRFLOW__PREHEAT__INCLUDE_DIR", str(folder))
    monkeypatch.setenv("AIRFLOW__PREHEAT__LEDGER_URL", ledger_url)
    made = Place(folder, served, ledger_url, monkeypatch)
    made.connect_harbor()
    made.connect_dragonfly()
    for peer in served.dragonfly.state.peers:
        peer.wipe()
    served.harbor.state.requests.clear()
    yield made
    for server in (served.harbor, served.dragonfly):
        server.faults.clear()
    for ledger in config._opened.values():
        ledger.close()
    config._opened.clear()


@pytest.fixture
def said(capfd: pytest.CaptureFixture[str]) -> Iterator[Any]:
    """Give everything that the tasks logged so far."""
    os.environ["NO_COLOR"] = "1"
    heard: list[str] = []

    def everything() -> str:
        captured = capfd.readouterr()
        heard.extend((captured.out, captured.err))
        return "".join(heard)

    return everything
