"""Runs that would ask for more than their budget: trimmed, refused, or decided by a person."""

from __future__ import annotations

import json
import threading
import zlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from airflow.api_fastapi.app import create_app
from airflow.jobs.job import Job
from airflow.jobs.scheduler_job_runner import SchedulerJobRunner
from airflow.models.taskinstance import TaskInstance
from airflow.utils.session import create_session
from starlette.testclient import TestClient

from preheat.ledger import Ledger
from preheat.plan import Disposition
from preheat.provider.operators.approval import ALL, FITTING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow.models.dagrun import DagRun

LARGE, SMALL = 900_000, 500_000


def approve(run: DagRun) -> list[str]:
    """Tell the state of the task that asks, if there is one."""
    return [str(ti.state) for ti in run.get_task_instances() if ti.task_id == "approve"]


@dataclass
class Three:
    """Three images of repositories that only one test knows, the large one last but one.

    :param prefix: of the names of the repositories.
    """

    place: Any
    prefix: str

    @property
    def rule(self) -> dict[str, Any]:
        """Write a rule that takes the newest of each."""
        rule: dict[str, Any] = self.place.rule(*(f"{self.prefix}-{name}" for name in "abc"))
        return rule

    def push(self, name: str, size: int, tag: str = "1", minutes_ago: float = 0) -> None:
        """Push another image to one of the repositories."""
        repository = f"{self.prefix}-{name}"
        self.place.push(repository, repository + tag, size, tag=tag, minutes_ago=minutes_ago)

    def named(self, *tagged: str) -> set[str]:
        """Name images: ``a:1``."""
        return {f"library/{self.prefix}-{each}" for each in tagged}


@pytest.fixture
def three(place: Any, request: pytest.FixtureRequest) -> Three:
    """Push the three."""
    made = Three(place, f"b{zlib.crc32(request.node.name.encode()):x}")
    for minutes, (name, size) in enumerate((("c", SMALL), ("b", LARGE), ("a", SMALL))):
        made.push(name, size, minutes_ago=minutes + 1)
    return made


def test_a_plan_over_its_budget_is_trimmed(place: Any, three: Three, said: Any) -> None:
    """Green: the policy says so itself; the newest stay, and the report names what was left out."""
    before = place.jobs

    run = place.run(place.write_spec("trim", rules=[three.rule], budget={"maxImages": 1}))

    assert run.state == "success"
    assert place.labels(run) == three.named("c:1")
    assert place.jobs == before + 1
    heard = said()
    reported = heard.partition("What became of the plan")[2]
    assert all(name in reported for name in three.named("a:1", "b:1"))
    assert "over budget" in heard
    assert "'over budget': 2" in heard
    assert not approve(run)


def test_bytes_are_weighed_image_by_image(place: Any, three: Three) -> None:
    """What does not fit on top is left out, and the next is tried."""
    run = place.run(place.write_spec("bytes", rules=[three.rule], budget={"perRun": "1200KB"}))

    assert run.state == "success"
    assert place.labels(run) == three.named("a:1", "c:1")
    assert place.labels(run, Disposition.OVER_BUDGET) == three.named("b:1")


def test_a_plan_over_its_budget_can_fail(place: Any, three: Three, said: Any) -> None:
    """``onExceed: fail``: red, with the figures, and nothing is asked for, not even what fits."""
    before = place.jobs

    run = place.run(
        place.write_spec("strict", rules=[three.rule], budget={"maxImages": 2, "onExceed": "fail"})
    )

    assert run.state == "failed"
    assert place.jobs == before
    assert "The plan is over its budget: 3 images, budget.maxImages is 2." in said()


def test_a_days_budget_counts_earlier_runs(place: Any, three: Three) -> None:
    """What is warm by then costs nothing, what was asked for counts, and what fits still fits."""
    three.push("b", 100_000, "2")
    dag_id = place.write_spec("daily", rules=[three.rule], budget={"perClusterPerDay": "700KB"})

    first = place.run(dag_id)
    three.push("a", 60_000, "2")
    second = place.run(dag_id)

    assert first.state == second.state == "success"
    assert place.labels(first) == three.named("b:2", "c:1")
    assert place.labels(first, Disposition.OVER_BUDGET) == three.named("a:1")
    assert place.labels(second) == three.named("a:2")

    three.push("a", SMALL, "3")
    third = place.run(dag_id)
    assert place.labels(third, Disposition.OVER_BUDGET) == three.named("a:3")
    assert "earlier" in place.outcomes(third)[0].detail
    with Ledger.open(place.ledger_url) as ledger:
        (spent,) = ledger.spent(
            "daily", first.start_date - timedelta(hours=1), datetime.now(UTC)
        ).values()
    assert 660_000 <= spent < 700_000


def test_bytes_and_what_changed_are_recorded(place: Any, three: Three, said: Any) -> None:
    """A page shows them without evaluating again; a first plan has nothing to compare with."""
    dag_id = place.write_spec("changes", rules=[three.rule])
    first = place.run(dag_id)
    three.push("a", SMALL, "2")
    second = place.run(dag_id)

    (bytes_first, none), (bytes_second, changed) = (recorded(place, run) for run in (first, second))
    assert none is None
    assert bytes_first["us-1"]["images"] == 3
    assert 1_900_000 <= bytes_first["us-1"]["bytes"] < 2_000_000
    assert bytes_second["us-1"]["images"] == 1
    assert tagged(changed["added"]) == three.named("a:2")
    assert tagged(changed["removed"]) == three.named("a:1")
    assert changed["kept"] == 2
    assert "Images since the last plan: 1 came, 1 went, 2 stayed" in said()


def tagged(images: list[dict[str, Any]]) -> set[str]:
    """Name recorded images by their tags."""
    return {f"{image['repository']}:{tag}" for image in images for tag in image["tags"]}


def recorded(place: Any, run: DagRun) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """Read bytes and difference of a run's plan."""
    with Ledger.open(place.ledger_url) as ledger, ledger._engine.begin() as connection:
        row = connection.exec_driver_sql(
            "SELECT bytes, difference FROM plan WHERE run_id = ?", (run.run_id,)
        ).one()
    return tuple(part and json.loads(part) for part in row)  # type: ignore[return-value]


@dataclass
class Desk:
    """A person at Airflow's *Required Actions*, and the clock of its scheduler.

    :param client: of Airflow's own API server.
    :ivar asked: what the person was asked.
    """

    client: TestClient
    asked: list[dict[str, Any]] = field(default_factory=list)
    _left: threading.Event = field(default_factory=threading.Event)
    _errors: list[BaseException] = field(default_factory=list)

    def run(self, place: Any, dag_id: str, react: Callable[[str, str], None]) -> DagRun:
        """Run a DAG while somebody sits at the desk, who reacts to the question."""
        person = threading.Thread(target=self._sit, args=(dag_id, react), daemon=True)
        person.start()
        try:
            run: DagRun = place.run(dag_id)
        finally:
            self._left.set()
            person.join(20)
        assert not self._errors
        return run

    def answer(self, option: str) -> Callable[[str, str], None]:
        """Choose an option, as the page does."""

        def react(dag_id: str, run_id: str) -> None:
            answer = self.client.patch(
                f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/approve/-1/hitlDetails",
                json={"chosen_options": [option], "params_input": {}},
            )
            assert answer.status_code == 200, answer.text

        return react

    @staticmethod
    def let_time_pass(dag_id: str, run_id: str) -> None:
        """Let the question's day be over, and the scheduler look."""
        with create_session() as session:
            (waiting,) = session.query(TaskInstance).filter_by(
                dag_id=dag_id, run_id=run_id, task_id="approve"
            )
            assert waiting.trigger_timeout - waiting.start_date > timedelta(hours=23)
            waiting.trigger_timeout -= timedelta(hours=25)
        SchedulerJobRunner(job=Job()).check_awaiting_input_timeouts()

    def _sit(self, dag_id: str, react: Callable[[str, str], None]) -> None:
        while not self._left.wait(0.1):
            if run_id := self._waiting(dag_id):
                try:
                    found = self.client.get(f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/hitlDetails")
                    self.asked += found.json()["hitl_details"]
                    react(dag_id, run_id)
                except BaseException as error:  # noqa: BLE001 - the test looks at it
                    self._errors.append(error)
                    self.let_time_pass(dag_id, run_id)  # else the run waits for ever
                return

    @staticmethod
    def _waiting(dag_id: str) -> str:
        with create_session() as session:
            found = session.query(TaskInstance.run_id).filter_by(
                dag_id=dag_id, state="awaiting_input"
            )
            return str(found.scalar() or "")


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """Serve Airflow's API to somebody who may do all."""
    monkeypatch.setenv("AIRFLOW__API_AUTH__JWT_SECRET", "0123456789abcdef" * 4)
    monkeypatch.setenv("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS", "True")
    with TestClient(create_app(apps="core")) as client:
        token = client.get("/auth/token").json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        yield Desk(client)


def asking(place: Any, rule: dict[str, Any], name: str = "asking") -> str:
    """Write a policy whose budget takes one image and asks beyond."""
    budget = {"maxImages": 1, "onExceed": "ask"}
    return str(place.write_spec(name, rules=[rule], budget=budget))


def test_a_person_may_lift_the_budget(place: Any, three: Three, desk: Desk, said: Any) -> None:
    """Nothing is asked of a cluster before the answer; then all of it, and the log names who."""
    before = place.jobs
    jobs_then: list[int] = []

    def react(dag_id: str, run_id: str) -> None:
        jobs_then.append(place.jobs)
        desk.answer(ALL)(dag_id, run_id)

    run = desk.run(place, asking(place, three.rule), react)

    assert run.state == "success"
    assert jobs_then == [before]
    assert place.jobs == before + 3
    assert len(place.labels(run)) == 3
    (question,) = desk.asked
    assert question["subject"] == "asking is over its budget"
    assert "3 images, budget.maxImages is 1" in question["body"]
    assert question["options"] == [ALL, FITTING]
    assert "2 placements beyond the budget are asked for too" in said()


@pytest.mark.parametrize("answer", [FITTING, "none"])
def test_without_a_yes_the_budget_holds(place: Any, three: Three, desk: Desk, answer: str) -> None:
    """A no, and a day without an answer: green, and what fits is warm."""
    before = place.jobs
    react = desk.let_time_pass if answer == "none" else desk.answer(answer)

    run = desk.run(place, asking(place, three.rule), react)

    assert run.state == "success"
    assert place.jobs == before + 1
    assert place.labels(run) == three.named("c:1")
    assert len(place.labels(run, Disposition.OVER_BUDGET)) == 2


def test_within_the_budget_nobody_is_asked(place: Any) -> None:
    """The task ends at once; a run that is never over its budget needs no person."""
    run = place.run(asking(place, place.rule("hello")))

    assert run.state == "success"
    assert approve(run) == ["success"]
    assert place.labels(run) == {"library/hello:1.0"}
