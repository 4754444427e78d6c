"""Traces: our spans stand below those that Airflow opens for a task and for a trigger."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from airflow.jobs.triggerer_job_runner import _make_trigger_span
from airflow.sdk.exceptions import AirflowFailException, TaskDeferred
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.util._once import Once

from preheat.plan import Disposition
from preheat.policy.loader import load_clusters, load_policy
from preheat.provider import tracing
from preheat.provider.operators.plan import EvaluatePolicyOperator
from preheat.provider.sensors.dragonfly import DragonflyPreheatSensor
from preheat.provider.sources import PolicySource

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from opentelemetry.sdk.trace import ReadableSpan


class Traces:
    """What was traced, read when it has ended."""

    def __init__(self, exporter: InMemorySpanExporter, provider: TracerProvider) -> None:
        self._exporter = exporter
        self.tracer = provider.get_tracer("airflow")

    def ours(self) -> Sequence[ReadableSpan]:
        """Give our spans."""
        spans = self._exporter.get_finished_spans()
        return [span for span in spans if span.name.startswith("preheat.")]

    def named(self, name: str) -> ReadableSpan:
        """Give the only span of this name, Airflow's among them."""
        (found,) = [one for one in self._exporter.get_finished_spans() if one.name == name]
        return found

    def below(self, name: str) -> Sequence[ReadableSpan]:
        """Give our spans that stand directly below this one."""
        above = self.named(name).context
        assert above is not None
        return [one for one in self.ours() if one.parent and one.parent.span_id == above.span_id]


@pytest.fixture
def traces(monkeypatch: pytest.MonkeyPatch) -> Iterator[Traces]:
    """Turn Airflow's traces on, into memory."""
    monkeypatch.setenv("AIRFLOW__TRACES__OTEL_ON", "True")
    tracing._is_on.cache_clear()
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    # Each process has one provider, which is given once.
    monkeypatch.setattr(trace, "_TRACER_PROVIDER_SET_ONCE", Once())
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", None)
    trace.set_tracer_provider(provider)
    yield Traces(exporter, provider)
    provider.shutdown()
    tracing._is_on.cache_clear()


def source(world: Any) -> PolicySource:
    """Build a plan source that lists the pushed image and asks for its manifest."""
    known = load_clusters(
        json.dumps({
            "apiVersion": "preheat/v1alpha1",
            "kind": "PreheatClusters",
            "clusters": [
                {
                    "name": "us-1",
                    "connection": "dragonfly_default",
                    "schedulerClusterId": 2,
                    "platforms": ["linux/amd64"],
                    "pullEndpoints": {"harbor_default": world.sandbox.harbor_url},
                }
            ],
        }),
        "clusters.yaml",
    )
    policy = {
        "apiVersion": "preheat/v1alpha1",
        "kind": "PreheatPolicy",
        "metadata": {"name": "traced"},
        "spec": {
            "sources": [{"registry": "harbor_default", "projects": ["library"]}],
            "rules": [
                {
                    "name": "followed",
                    "repositories": {"include": [{"exact": "followed"}]},
                    "take": {"newest": 1},
                }
            ],
            "targets": [{"cluster": "us-1", "scope": "single_seed_peer"}],
            "triggers": {"schedule": {"cron": "0 0 * * *", "timezone": "UTC"}},
        },
    }
    return PolicySource(load_policy(json.dumps(policy, indent=1), "traced.yaml", known), known)


def start(world: Any, context: dict[str, Any]) -> None:
    """Ask for the image, as a worker does."""
    (placement,) = world.plan(Disposition.ASK)
    with pytest.raises(TaskDeferred):
        DragonflyPreheatSensor(task_id="track", placement=placement.id).execute(context)


async def follow(trigger: Any) -> None:
    """Run a trigger as the triggerer does, in the span that Airflow opens for it."""
    with _make_trigger_span(None, 1, "DragonflyPreheatTrigger"):
        async for _ in trigger.run():
            pass


def test_a_plan_has_its_requests_below_it(
    world: Any, context: dict[str, Any], traces: Traces
) -> None:
    """Those that the threads of pools send, too."""
    context["params"] = {}
    with traces.tracer.start_as_current_span("worker.plan"):
        EvaluatePolicyOperator(task_id="plan", source=source(world)).execute(context)

    names = {span.name for span in traces.below("worker.plan")}
    assert names == {"preheat.plan", "preheat.request"}  # manifests are weighed after it
    assert traces.named("preheat.plan").attributes == {
        "preheat.policy": "traced",
        "preheat.placements": 1,
    }
    assert len(traces.below("preheat.plan")) >= 2
    assert len({span.context.trace_id for span in traces.ours() if span.context}) == 1


def test_a_request_tells_method_host_and_status_only(
    world: Any, context: dict[str, Any], traces: Traces
) -> None:
    """No path, which names images, and no query, which may hold a secret."""
    with traces.tracer.start_as_current_span("worker.track"):
        start(world, context)

    asked = [span for span in traces.ours() if span.name == "preheat.request"]
    assert asked
    for span in asked:
        assert set(span.attributes or {}) == {
            *("preheat.method", "preheat.system", "preheat.host", "preheat.status"),
        }
        assert (span.attributes or {})["preheat.host"] == "127.0.0.1"
    assert {span.name for span in traces.below("worker.track")} >= {"preheat.ask"}
    assert traces.below("preheat.ask")


def test_a_proof_stands_below_the_span_of_its_trigger(asked: Any, traces: Traces) -> None:
    """With its verdict; the looks at the manager are everybody's, and in no trace."""
    asyncio.run(follow(asked.trigger()))

    (proof,) = traces.below("trigger.DragonflyPreheatTrigger")
    assert proof.name == "preheat.prove"
    assert proof.attributes == {
        "preheat.cluster": "us-1",
        "preheat.job": "ended",
        "preheat.verdict": "WARM",
    }
    assert {span.name for span in traces.ours()} <= {"preheat.prove", "preheat.request"}


def test_an_error_is_told_by_its_kind(world: Any, context: dict[str, Any], traces: Traces) -> None:
    """Its text may be long, and stands in the log."""
    world.sandbox.harbor.faults.add(match={"path": "/api/.*"}, times=None, status=403, body="")
    context["params"] = {}
    with (
        traces.tracer.start_as_current_span("worker.plan"),
        pytest.raises(AirflowFailException),
    ):
        EvaluatePolicyOperator(task_id="plan", source=source(world)).execute(context)

    plan = traces.named("preheat.plan")
    assert plan.attributes == {"preheat.error": "RefusedError"}
    assert plan.status.status_code is trace.StatusCode.ERROR
    assert not plan.events


@pytest.mark.parametrize("is_on", [True, False])
def test_without_traces_or_a_span_of_airflows_nothing_is_traced(
    world: Any,
    context: dict[str, Any],
    traces: Traces,
    monkeypatch: pytest.MonkeyPatch,
    is_on: bool,
) -> None:
    """A command, the page and a watcher have no task to belong to."""
    monkeypatch.setenv("AIRFLOW__TRACES__OTEL_ON", str(is_on))
    tracing._is_on.cache_clear()
    if is_on:
        start(world, context)
    else:
        with traces.tracer.start_as_current_span("worker.track"):
            start(world, context)

    assert traces.ours() == []
