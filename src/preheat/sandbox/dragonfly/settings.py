"""What a simulated manager can be told to be, and the clock it lives by."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

__all__ = ["Clock", "ManagerSettings", "go_time"]


@dataclass(slots=True)
class ManagerSettings:
    """The knobs of one manager; every default is what v2.5.1 was measured to do.

    :param version: at most ``2.4.0`` brings back ``/_ping``, ``/preheats`` and the open
        ``/api/v1/jobs`` (CVE-2026-24124).
    :param clock_factor: how long a second of the manager lasts: 0.01 shows the 30 s look after
        0.3 s. Scales looks, row and cache lifetimes, ring refreshes and slow peers; never the
        rate limit.
    :param refuse_loopback: refuse registries on loopback as the real one does (dragonfly:
        pkg/net/http/http.go); off because the sandbox lives on loopback.
    :param seed_capacity: more single-seed jobs at once than this lose layers silently.
    :param slow_seconds: manager seconds that a peer in state ``slow`` takes for each blob.
    :param utc_offset_hours: zone in which rows tell their times.
    :param skew_seconds: how far the clock is ahead (``Date`` header and rows).
    """

    version: str = "2.5.1"
    clock_factor: float = 1.0
    token: str = "preheat-sandbox-token"  # noqa: S105 - the sandbox's published token
    job_rate_limit: int = 10
    refuse_loopback: bool = False
    seed_capacity: int | None = None
    host_platform: str = "linux/amd64"
    slow_seconds: float = 10.0
    utc_offset_hours: float = 0.0
    skew_seconds: float = 0.0

    @property
    def is_legacy(self) -> bool:
        """Whether this version still has the unauthenticated routes (removed in v2.4.1)."""
        return tuple(int(part) for part in self.version.split(".")[:3]) <= (2, 4, 0)


class Clock:
    """Tells the time and how long a manager's second really lasts.

    :param factor: real seconds for each second of the manager.
    """

    def __init__(
        self, factor: float, *, offset_hours: float = 0.0, skew_seconds: float = 0.0
    ) -> None:
        self.factor = factor
        self._zone = timezone(timedelta(hours=offset_hours)) if offset_hours else UTC
        self._skew = timedelta(seconds=skew_seconds)
        self._ahead = 0.0

    def now(self) -> datetime:
        """Wall-clock time as the manager believes it to be."""
        return datetime.now(self._zone) + self._skew + timedelta(seconds=self._ahead)

    def monotonic(self) -> float:
        """Real seconds that only ever grow; what all deadlines are counted in."""
        return time.monotonic() + self._ahead

    def advance(self, seconds: float) -> None:
        """Let manager seconds pass at once; a sleeping slow peer does not notice."""
        self._ahead += self.real(seconds)

    def real(self, seconds: float) -> float:
        """How many real seconds the given manager seconds last."""
        return seconds * self.factor


def go_time(moment: datetime, *, digits: int = 3) -> str:
    """Write a time as Go does: RFC 3339, trailing zeros of the fraction dropped."""
    fraction = f"{moment.microsecond:06d}000"[:digits].rstrip("0")
    zone = moment.strftime("%z")
    shown = "Z" if moment.utcoffset() == timedelta(0) else f"{zone[:3]}:{zone[3:5]}"
    return f"{moment:%Y-%m-%dT%H:%M:%S}{'.' if fraction else ''}{fraction}{shown}"
