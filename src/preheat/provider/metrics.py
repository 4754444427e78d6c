"""Every metric of ours, by Airflow's own metrics: where those go is Airflow's setting.

Airflow 3.3.2 takes tags everywhere, but sends them only to OpenTelemetry, Datadog, and StatsD in
the format of InfluxDB. To a plain StatsD all series of a metric would arrive as one. So there, and
only there, the values stand in the name: ``preheat.placements.eu-1.WARM``; the mapping of
docs/monitoring takes them apart again.

A label is a cluster, a policy, a Harbor (all of them entries of files and connections), or one of a
few words. Never an image, repository or digest: there is no end of those.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from airflow.sdk.configuration import conf
from airflow.sdk.observability import stats

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["METRICS", "Kind", "Metric"]

log = logging.getLogger(__name__)


class Kind(StrEnum):
    """What is done with the values of a metric."""

    COUNTER = "counter"
    GAUGE = "gauge"
    TIMER = "timer"


@dataclass(frozen=True)
class Metric:
    """One metric.

    :param name: below Airflow's prefix.
    :param meaning: what it counts, and when it is told.
    :param labels: in the order in which they stand in a StatsD name.
    """

    name: str
    kind: Kind
    meaning: str
    labels: tuple[str, ...] = ()

    @property
    def prometheus(self) -> str:
        """The name that docs/monitoring gives it in Prometheus, with the prefix ``airflow``."""
        unit = {Kind.COUNTER: "_total", Kind.GAUGE: "", Kind.TIMER: "_seconds"}[self.kind]
        return f"airflow_{self.name.replace('.', '_')}{unit}"

    def tell(self, value: float, **labels: str) -> None:
        """Count this many, set it to this, or note that something took so many seconds.

        :param labels: a value for each label. What goes wrong is logged: no task fails for it.
        """
        try:
            self._send(value, {name: _as_label(labels[name]) for name in self.labels})
        except Exception:
            log.warning("The metric %s could not be told.", self.name, exc_info=True)

    def _send(self, value: float, labels: Mapping[str, str]) -> None:
        name, tags = self.name, dict(labels)
        if _drops_tags():
            parts = (value.replace(".", "__") for value in labels.values())  # as Airflow does
            name, tags = ".".join([self.name, *parts]), {}
        match self.kind:
            case Kind.COUNTER:
                stats.incr(name, int(value), tags=tags)
            case Kind.GAUGE:
                stats.gauge(name, value, tags=tags)
            case Kind.TIMER:
                stats.timing(name, timedelta(seconds=value), tags=tags)


def _drops_tags() -> bool:
    """Tell whether metrics go to a plain StatsD, in the order in which Airflow looks."""
    if conf.getboolean("metrics", "statsd_datadog_enabled", fallback=False):
        return False
    is_statsd = conf.getboolean("metrics", "statsd_on", fallback=False)
    return is_statsd and not conf.getboolean("metrics", "statsd_influxdb_enabled", fallback=False)


def _as_label(value: str) -> str:
    """Write a label's value as every system takes it."""
    return stats.normalize_name_for_stats(value, log_warning=False)


PLACEMENTS = Metric(
    "preheat.placements",
    Kind.GAUGE,
    "What is wanted warm now, by what was proved last; at the end of each run and of upkeep",
    ("cluster", "verdict"),
)
ASKED = Metric(
    "preheat.attempts_open",
    Kind.GAUGE,
    "Attempts that were made and have no verdict yet; told with the placements",
    ("cluster",),
)
PLANS = Metric(
    "preheat.plans",
    Kind.COUNTER,
    "Plans that were recorded; preheat_images and preheat_upkeep count as policies",
    ("policy",),
)
DECISIONS = Metric(
    "preheat.decisions",
    Kind.COUNTER,
    "Candidates that plans decided about, by reason code; SELECTED is what was taken",
    ("reason",),
)
PLANNED = Metric(
    "preheat.planned",
    Kind.COUNTER,
    "Placements of plans, by what becomes of each: asked for, warm already, left out",
    ("cluster", "disposition"),
)
VERDICTS = Metric(
    "preheat.verdicts",
    Kind.COUNTER,
    "Attempts that a trigger followed to their end, by verdict; UNKNOWN where nobody could tell",
    ("cluster", "verdict"),
)
SECONDS_TO_WARM = Metric(
    "preheat.time_to_warm",
    Kind.TIMER,
    "From the moment Dragonfly was asked to the moment the image was proved warm",
    ("cluster",),
)
BYTES_WARM = Metric(
    "preheat.bytes_warm",
    Kind.COUNTER,
    "Bytes of expected layers that ended attempts were proved to have brought or found",
    ("cluster",),
)
REQUESTS = Metric(
    "preheat.requests",
    Kind.COUNTER,
    "HTTP requests to Harbor (its registry included) and Dragonfly; status is 2xx to 5xx, or none "
    "where no answer came",
    ("system", "status"),
)
REQUEST_SECONDS = Metric(
    "preheat.request_time",
    Kind.TIMER,
    "How long each of those took, answered or not",
    ("system",),
)
RETRIES = Metric(
    "preheat.retries",
    Kind.COUNTER,
    "Failed tries that the retry policy judged, by cause, and whether it tries again",
    ("cause", "decision"),
)
EVENTS_WAITING = Metric(
    "preheat.events_waiting",
    Kind.GAUGE,
    "Events in the inbox that somebody should take up now; every 15 s by the watcher of a Harbor",
    ("registry",),
)
EVENTS_AGE = Metric(
    "preheat.events_oldest_seconds",
    Kind.GAUGE,
    "For how long the oldest of them has waited; 0 where none does",
    ("registry",),
)
DOCTOR = Metric(
    "preheat.doctor",
    Kind.GAUGE,
    "Things that the doctor looked at in the last upkeep, by how they stand",
    ("state",),
)
UPKEEP = Metric(
    "preheat.upkeep_finished",
    Kind.GAUGE,
    "When the last upkeep was reported, green or red, in seconds since 1970",
)

METRICS = (
    *(PLACEMENTS, ASKED, PLANS, DECISIONS, PLANNED, VERDICTS, SECONDS_TO_WARM, BYTES_WARM),
    *(REQUESTS, REQUEST_SECONDS, RETRIES, EVENTS_WAITING, EVENTS_AGE, DOCTOR, UPKEEP),
)
"""All of them, in the order of the docs."""
