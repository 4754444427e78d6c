"""Metrics: what arrives, over the wire, at what Airflow is set to."""

from __future__ import annotations

import ast
import asyncio
import os
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk.exceptions import AirflowFailException
from airflow.sdk.observability import stats
from tests.adapters.metering import collector, measuring, statsd

from preheat.errors import RemoteUnavailableError
from preheat.ledger import DueEvents
from preheat.plan import Disposition, Plan, PlannedPlacement
from preheat.provider import metrics
from preheat.provider.hooks.harbor import HarborHook
from preheat.provider.measuring import Waiting
from preheat.provider.metrics import METRICS, Metric
from preheat.provider.operators.plan import EvaluatePolicyOperator
from preheat.provider.operators.report import PreheatReportOperator
from preheat.provider.retries import PreheatRetryPolicy
from preheat.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from preheat.ledger import Ledger


@dataclass(frozen=True)
class ReadyPlan:
    """A source whose plan is made already."""

    made: Plan

    def plan(self, ledger: Ledger, params: Mapping[str, Any]) -> Plan:
        """Give it."""
        return self.made


def series(name: str, **labels: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Name a series as a collector sees it."""
    return f"airflow.{name}", tuple(sorted(labels.items()))


async def to_the_end(trigger: Any) -> None:
    """Run a trigger to its event."""
    async for _ in trigger.run():
        pass


def report(context: dict[str, Any]) -> None:
    """Run the report of a run; what it says of the run is another test's matter."""
    with pytest.raises(AirflowFailException):
        PreheatReportOperator(task_id="report", plan_task_id="plan").execute(context)


def test_an_attempt_is_told_to_a_collector(asked: Any, context: dict[str, Any]) -> None:
    """Verdict, bytes and seconds with the cluster; requests with their system; no image."""
    with collector() as received:
        asyncio.run(to_the_end(asked.trigger()))
        found = received.series()

    assert found[series("preheat.verdicts", cluster="us-1", verdict="WARM")] == 1
    assert found[series("preheat.bytes_warm", cluster="us-1")] == asked.stored().finding.bytes_warm
    stored = asked.stored()
    took = (stored.closed_at - stored.asked_at).total_seconds()
    assert found[series("preheat.time_to_warm", cluster="us-1")] == pytest.approx(took, abs=2)
    assert found[series("preheat.requests", system="Dragonfly", status="2xx")] >= 1
    assert found[series("preheat.request_time", system="Dragonfly")] > 0
    assert "followed" not in str(found)
    assert "sha256" not in str(found)


@pytest.mark.parametrize("asked", ["missing"], indirect=True)
def test_an_attempt_that_is_not_warm_has_no_time_to_warm(asked: Any) -> None:
    """The verdict is counted, and so are the bytes that are there."""
    with collector() as received:
        asyncio.run(to_the_end(asked.trigger()))
        found = received.series()

    assert found[series("preheat.verdicts", cluster="us-1", verdict="PARTIAL")] == 1
    assert found[series("preheat.bytes_warm", cluster="us-1")] == asked.stored().finding.bytes_warm
    assert not [key for key in found if key[0].endswith("time_to_warm")]


def test_the_report_tells_how_all_stands(asked: Any, context: dict[str, Any]) -> None:
    """Zeros too: a gauge that is told no more would stay where it was."""
    with collector() as received:
        report(context)
        before = received.series()
        asyncio.run(to_the_end(asked.trigger()))
        PreheatReportOperator(task_id="report", plan_task_id="plan").execute(context)
        after = received.series()

    placements = {
        verdict: series("preheat.placements", cluster="us-1", verdict=verdict.value)
        for verdict in Verdict
    }
    assert [before[placements[verdict]] for verdict in Verdict] == [0, 0, 0, 1]
    assert [after[placements[verdict]] for verdict in Verdict] == [1, 0, 0, 0]
    in_flight = series("preheat.attempts_open", cluster="us-1")
    assert (before[in_flight], after[in_flight]) == (1, 0)


def test_a_plan_is_told(world: Any, context: dict[str, Any]) -> None:
    """Once it is recorded: the policy, and what becomes of its placements."""
    dispositions = (Disposition.ALREADY_WARM, Disposition.OVER_BUDGET, Disposition.OVER_BUDGET)
    planned = [
        PlannedPlacement(one.key, one.settings, "an image", disposition=disposition)
        for one, disposition in zip(world.plan(*dispositions), dispositions, strict=True)
    ]
    made = Plan("test", datetime.now(UTC), (), tuple(planned))
    context["params"] = {}

    with collector() as received:
        EvaluatePolicyOperator(task_id="plan", source=ReadyPlan(made)).execute(context)
        found = received.series()

    assert found[series("preheat.plans", policy="test")] == 1
    assert found[series("preheat.planned", cluster="us-1", disposition="ALREADY_WARM")] == 1
    assert found[series("preheat.planned", cluster="us-1", disposition="OVER_BUDGET")] == 2


def test_requests_without_an_answer_are_counted(world: Any) -> None:
    """An error of the other side, and none at all, are different things."""
    world.connect("harbor_away", "http://127.0.0.1:9", "secret", "robot$preheat")
    fault = {"path": "/api/v2.0/projects/.*"}
    world.sandbox.harbor.faults.add(match=fault, times=None, status=503, body="")
    client, away = HarborHook().client(), HarborHook("harbor_away").client()

    with collector() as received:
        for harbor in (client, away):
            with pytest.raises(RemoteUnavailableError):
                harbor.artifact("library", "followed", "1")
        found = received.series()

    assert found[series("preheat.requests", system="Harbor", status="5xx")] >= 1
    assert found[series("preheat.requests", system="Harbor", status="none")] >= 1


def test_what_the_retry_policy_decides_is_counted(world: Any) -> None:
    """By the system that failed and whether a repeat may help, never by its words."""
    error = RemoteUnavailableError("no answer", system="Dragonfly")
    with collector() as received:
        PreheatRetryPolicy(retries=5).evaluate(error, 1, 5)
        PreheatRetryPolicy(retries=5).evaluate(KeyError("x"), 1, 5)
        found = received.series()

    retried = series("preheat.retries", cause="Dragonfly_retryable", decision="retry")
    assert found[retried] == 1
    assert found[series("preheat.retries", cause="other", decision="default")] == 1


def test_a_watcher_tells_what_waits_now_and_then() -> None:
    """It looks four times a second; the gauge need not be told so often."""
    now = datetime(2026, 11, 24, 12, tzinfo=UTC)
    due = DueEvents(3, 1, 3, now - timedelta(seconds=90))
    waiting = Waiting("harbor_default")
    with collector() as received:
        waiting.tell(due, now)
        waiting.tell(DueEvents(), now)
        found = received.series()

    assert found[series("preheat.events_waiting", registry="harbor_default")] == 3
    assert found[series("preheat.events_oldest_seconds", registry="harbor_default")] == 90


def tell_all() -> None:
    """Tell one of each kind, with labels that not every system would take."""
    metrics.PLACEMENTS.tell(4, cluster="eu.1", verdict="WARM")
    metrics.PLANS.tell(2, policy="web frontends")
    metrics.SECONDS_TO_WARM.tell(1.5, cluster="eu.1")
    metrics.UPKEEP.tell(7)


def test_a_plain_statsd_finds_the_labels_in_the_name() -> None:
    """Airflow sends it no tags: all clusters would be one series."""
    with statsd() as received:
        tell_all()
        lines = received.lines()

    assert lines == [
        "airflow.preheat.placements.eu__1.WARM:4|g",
        "airflow.preheat.plans.web_frontends:2|c",
        "airflow.preheat.time_to_warm.eu__1:1500.000000|ms",
        "airflow.preheat.upkeep_finished:7|g",
    ]


def test_a_statsd_in_the_format_of_influxdb_finds_them_in_tags() -> None:
    """The name is the same for all series then."""
    with statsd(statsd_influxdb_enabled="True") as received:
        tell_all()
        lines = received.lines()

    assert lines == [
        "airflow.preheat.placements,cluster=eu.1,verdict=WARM:4|g",
        "airflow.preheat.plans,policy=web_frontends:2|c",
        "airflow.preheat.time_to_warm,cluster=eu.1:1500.000000|ms",
        "airflow.preheat.upkeep_finished:7|g",
    ]


def test_a_metric_that_cannot_be_told_fails_nothing(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that warmed everything is green whether or not anybody counts."""

    def broken() -> Any:
        message = "the metrics library is at odds with itself"
        raise RuntimeError(message)

    with measuring():
        stats.initialize(factory=broken, export_legacy_names=False)
        metrics.UPKEEP.tell(1)
        metrics.PLANS.tell(1, polixy="a label that it does not have")

    assert caplog.messages == [
        "The metric preheat.upkeep_finished could not be told.",
        "The metric preheat.plans could not be told.",
    ]


def test_the_triggerer_measures(tmp_path: Path) -> None:
    """Airflow sets its own copy of the metrics up there, and the SDK's copy only by the way."""
    script = (
        "import airflow.jobs.triggerer_job_runner\n"
        "from airflow.sdk._shared.observability.metrics import stats\n"
        "print(stats._factory.__name__)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "AIRFLOW_HOME": str(tmp_path), "AIRFLOW__METRICS__OTEL_ON": "True"},
    )
    assert "get_otel_logger" in done.stdout.splitlines()


def test_every_metric_is_told_somewhere() -> None:
    """One that nobody tells would be a panel that is always empty."""
    provider = Path(metrics.__file__).parent
    used = {
        node.value.attr if isinstance(node.value, ast.Attribute) else node.value.id
        for file in provider.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute)
        and node.attr == "tell"
        and isinstance(node.value, ast.Attribute | ast.Name)
    }
    named = {name for name, value in vars(metrics).items() if isinstance(value, Metric)}
    assert {id(vars(metrics)[name]) for name in named} == {id(metric) for metric in METRICS}
    assert named - used == set()
