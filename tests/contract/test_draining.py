"""Draining over HTTP: several policies, several Harbors, places that fail, and each for itself."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import requests
from pydantic import SecretStr
from sqlalchemy import update

from preheat.draining import Drained, Draining
from preheat.errors import InputError
from preheat.event import EventKind, EventSource, HarborEvent
from preheat.harbor.client import HarborClient
from preheat.ledger import Ledger, RunRef
from preheat.ledger.schema import event as table
from preheat.plan import Disposition
from preheat.policy.loader import load_clusters, load_policy
from preheat.provider.answers import Answers
from preheat.sandbox import HarborServer
from preheat.sandbox.harbor import HarborState, ImageSpec, Permission, push_image
from preheat.transport import Transport

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from preheat.ledger import StoredEvent
    from preheat.plan import Plan
    from preheat.policy.model import Clusters, Policy

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
        done = Draining(
            self.ledger,
            self.client,
            lambda clients: Answers(self.ledger, clients),
            self.policies,
            self.clusters,
            datetime.now(UTC),
            self.most,
            self.broken,
        ).drain(self.ledger.inbox.waiting())
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


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Serve two Harbors and open a ledger."""
    with ExitStack() as stack:
        servers = {}
        for name in ("one", "two"):
            state = HarborState()
            may = {"artifact:list", "artifact:read", "repository:list", "repository:pull"}
            state.accounts.add_robot("robot$preheat", SECRET, [Permission.project("*", may)])
            for project in ("web", "ml"):
                state.add_project(project)
            servers[name] = HarborServer(state)
            servers[name].start()
            stack.callback(state.close)
            stack.callback(servers[name].stop)
        ledger = stack.enter_context(Ledger.open(f"sqlite:///{tmp_path / 'preheat.db'}"))
        yield World(ledger, servers)


def asked(plan: Plan) -> list[str]:
    """Name what a plan asks for."""
    return [
        placement.key.repository
        for placement in plan.placements
        if placement.disposition is Disposition.ASK
    ]


def test_what_one_place_refuses_is_put_off_and_the_others_are_planned(world: World) -> None:
    """A refusal loses neither its own event nor its neighbour's, and is no red run."""
    world.listen("all")
    world.push("web/app")
    world.push("ml/secret")
    world.refuse("one", "/projects/ml/repositories/")

    (plan,) = world.drain().plans

    assert asked(plan) == ["web/app"]
    first = world.ledger.inbox.recent(handled=True)[0]
    assert first.outcomes[0].words == "asked for on eu-1"
    assert plan.failures == ()
    assert "looked at again later" in plan.warnings[0]
    (again,) = world.waiting()
    assert (again.event.repository, again.policy) == ("ml/secret", "all")
    world.servers["one"].faults.clear()
    world.all_due()
    assert asked(world.drain().plans[0]) == ["ml/secret"]
    assert world.waiting() == []


def test_what_is_refused_for_a_day_is_given_up(world: World) -> None:
    """A project that was deleted answers 403 for ever (harbor: facts of missing projects)."""
    world.listen("all")
    world.push("ml/secret", age=timedelta(days=2))
    world.refuse("one", "/projects/ml/repositories/")

    (done,) = world.drain().handled

    assert done.outcomes[0].words.startswith("given up: ")
    assert world.waiting() == []


@pytest.mark.parametrize("status", [500, 503])
def test_a_harbor_that_fails_makes_the_run_red_and_stops_nobody_else(
    world: World, status: int
) -> None:
    """One policy over two Harbors: the healthy one's push is asked for."""
    world.listen("all", "one", "two")
    world.push("web/app", "one")
    world.push("web/app", "two")
    world.refuse("two", "/api/v2.0/", status)

    (plan,) = world.drain().plans

    assert [p.settings.registry for p in plan.placements] == ["one"]
    assert str(status) in plan.failures[0]
    assert [one.event.registry for one in world.waiting()] == ["two"]


def test_a_harbor_that_is_away_is_asked_once_a_drain(world: World) -> None:
    """Each question would wait for its time-out, and everybody for the drain."""
    world.listen("one-by-one")
    for number in range(20):
        world.push(f"web/app-{number}")
    world.refuse("one", "/api/v2.0/", 503)
    requests_before = len(world.servers["one"].state.requests)

    world.drain()

    asked_for = len(world.servers["one"].state.requests) - requests_before
    assert asked_for <= 2
    assert len(world.waiting()) == 20


def test_wrong_credentials_lose_nothing(world: World) -> None:
    """Harbor answers 200 and what anybody may see (recorded: systeminfo-robot-wrong-secret)."""
    world.listen("all")
    world.push("web/app")
    world.servers["one"].state.accounts.add_robot("robot$preheat", "rotated", [])

    (plan,) = world.drain().plans

    assert "treats robot$preheat as an anonymous caller" in plan.failures[0]
    assert len(world.waiting()) == 1


def test_an_event_is_put_off_only_for_the_policy_that_failed(world: World) -> None:
    """The other one asked already, and must not ask again at each look."""
    world.listen("one-only")
    world.listen("both", "one", "two", more="  gates: {signature: {verifier: cosign}}\n")
    world.push("web/app", "one")
    world.refuse("one", "/artifacts/sha256", 500)

    world.drain()

    assert [one.policy for one in world.waiting()] == ["both"]


def test_all_policies_together_ask_for_no_more_than_a_run_takes(world: World) -> None:
    """Airflow maps over so many (core: max_map_length); what is left is asked for next."""
    world.listen("first")
    world.listen("second")
    world.most = 3
    for number in range(5):
        world.push(f"web/app-{number}")

    first = world.drain()
    taken = [name for plan in first.plans for name in asked(plan)]
    assert len(taken) == 3
    assert world.waiting() != []


def test_what_was_asked_for_lately_goes_last(world: World) -> None:
    """Else the same first ones would be asked for in every run, and the others in none."""
    world.listen("all")
    world.most = 2
    for number in range(4):
        world.push(f"web/app-{number}")
    seen: list[str] = []
    for _ in range(2):
        (plan,) = world.drain().plans
        taken = asked(plan)
        seen += taken
        for outcome in world.ledger.outcomes("preheat_events", str(world.runs)):
            if outcome.disposition is Disposition.ASK:
                world.ledger.open_attempt(
                    outcome.placement_id, owner="test", run=world.run_ref, lease_seconds=60
                )
        world.all_due()
    assert sorted(seen) == [f"web/app-{number}" for number in range(4)]


def test_a_swept_tag_that_was_put_off_is_taken_up_in_the_end(world: World) -> None:
    """It is no sweep's any more then, and still the policy's."""
    world.listen("all")
    push_image(world.servers["one"].state, "web/app", ImageSpec("x"), tags=["1"])
    world.tell("one", "web/app", EventKind.TAG_ADDED, source=EventSource.SWEEP, tag="1")
    world.refuse("one", "/projects/web/repositories/", 500)
    world.drain()
    world.servers["one"].faults.clear()
    world.all_due()

    assert asked(world.drain().plans[0]) == ["web/app"]


def test_a_broken_file_may_be_the_one_that_takes_it(world: World) -> None:
    """What touches nobody waits until the file can be read."""
    world.broken = ("web.yaml",)
    world.push("web/app")

    (done,) = world.drain().handled

    assert done.words.endswith("but web.yaml cannot be read, and may take it")
    world.broken = ()
    world.listen("web")
    world.all_due()
    assert asked(world.drain().plans[0]) == ["web/app"]


def test_a_plan_over_some_repositories_warns_of_no_others(world: World) -> None:
    """That a source matches nothing there is no wonder."""
    world.listen("all", "one", "two")
    world.push("web/app", "one")

    (plan,) = world.drain().plans

    assert (plan.warnings, plan.partial) == ((), True)


def test_deletions_ask_once_a_repository(world: World) -> None:
    """Retention deletes hundreds at once (recorded: webhook-tag-retention)."""
    world.listen("all")
    world.push("web/app")
    world.drain()
    for number in range(50):
        world.tell("one", "web/app", EventKind.DELETED, digest=f"sha256:{number:064x}")
    state = world.servers["one"].state
    before = len(state.requests)

    done = world.drain()

    assert len(done.handled) == 50
    assert len(state.requests) - before <= 2


@pytest.mark.parametrize(("status", "waits"), [(403, 0), (503, 1)])
def test_a_deletion_that_cannot_be_looked_at(world: World, status: int, waits: int) -> None:
    """Of a project that is gone it is settled; a Harbor that is away is asked again."""
    world.listen("all")
    world.push("web/app")
    world.drain()
    world.tell("one", "web/app", EventKind.DELETED, digest="sha256:" + "a" * 64)
    world.refuse("one", "/projects/web/repositories/", status)

    world.drain()

    assert len(world.waiting()) == waits


def test_a_cleared_task_lets_go_of_its_events_first(world: World) -> None:
    """So that they wait if it fails now, and another run takes them up."""
    world.listen("all")
    world.push("web/app")
    world.drain()
    assert world.ledger.inbox.waiting() == []

    world.ledger.record_event_plans([], world.run_ref, [])

    assert [one.event.repository for one in world.ledger.inbox.waiting()] == ["web/app"]


def test_it_is_told_why_an_image_was_not_taken(world: World) -> None:
    """Two pushes of one tag: it moved on, and the first image has none any more."""
    world.listen("all")
    world.push("web/app")
    world.push("web/app")

    done = world.drain()

    assert [each.outcomes[0].words for each in done.handled] == [
        "not selected: UNTAGGED",
        "asked for on eu-1",
    ]
