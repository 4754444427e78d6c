"""Receivers for Airflow's metrics, as a collector and a StatsD are: what arrives over the wire."""

from __future__ import annotations

import atexit
import gzip
import socket
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk._shared.observability.metrics import otel_logger
from airflow.sdk._shared.observability.metrics import stats as shared_stats
from airflow.sdk.observability import stats
from airflow.sdk.observability.metrics import stats_utils
from opentelemetry import metrics
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Collector", "Statsd", "collector", "measuring", "statsd"]

Series = dict[tuple[str, tuple[tuple[str, str], ...]], float]


class Collector:
    """An OpenTelemetry collector that keeps what it is sent."""

    def __init__(self) -> None:
        self._bodies: list[bytes] = []

    def take(self, body: bytes) -> None:
        """Keep one export."""
        self._bodies.append(body)

    def series(self) -> Series:
        """Give the latest value of each series of ours; of a timer the sum, in seconds."""
        metrics.get_meter_provider().force_flush()  # type: ignore[attr-defined]
        found: Series = {}
        for body in self._bodies:
            for resource in ExportMetricsServiceRequest.FromString(body).resource_metrics:
                for scope in resource.scope_metrics:
                    for metric in scope.metrics:
                        found |= dict(_points(metric))
        return {key: value for key, value in found.items() if key[0].startswith("airflow.preheat.")}


def _points(metric: Any) -> Iterator[tuple[tuple[str, tuple[tuple[str, str], ...]], float]]:
    kind = metric.WhichOneof("data")
    for point in getattr(metric, kind).data_points:
        labels = tuple(sorted((one.key, one.value.string_value) for one in point.attributes))
        if kind == "exponential_histogram":
            yield (metric.name, labels), point.sum / 1000
        else:
            value = getattr(point, point.WhichOneof("value"))
            yield (metric.name, labels), value


@contextmanager
def collector() -> Iterator[Collector]:
    """Let Airflow's metrics go to a collector, set up as a task's process does it."""
    kept = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            is_packed = self.headers.get("Content-Encoding") == "gzip"
            kept.take(gzip.decompress(body) if is_packed else body)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    endpoint = f"http://127.0.0.1:{server.server_port}/v1/metrics"
    try:
        with measuring(
            AIRFLOW__METRICS__OTEL_ON="True", OTEL_EXPORTER_OTLP_METRICS_ENDPOINT=endpoint
        ):
            yield kept
            metrics.get_meter_provider().shutdown()  # type: ignore[attr-defined]
            # Airflow would flush what is shut down when the tests' process ends.
            atexit.unregister(otel_logger.flush_otel_metrics)
    finally:
        server.shutdown()
        server.server_close()


class Statsd:
    """A StatsD that keeps the lines it is sent."""

    def __init__(self, receiver: socket.socket) -> None:
        self._receiver = receiver

    def lines(self) -> list[str]:
        """Give the lines of ours that came, in their order."""
        found = []
        while True:
            try:
                found.append(self._receiver.recv(65_535).decode())
            except BlockingIOError:  # over the loopback they are there once they are sent
                return [line for line in found if line.startswith("airflow.preheat.")]


@contextmanager
def statsd(**settings: str) -> Iterator[Statsd]:
    """Let Airflow's metrics go to a StatsD.

    :param settings: more of Airflow's section ``metrics``.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.setblocking(False)
        port = str(receiver.getsockname()[1])
        options = {"statsd_on": "True", "statsd_host": "127.0.0.1", "statsd_port": port}
        options |= settings
        with measuring(**{f"AIRFLOW__METRICS__{key.upper()}": options[key] for key in options}):
            yield Statsd(receiver)
            backend: Any = shared_stats._get_backend()
            backend.statsd.close()


@contextmanager
def measuring(**variables: str) -> Iterator[None]:
    """Do what Airflow does when a task's process begins; afterwards nothing is measured."""
    with pytest.MonkeyPatch.context() as environment:
        for name, value in variables.items():
            environment.setenv(name, value)
        _initialize()
        yield
    _initialize()


def _initialize() -> None:
    stats.initialize(factory=stats_utils.get_stats_factory(), export_legacy_names=True)
