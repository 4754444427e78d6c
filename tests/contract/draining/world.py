"""Two Harbors, a ledger, policies, and an inbox to drain."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import requests
from pydantic import SecretStr
from sqlalchemy import update

from preheat.draining import Circumstances, Drained, Draining
from preheat.errors import InputError
from preheat.event import EventKind, EventSource, HarborEvent
from preheat.harbor.client import HarborClient
from preheat.ledger import Ledger, RunRef
from preheat.ledger.schema import event as table
from preheat.plan import Disposition
from preheat.policy.loader import load_clusters, load_policy
from preheat.provider.answers import Answers
from preheat.sandbox.harbor import ImageSpec, push_image
from preheat.transport import Transport

if TYPE_CHECKING:
    from preheat.ledger import StoredEvent
    from preheat.plan import Plan
    from preheat.policy.model import Clusters, Policy
    from preheat.sandbox import HarborServer

SECRET = "made-up-secret"
RUN = RunRef("preheat_events", "1", "plan")
CLUSTERS = """
apiVersion: preheat/v1alpha1
kind: PreheatClusters
clusters:
  - {name: eu-1, connection: dragonfly_default, schedulerClusterId: 1, platforms: [linux/amd64],
     pullEndpoints: {one: "http://one.example", two: "http://two.example"}}
"""
POLICY = """
apiVersion: preheat/v1alpha1
kind: PreheatPolicy
metadata: {name: NAME}
spec:
  sources: [SOURCES]
  rules: [{name: newest, take: {newest: 1}}]
  targets: [{cluster: eu-1, scope: single_seed_peer}]
  triggers: {events: [pushed]}
"""


class World:
    """Two Harbors, a ledger, policies, and an inbox to drain."""

    def __init__(self, ledger: Ledger, servers: dict[str, HarborServer]) -> None:
        self.ledger = ledger
        self.servers = servers
        self.clusters: Clusters = load_clusters(CLUSTERS, "clusters.yaml")
        self.policies: list[Policy] = []
        self.most = 1024
        self.broken: tuple[str, ...] = ()
        self.runs = 0
        self._told = 0

    def listen(self, name: str, *registries: str, more: str = "") -> None:
        """Add a policy on pushes, over everything in these Harbors."""
        sources = ", ".join(f'{{registry: {r}, projects: ["**"]}}' for r in registries or ("one",))
        text = POLICY.replace("NAME", name).replace("SOURCES", sources) + more
        self.policies.append(load_policy(text, f"{name}.yaml", self.clusters))

    def push(self, repository: str, registry: str = "one", *, age: timedelta | None = None) -> None:
        """Push an image, and let a webhook tell of it."""
        state = self.servers[registry].state
        image = push_image(state, repository, ImageSpec(f"{repository} {self._told}"), tags=["1"])
        at = datetime.now(UTC) - (age or timedelta())
        self.tell(registry, repository, EventKind.PUSHED, digest=image.digest, tag="1", at=at)

    def tell(
        self,
        registry: str,
        repository: str,
        kind: EventKind,
        *,
        at: datetime | None = None,
        **more: Any,
    ) -> None:
        """Put an event into the inbox."""
        self._told += 1
        source = more.pop("source", EventSource.WEBHOOK)
        told = HarborEvent(
            registry, f"ce:{self._told}", source, kind, repository, occurred_at=at, **more
        )
        self.ledger.inbox.receive([told])
        self.all_due()

    def all_due(self) -> None:
        """Let all that waits be due."""
        with self.ledger._engine.begin() as connection:
            connection.execute(update(table).values(due_at=datetime(2026, 1, 1, tzinfo=UTC)))

    def client(self, registry: str) -> HarborClient:
        """Open a Harbor."""
        if registry not in self.servers:
            raise InputError(f"no connection {registry}")
        return HarborClient(
            Transport(requests.Session(), self.servers[registry].url, system="Harbor"),
            registry=registry,
            username="robot$preheat",
            secret=SecretStr(SECRET),
        )

    def drain(self) -> Drained:
        """Drain what is due in a run of its own, and record that."""
        self.runs += 1
        common = Circumstances(
            self.ledger,
            lambda clients: Answers(self.ledger, clients),
            self.clusters,
            datetime.now(UTC),
            self.most,
        )
        draining = Draining(common, self.client, self.policies, self.broken)
        done = draining.drain(self.ledger.inbox.waiting())
        self.ledger.record_event_plans(list(done.plans), self.run_ref, done.handled)
        return done

    @property
    def run_ref(self) -> RunRef:
        """The latest run."""
        return RunRef("preheat_events", str(self.runs), "plan")

    def waiting(self) -> list[StoredEvent]:
        """Read what waits, due or not."""
        return self.ledger.inbox.recent(handled=False)

    def refuse(self, registry: str, path: str, status: int = 403) -> None:
        """Let a Harbor answer so."""
        body = '{"errors": [{"code": "FORBIDDEN", "message": "forbidden"}]}'
        self.servers[registry].faults.add(
            match={"path": path}, times=None, status=status, body=body
        )


def asked(plan: Plan) -> list[str]:
    """Name what a plan asks for."""
    return [
        placement.key.repository
        for placement in plan.placements
        if placement.disposition is Disposition.ASK
    ]
