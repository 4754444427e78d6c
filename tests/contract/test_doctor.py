"""The doctor at a Harbor, a manager and a ledger, each of them well and unwell."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr

from preheat.doctor import AirflowSide, Pool, Setup, State, examine
from preheat.drivers.base import HeatRequest, Timing
from preheat.drivers.dragonfly import DragonflyDriver
from preheat.harbor.client import HarborClient
from preheat.ledger import Ledger, RunRef
from preheat.placement import PlacementKey, Scope
from preheat.plan import Plan, PlannedPlacement
from preheat.policy.folder import load_text
from preheat.policy.model import Cluster, Clusters
from preheat.proving import look_now
from preheat.sandbox import serve
from preheat.transport import Transport

if TYPE_CHECKING:
    from collections.abc import Iterator

    import requests

    from preheat.doctor import Observation
    from preheat.sandbox import Sandbox

CLOCK_FACTOR = 0.01


@pytest.fixture(scope="module")
def served() -> Iterator[Sandbox]:
    """Serve both stand-ins for these tests."""
    with serve(clock_factor=CLOCK_FACTOR) as sandbox:
        yield sandbox


class Patient:
    """An installation that is well, until a test spoils something."""

    def __init__(self, served: Sandbox, session: requests.Session, folder: Path) -> None:
        self.sandbox = served
        self.ledger = Ledger.open(f"sqlite:///{folder}/preheat.db")
        self.cluster = Cluster(
            "eu-1",
            "dragonfly_default",
            1,
            pull_endpoints={"harbor_default": served.harbor_url},
            pool="preheat_eu-1",
            hosts={"seed_peers": ("10.77.0.11", "10.77.0.14")},
        )
        self.harbor = HarborClient(
            Transport(session, served.harbor_url, system="Harbor"),
            registry="harbor_default",
            username=served.robot_name,
            secret=SecretStr(served.robot_secret),
        )
        self.driver = DragonflyDriver(
            Transport(session, served.dragonfly_url, system="Dragonfly"),
            token=SecretStr(served.token),
            timing=Timing(CLOCK_FACTOR),
        )

    def warm(self, scope: Scope = Scope.ALL_SEED_PEERS) -> None:
        """Let the seeds hold an image, and the ledger know it."""
        artifact = self.harbor.artifact("library", "hello", "1.0")
        child = next(each for each in artifact.children if each.platform == "linux/amd64")
        image = self.harbor.resolve("library/hello", child.digest, "linux/amd64")
        key = PlacementKey(
            "eu-1", self.sandbox.harbor_url, "library/hello", child.digest, "linux/amd64", scope
        )
        settings = self.cluster.settings("harbor_default")
        plan = Plan("p", datetime.now(UTC), (), (PlannedPlacement(key, settings, "hello"),))
        (item,) = self.ledger.record_plan(plan, RunRef("d", "r")).items
        self.ledger.record_image(image)
        token = self.harbor.pull_authorization([key.repository])
        job = self.driver.heat(HeatRequest(key, settings, nonce="doctor", authorization=token))
        while not job.state.is_terminal:
            Event().wait(0.05)
            job = self.driver.query([job.id], scheduler_cluster_id=1)[job.id]
        stored = self.ledger.placement(item.placement_id)
        finding = look_now(self.driver, stored, image, self.harbor, settings.demand)
        self.ledger.upkeep.record_check(item.placement_id, finding, seen=stored)

    def seen(self, **changes: Any) -> dict[tuple[str, str], Observation]:
        """Examine, and give what was seen by what it is about."""
        values: dict[str, Any] = {
            "clusters": Clusters((self.cluster,)),
            "policies": (),
            "harbors": {"harbor_default": self.harbor},
            "drivers": {"dragonfly_default": self.driver},
            "ledger": self.ledger,
            "airflow": AirflowSide(
                "3.3.2",
                {"preheat_eu-1": Pool(10, include_deferred=True)},
                99,
                health={"scheduler": "healthy", "triggerer": "healthy"},
            ),
            **changes,
        }
        seen = examine(Setup(**values), lambda: datetime.now(UTC)).observations
        return {(one.about, one.check): one for one in seen}


@pytest.fixture
def patient(served: Sandbox, session: requests.Session, tmp_path: Path) -> Iterator[Patient]:
    """Give a new one, beside stand-ins that are well again afterwards."""
    made = Patient(served, session, tmp_path)
    yield made
    made.ledger.close()
    settings = served.harbor.state.settings
    settings.external_url, settings.token_lifetime_seconds = "", 1800.0
    manager = served.dragonfly.state
    manager.set_scheduler(1, is_up=True)
    manager.set_rate(1, 10)
    for server in (served.harbor, served.dragonfly):
        server.faults.clear()
    for peer in manager.peers:
        peer.wipe()


def test_all_is_well(patient: Patient) -> None:
    """Connections, cluster, endpoint, pool, ledger: nothing is wrong, and the seeds answer."""
    patient.warm()

    seen = patient.seen()

    assert {name for name, one in seen.items() if one.state is not State.OK} == {
        ("harbor_default", "token life"),  # Harbor's default is shorter than ours
        ("Airflow", "DAGs"),  # nobody runs one here
    }
    assert seen["eu-1", "seed peers"].detail.startswith("10.77.0.11, 10.77.0.14 answer for")


def test_looking_heats_nothing(patient: Patient) -> None:
    """The jobs it leaves are questions, and the peers hold what they held."""
    patient.warm()
    held = [dict(peer.copies) for peer in patient.sandbox.dragonfly.state.peers]
    before = patient.sandbox.dragonfly.state.jobs.last_id

    patient.seen()

    jobs = patient.sandbox.dragonfly.state.jobs.newest_first()
    made = {job.type for job in jobs if job.id > before}
    assert made == {"get_task"}
    assert [dict(peer.copies) for peer in patient.sandbox.dragonfly.state.peers] == held


def test_a_scheduler_that_is_down(patient: Patient) -> None:
    """The manager still answers; only a job shows it (recorded get-task-scheduler-stopped)."""
    patient.sandbox.dragonfly.state.set_scheduler(1, is_up=False)

    seen = patient.seen()["eu-1", "schedulers"]

    assert seen.state is State.WRONG
    assert "no scheduler of this cluster is active" in seen.detail


def test_a_cluster_that_the_manager_does_not_know(patient: Patient) -> None:
    """Its 429 for unknown clusters would look like a rate limit (create-unknown-cluster-99)."""
    patient.cluster = replace(patient.cluster, scheduler_cluster_id=99)

    seen = patient.seen()["eu-1", "cluster"]

    assert seen.state is State.WRONG
    assert "it has: 1 eu-1, 2 us-1" in seen.detail


def test_a_rate_limit_below_the_pool(patient: Patient) -> None:
    """More jobs at once than the cluster takes in a second are worth a look."""
    patient.sandbox.dragonfly.state.set_rate(1, 2)

    assert patient.seen()["eu-1", "rate limit"].state is State.LOOK


def test_seeds_that_lost_what_they_held(patient: Patient) -> None:
    """A silent seed may be dead or empty: nobody can tell which, so both are named."""
    patient.warm()
    for peer in patient.sandbox.dragonfly.state.peers:
        peer.wipe()

    seen = patient.seen()["eu-1", "seed peers"]

    assert seen.state is State.LOOK
    assert "library/hello" in seen.detail
    assert "check_all" in seen.advice


def test_one_seed_of_two_is_silent(patient: Patient) -> None:
    """``hosts`` of clusters.yaml says who is missing."""
    patient.warm()
    patient.sandbox.dragonfly.state.peer("10.77.0.14").wipe()

    seen = patient.seen()["eu-1", "seed peers"]

    assert seen.state is State.LOOK
    assert "10.77.0.14 of clusters.yaml did not answer" in seen.detail


def test_harbor_calls_itself_otherwise(patient: Patient) -> None:
    """By another scheme it would be warm, and never hit."""
    there = patient.sandbox.harbor_url.replace("http://", "https://")
    patient.sandbox.harbor.state.settings.external_url = there

    seen = patient.seen()["eu-1", "pull endpoint"]

    assert seen.state is State.WRONG
    assert there in seen.advice


def test_what_is_warm_under_a_former_endpoint(patient: Patient) -> None:
    """A changed pull endpoint leaves warm images behind that no node asks for."""
    patient.warm()
    there = "http://registry.example.com"
    patient.cluster = replace(patient.cluster, pull_endpoints={"harbor_default": there})

    seen = patient.seen()

    assert seen["eu-1", "pull endpoint"].state is State.LOOK
    assert seen["eu-1", "warm URLs"].state is State.LOOK
    assert patient.sandbox.harbor_url in seen["eu-1", "warm URLs"].detail


@pytest.mark.parametrize(("life", "state"), [(1800, State.LOOK), (3600, State.OK)])
def test_token_life_against_the_longest_job(patient: Patient, life: int, state: State) -> None:
    """Layers after a token's end vanish silently (registry-bearer-token-expired-midway)."""
    patient.sandbox.harbor.state.settings.token_lifetime_seconds = life
    text = (Path(__file__).parents[2] / "include/policies/library-base.yaml").read_text()
    clusters = Clusters((patient.cluster, replace(patient.cluster, name="us-1")))
    policy = load_text(Path("library-base.yaml"), text, clusters)

    seen = patient.seen(policies=(policy,))["harbor_default", "token life"]

    assert (seen.state, "policy library-base" in seen.detail) == (state, True)


def test_a_wrong_secret_is_told_once_for_all(patient: Patient, session: requests.Session) -> None:
    """Harbor answers it as it answers anybody (recorded systeminfo-robot-wrong-secret)."""
    patient.harbor = HarborClient(
        Transport(session, patient.sandbox.harbor_url, system="Harbor"),
        registry="harbor_default",
        username=patient.sandbox.robot_name,
        secret=SecretStr("wrong"),
    )

    seen = patient.seen()

    assert seen["harbor_default", "credentials"].state is State.WRONG
    assert seen["eu-1", "pull endpoint"].state is State.SKIPPED


def test_a_broken_policy_and_an_old_ledger(patient: Patient, tmp_path: Path) -> None:
    """A file that selects nothing is wrong; a SQLite ledger that will mend itself is not."""
    broken = load_text(Path("broken.yaml"), "kind: Nonsense\n", Clusters((patient.cluster,)))
    with Ledger.at(f"sqlite:///{tmp_path}/none-yet.db") as nothing:
        seen = patient.seen(policies=(broken,), ledger=nothing)

    assert seen["Preheat", "policies"].state is State.WRONG
    assert "broken" in seen["Preheat", "policies"].detail
    assert seen["ledger", "database"].state is State.LOOK
    assert not (tmp_path / "none-yet.db").exists()


def test_a_manager_that_is_down(patient: Patient) -> None:
    """It is told where it is, and all that does not need it is told too."""
    patient.sandbox.dragonfly.faults.add(match={"path": "/"}, times=99, status=503)

    seen = patient.seen()

    assert seen["dragonfly_default", "manager"].state is State.WRONG
    assert seen["eu-1", "cluster"].state is State.SKIPPED
    assert "dragonfly_default is not well" in seen["eu-1", "cluster"].detail
    assert seen["eu-1", "pull endpoint"].state is State.OK
    assert seen["ledger", "database"].state is State.OK
    assert len([one for one in seen.values() if one.state is State.WRONG]) == 1


def test_a_harbor_that_is_down_is_one_thing_that_is_wrong(patient: Patient) -> None:
    """What hangs on it was not looked at, which is not wrong."""
    patient.sandbox.harbor.faults.add(match={"path": "/"}, times=999, status=503)

    seen = patient.seen()

    assert [key for key, one in seen.items() if one.state is State.WRONG] == [
        ("harbor_default", "reachable")
    ]
    for key in (("harbor_default", "token life"), ("eu-1", "pull endpoint")):
        assert seen[key].state is State.SKIPPED


def test_a_token_that_the_manager_does_not_know_is_one_thing_that_is_wrong(
    patient: Patient, session: requests.Session
) -> None:
    """Not one a scope and one a cluster besides."""
    patient.warm()
    patient.driver = DragonflyDriver(
        Transport(session, patient.sandbox.dragonfly_url, system="Dragonfly"),
        token=SecretStr("oops"),
        timing=Timing(CLOCK_FACTOR),
    )

    seen = patient.seen()

    assert [key for key, one in seen.items() if one.state is State.WRONG] == [
        ("dragonfly_default", "token (scope job)")
    ]
    for check in ("cluster", "seed peers"):
        assert seen["eu-1", check].state is State.SKIPPED
