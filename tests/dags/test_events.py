"""From what happens in Harbor to a warm image: real deliveries, a real inbox, whole runs.

Webhooks come over HTTP from the sandbox's Harbor into the app that Airflow's API server mounts.
"""

from __future__ import annotations

import importlib.util
import socket
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests
import uvicorn
from fastapi import FastAPI
from sqlalchemy import create_engine, update

from preheat.catchup import CatchUp, Wanted
from preheat.cli.demo.webhooks import install_webhook
from preheat.ledger import Ledger
from preheat.ledger.schema import event
from preheat.plan import Disposition
from preheat.policy.matchers import Matcher, MatcherKind
from preheat.provider.hooks.harbor import HarborHook
from preheat.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow.models.dagrun import DagRun

    from preheat.ledger import StoredEvent

AUTHORIZATION = "Bearer of-these-tests-only"
EVENTS = "preheat_events"


class Harbor:
    """The sandbox's Harbor, which tells a door of ours; and what came of it.

    :param place: the test's own include folder, ledger and connections.
    :param project: a project that only this test uses.
    """

    def __init__(self, place: Any, project: str, door: str) -> None:
        self.place = place
        self.project = project
        self.url = place.sandbox.harbor_url
        self._turns = CatchUp(
            "harbor_default",
            Wanted((Matcher(MatcherKind.EXACT, project),), labels=True, signatures=True),
            clock=self._clock,
        )
        self._seconds = 0.0
        self.push("before", "0")  # the project is there before anybody listens
        install_webhook(self.url, door, project, AUTHORIZATION)
        self.catch_up()

    def _clock(self) -> float:
        return self._seconds

    def control(self, method: str, path: str, **body: Any) -> Any:
        """Tell the sandbox to do something."""
        answer = requests.request(method, f"{self.url}/sandbox/{path}", json=body, timeout=30)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def name(self, repository: str) -> str:
        """Name a repository of the project."""
        return f"{self.project}/{repository}"

    def push(self, repository: str, *tags: str, **more: Any) -> dict[str, Any]:
        """Push an image."""
        order = {"repository": self.name(repository), "tags": tags, "layers": [700], **more}
        return dict(self.control("POST", "images", **order))

    def listen(self, events: list[str], **spec: Any) -> None:
        """Write a policy that runs on these events, for the newest image of each repository."""
        self.place.write_spec(
            "listening",
            **{
                "sources": [{"registry": "harbor_default", "projects": [self.project]}],
                "rules": [{"name": "newest", "take": {"newest": 1}}],
                "triggers": {"events": events},
                **spec,
            },
        )

    def told(self, count: int) -> list[StoredEvent]:
        """Wait until so many events are in the inbox."""
        for _ in range(200):
            if len(found := self.events()) >= count:
                return found
            threading.Event().wait(0.05)
        raise AssertionError(found)

    def events(self) -> list[StoredEvent]:
        """Read all events."""
        with Ledger.open(self.place.ledger_url) as ledger:
            return ledger.inbox.recent(limit=1000)

    def catch_up(self, seconds: float = 7200) -> None:
        """Let time pass for whoever catches up, and take a turn."""
        self._seconds += seconds
        with Ledger.open(self.place.ledger_url) as ledger:
            self._turns.turn(HarborHook("harbor_default").client(), ledger)

    def let_time_pass(self) -> None:
        """Let all be due that was put off."""
        engine = create_engine(self.place.ledger_url)
        with engine.begin() as connection:
            connection.execute(update(event).values(due_at=datetime(2026, 1, 1, tzinfo=UTC)))
        engine.dispose()

    def run(self) -> DagRun:
        """Run ``preheat_events`` to its end, as a nudge does."""
        return self.place.run(EVENTS)  # type: ignore[no-any-return]

    def warmed(self, run: DagRun) -> list[str]:
        """Name what a run asked for and warmed."""
        found = self.place.outcomes(run)
        asked = [outcome for outcome in found if outcome.disposition is Disposition.ASK]
        assert {outcome.verdict for outcome in asked} <= {Verdict.WARM}
        return [outcome.label.partition(" ")[0] for outcome in asked]


def load_plugin() -> Any:
    """Load the plugin file as Airflow does: it is in no package."""
    file = Path(__file__).parents[2] / "plugins" / "preheat_plugin.py"
    spec = importlib.util.spec_from_file_location("preheat_plugin_of_events", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.PreheatPlugin()


@pytest.fixture(scope="module")
def door() -> Iterator[str]:
    """Serve the plugin's app where Airflow's API server would."""
    (mounted,) = load_plugin().fastapi_apps
    outer = FastAPI()
    outer.mount(mounted["url_prefix"], mounted["app"])
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(outer, log_level="warning"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        thread.join()


@pytest.fixture
def harbor(place: Any, door: str, request: pytest.FixtureRequest) -> Iterator[Harbor]:
    """Give a test a project of its own whose webhooks come in."""
    place.connect_harbor(extra=f'{{"webhook_authorization": "{AUTHORIZATION}"}}')
    made = Harbor(place, f"ev-{abs(hash(request.node.name)) % 10**8}", door)
    yield made
    made.control("DELETE", "webhooks/faults")
    made.control("PUT", "jobservice", running=True)


def test_a_push_is_warmed_once_and_its_way_can_be_read(harbor: Harbor) -> None:
    """The event names the policy, the plan and the run; the next run has nothing to do."""
    harbor.listen(["pushed"])
    harbor.push("app", "1.0")
    harbor.told(1)
    before = harbor.place.jobs

    run = harbor.run()

    assert (run.state, harbor.warmed(run)) == ("success", [harbor.name("app") + ":1.0"])
    (told,) = harbor.events()
    (outcome,) = told.outcomes
    assert (outcome.policy, told.run_id) == ("listening", run.run_id)
    assert outcome.plan_id is not None
    again = harbor.run()
    assert [str(ti.state) for ti in again.get_task_instances() if ti.task_id == "report"] == [
        "skipped"
    ]
    assert harbor.place.jobs == before + 1


def test_only_the_repository_that_was_touched_is_looked_at(harbor: Harbor) -> None:
    """The other one is cold, and stays so until something happens there or the schedule comes."""
    harbor.listen(["pushed"])
    harbor.push("app", "1.0")
    harbor.told(1)
    harbor.place.sandbox.harbor.state.requests.clear()

    run = harbor.run()

    assert harbor.warmed(run) == [harbor.name("app") + ":1.0"]
    listed = {access.path for access in harbor.place.sandbox.harbor.state.requests}
    assert not [path for path in listed if path.endswith(f"/projects/{harbor.project}/artifacts")]


def test_an_index_and_its_children_are_one_plan(harbor: Harbor) -> None:
    """Three deliveries (harbor: recorded webhook-push-index), one run, one job a platform."""
    harbor.listen(["pushed"], platforms={"include": ["linux/amd64", "linux/arm64"]})
    before = harbor.place.jobs
    harbor.push("multi", "1.0", platforms=["linux/amd64", "linux/arm64"])
    harbor.told(3)

    run = harbor.run()

    assert harbor.warmed(run) == [harbor.name("multi") + ":1.0"] * 2
    assert {one.run_id for one in harbor.events()} == {run.run_id}
    assert len({o.plan_id for one in harbor.events() for o in one.outcomes}) == 1
    assert harbor.place.jobs == before + 2


def test_a_tag_that_the_api_sets_comes_by_the_audit_log(harbor: Harbor) -> None:
    """Webhooks do not tell of it (harbor: recorded webhook-tag-by-api)."""
    harbor.listen(["tagAdded"], rules=[{"name": "live", "tags": {"allow": [{"exact": "live"}]}}])
    harbor.push("app", "1.0")
    harbor.told(1)
    assert harbor.warmed(harbor.run()) == []
    reference = {"repository": harbor.name("app"), "reference": "1.0"}
    harbor.control("POST", "tags", **reference, tag="live")
    assert len(harbor.events()) == 1

    harbor.catch_up()

    assert harbor.warmed(harbor.run()) == [harbor.name("app") + ":live"]


def test_a_label_is_found_by_a_sweep(harbor: Harbor) -> None:
    """Nothing in Harbor tells of it (harbor: recorded webhook-label-add, auditlog-ext-label)."""
    harbor.listen(["labelAdded"], rules=[{"name": "gold", "labels": {"all": ["gold"]}}])
    harbor.push("app", "1.0")
    harbor.told(1)
    assert harbor.warmed(harbor.run()) == []
    harbor.catch_up()
    harbor.control("POST", "labels", repository=harbor.name("app"), reference="1.0", label="gold")

    harbor.catch_up()

    assert harbor.warmed(harbor.run()) == [harbor.name("app") + ":1.0"]


def test_the_end_of_a_scan_lets_an_image_through_its_gate(harbor: Harbor) -> None:
    """Before it, the gate holds it back; the push alone warms nothing."""
    gates = {"vulnerabilities": {"rejectSeverity": "high"}}
    harbor.listen(["pushed", "scanned"], gates=gates)
    harbor.push("app", "1.0")
    harbor.told(1)
    assert harbor.warmed(harbor.run()) == []
    harbor.control(
        "POST", "scans", repository=harbor.name("app"), reference="1.0", counts={"Low": 1}
    )
    harbor.told(2)

    assert harbor.warmed(harbor.run()) == [harbor.name("app") + ":1.0"]


@pytest.mark.parametrize("scheme", ["tag", "referrer"])
def test_a_signature_lets_an_image_through_its_gate(harbor: Harbor, scheme: str) -> None:
    """By its tag (harbor: recorded webhook-push-signature), or as a push that has none."""
    harbor.listen(["signed"], gates={"signature": {"verifier": "cosign"}})
    harbor.push("app", "1.0")
    harbor.told(1)
    assert harbor.warmed(harbor.run()) == []
    harbor.control(
        "POST", "signatures", repository=harbor.name("app"), reference="1.0", scheme=scheme
    )
    harbor.told(2)
    if scheme == "referrer":
        threading.Event().wait(2)  # what has no tag waits for an index

    assert harbor.warmed(harbor.run()) == [harbor.name("app") + ":1.0"]


def test_lost_webhooks_are_found_after_a_week_of_silence(harbor: Harbor) -> None:
    """Nothing follows that would give the loss away (harbor: recorded webhook-jobservice-down)."""
    harbor.listen(["pushed"])
    harbor.control("PUT", "jobservice", running=False)
    before = harbor.place.jobs
    harbor.push("app", "1.0")
    settings = harbor.place.sandbox.harbor.state.settings
    now = settings.clock
    settings.clock = lambda: now() + timedelta(days=7)
    try:
        harbor.catch_up(7 * 86400)
    finally:
        settings.clock = now

    assert harbor.warmed(harbor.run()) == [harbor.name("app") + ":1.0"]
    harbor.catch_up()
    assert harbor.warmed(harbor.run()) == []
    assert harbor.place.jobs == before + 1


@pytest.mark.parametrize("fault", [{"kind": "double", "times": 3}, {"kind": "reverse", "times": 3}])
def test_doubled_and_reordered_deliveries_change_nothing(
    harbor: Harbor, fault: dict[str, Any]
) -> None:
    """Each image is asked for once, by webhook and audit log together."""
    harbor.listen(["pushed"])
    before = harbor.place.jobs
    harbor.control("POST", "webhooks/faults", **fault)
    for number in range(3):
        harbor.push(f"app-{number}", "1.0")
    harbor.told(3)
    harbor.catch_up()

    run = harbor.run()

    assert sorted(harbor.warmed(run)) == [harbor.name(f"app-{n}") + ":1.0" for n in range(3)]
    assert harbor.warmed(harbor.run()) == []
    assert len(harbor.events()) == 3
    assert harbor.place.jobs == before + 3


def test_a_tag_that_moved_meanwhile_is_taken_as_it_is_now(harbor: Harbor) -> None:
    """The first event names a digest that is not the newest any more."""
    harbor.listen(["pushed"])
    harbor.push("app", "live", seed="first")
    second = harbor.push("app", "live", seed="second")
    harbor.told(2)

    run = harbor.run()

    (outcome,) = harbor.place.outcomes(run)
    assert outcome.key.digest == second["digest"]


def test_what_a_harbor_does_not_answer_is_looked_at_again(harbor: Harbor) -> None:
    """The run is red, the event put off, and the run that takes it up again warms."""
    harbor.listen(["pushed"])
    harbor.push("app", "1.0")
    harbor.told(1)
    harbor.place.sandbox.harbor.faults.add(
        match={"path": r"/api/v2\.0/.*"}, times=None, status=503, body="{}"
    )

    assert harbor.run().state == "failed"
    first, again = harbor.events()
    assert "503" in first.outcomes[0].words
    assert (again.policy, again.handled_at) == ("listening", None)
    assert again.due_at > first.due_at
    harbor.place.sandbox.harbor.faults.clear()
    assert harbor.warmed(harbor.run()) == []
    harbor.let_time_pass()
    assert harbor.warmed(harbor.run()) == [harbor.name("app") + ":1.0"]


def test_what_no_policy_takes_is_told_why(harbor: Harbor) -> None:
    """No run fails for it, and nothing is planned."""
    harbor.listen(["scanned"])
    harbor.push("app", "1.0")
    harbor.told(1)

    assert harbor.run().state == "success"

    (told,) = harbor.events()
    assert told.outcomes == ()
    assert told.words == "listening runs on scanned, not on pushed"


def test_a_deletion_ends_what_was_kept_warm(harbor: Harbor) -> None:
    """Else upkeep would ask for ever for what nobody can fetch."""
    harbor.listen(["pushed"], keepWarm={"recheck": "1h", "until": "14d"})
    harbor.push("app", "1.0")
    harbor.told(1)
    harbor.run()
    with Ledger.open(harbor.place.ledger_url) as ledger:
        assert len(ledger.upkeep.kept()) == 1
    requests.delete(
        f"{harbor.url}/sandbox/images",
        params={"repository": harbor.name("app"), "reference": "1.0"},
        timeout=30,
    ).raise_for_status()
    harbor.told(2)
    with Ledger.open(harbor.place.ledger_url) as ledger:
        assert ledger.inbox.due().count == 0  # it may wait: nobody is cold for it
    harbor.push("app", "2.0")
    harbor.told(3)

    harbor.run()

    with Ledger.open(harbor.place.ledger_url) as ledger:
        assert [kept.label.partition(" ")[0] for kept in ledger.upkeep.kept()] == [
            harbor.name("app") + ":2.0"
        ]
    assert "1 placement of the repository marked deleted" in [one.words for one in harbor.events()]


def test_an_event_waits_for_the_window(harbor: Harbor) -> None:
    """It is put back until the window opens, for that policy alone."""
    later = harbor.place.sandbox.harbor.state.now() + timedelta(days=3)
    day = later.strftime("%a").lower()
    window = {"days": [day], "from": "03:00", "to": "04:00", "timezone": "UTC"}
    harbor.listen(["pushed"], windows={"allow": [window], "onClosed": "wait"})
    harbor.push("app", "1.0")
    harbor.told(1)

    run = harbor.run()

    assert run.state == "success"
    assert harbor.place.outcomes(run) == []
    first, waiting = harbor.events()
    assert "its window is closed; looked at again" in first.outcomes[0].words
    assert (waiting.policy, waiting.handled_at) == ("listening", None)
    assert waiting.due_at > first.received_at
