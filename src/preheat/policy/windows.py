"""When a policy may warm: weekly windows that allow, and windows that forbid.

Harbor's own preheating knows no hours. A window is named by the day on which it starts, and may
end on the next: Friday from 20:00 to 06:00 ends on Saturday morning. ``to: "24:00"`` is the end of
the day. Each window has a time zone of its own. Without ``allow`` it is always allowed; ``deny``
wins. ``onClosed`` says what a run does outside: ``wait`` until it opens, ``skip`` what is left, or
``fail``. A run looks at the windows when it plans, and when it hands a cluster's images out; those
are then asked for to their end, past that of the window if it takes so long.

Where clocks are put forward or back, some times do not exist and others come twice. In doubt it is
closed: an allow window then is the shorter of what could be meant (and may fall out that day), a
deny window the longer.

::

    windows:
      allow: [{days: [all], from: "20:00", to: "06:00", timezone: Europe/Berlin}]
      deny: [{days: [fri], from: "16:00", to: "24:00", timezone: Europe/London}]
      onClosed: wait
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, ClassVar, NamedTuple, Self
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator, model_validator

from preheat.policy.fields import ClockTime, Strict, TimeZone, refuse_later
from preheat.policy.gatefields import DAYS, DayName
from preheat.policy.part import Part

if TYPE_CHECKING:
    from collections.abc import Iterator

    from preheat.policy.part import At

__all__ = ["PART", "OnClosed", "Window", "WindowSpec", "WindowState", "Windows", "WindowsSpec"]

_DAY = timedelta(days=1)
_STRETCH = 8 * _DAY
_STRETCHES = 54
_A_MONDAY = datetime(2026, 1, 5, tzinfo=UTC)


class OnClosed(StrEnum):
    """What a run does outside of the windows."""

    WAIT = "wait"
    SKIP = "skip"
    FAIL = "fail"


class WindowSpec(Strict):
    """One entry of ``windows.allow`` or ``windows.deny``."""

    shape: ClassVar[str] = (
        'a map such as {days: [all], from: "20:00", to: "06:00", timezone: Europe/Berlin}'
    )
    days: Annotated[tuple[DayName, ...], Field(min_length=1)] = Field(
        ("all",), description="Days on which it starts: `mon` to `sun`, or `all`."
    )
    from_: ClockTime = Field(alias="from", description='Start, such as `"20:00"`.')
    to: ClockTime = Field(
        description='End, such as `"06:00"`; up to `from` it is on the next day. `"24:00"` is the'
        " end of the day."
    )
    timezone: TimeZone = Field(description="Where the clock hangs, such as `Europe/Berlin`.")

    @model_validator(mode="after")
    def _some_length(self) -> Self:
        if self.from_ == time.max:
            raise ValueError("'from' cannot be 24:00; write 00:00 and name the next day")
        if self.from_ == self.to:
            raise ValueError(
                "'from' and 'to' are the same; for the whole day write from: \"00:00\" and"
                ' to: "24:00"'
            )
        return self

    def build(self, line: int | None = None) -> Window:
        """Make the window."""
        every = "all" in self.days
        days = frozenset(n for n, name in enumerate(DAYS) if every or name in self.days)
        return Window(days, self.from_, self.to, self.timezone, line)


class WindowsSpec(Strict):
    """``windows``."""

    shape: ClassVar[str] = "a map that holds allow: or deny:"
    allow: Annotated[tuple[WindowSpec, ...], Field(min_length=1, max_length=20)] = Field(
        (), description="Warm within these only; left out, always."
    )
    deny: Annotated[tuple[WindowSpec, ...], Field(min_length=1, max_length=20)] = Field(
        (), description="Never warm within these; wins over `allow`."
    )
    on_closed: OnClosed = Field(
        OnClosed.WAIT,
        description="What a run does outside: `wait` until it opens, `skip` what is not warm yet,"
        " or `fail`.",
    )

    @field_validator("on_closed", mode="before")
    @classmethod
    def _known_word(cls, value: object) -> object:
        refuse_later(str(value), {"approval"})
        return value

    @model_validator(mode="after")
    def _opens(self) -> Self:
        if not self.allow and not self.deny:
            raise ValueError("write at least one of allow and deny, or leave windows out")
        allow, deny = (tuple(spec.build() for spec in specs) for specs in (self.allow, self.deny))
        Windows(allow, deny).check()
        return self

    def build(self, at: At) -> Windows:
        """Make the value, each window with its line."""
        return Windows(
            tuple(spec.build((at / "allow" / n).line) for n, spec in enumerate(self.allow)),
            tuple(spec.build((at / "deny" / n).line) for n, spec in enumerate(self.deny)),
            self.on_closed,
            at.line,
        )


class Span(NamedTuple):
    """From a moment up to another, the latter not included; UTC."""

    start: datetime
    end: datetime

    def holds(self, moment: datetime) -> bool:
        """Whether the moment lies within."""
        return self.start <= moment < self.end


@dataclass(frozen=True, slots=True)
class Window:
    """Hours of some days of the week.

    :param days: on which it starts, 0 for Monday.
    :param end: on the next day unless later than ``start``; ``time.max`` is the end of the day.
    """

    days: frozenset[int]
    start: time
    end: time
    timezone: str
    line: int | None = None

    def __str__(self) -> str:
        named = ", ".join(DAYS[day] for day in sorted(self.days))
        days = "every day" if len(self.days) == len(DAYS) else named
        end = "24:00" if self.end == time.max else f"{self.end:%H:%M}"
        return f"{days} {self.start:%H:%M} to {end} ({self.timezone})"

    def spans(self, first: date, last: date, *, longest: bool) -> Iterator[Span]:
        """Give what it covers of the days it starts on; where clocks jump, ``longest`` decides."""
        sooner, later = (min, max) if longest else (max, min)
        for ordinal in range(first.toordinal(), last.toordinal() + 1):
            day = date.fromordinal(ordinal)
            if day.weekday() in self.days:
                end_day = day if self.start < self.end < time.max else day + _DAY
                end = self.end if self.end < time.max else time()
                span = Span(
                    sooner(self._moments(day, self.start)), later(self._moments(end_day, end))
                )
                if span.start < span.end:
                    yield span

    def _moments(self, day: date, at: time) -> tuple[datetime, ...]:
        """Give what a wall clock's time can mean: two moments where the clock jumps."""
        zone = ZoneInfo(self.timezone)
        return tuple(
            datetime.combine(day, at.replace(fold=fold), zone).astimezone(UTC) for fold in (0, 1)
        )


@dataclass(frozen=True, slots=True)
class WindowState:
    """Whether a policy may warm at some moment.

    :param opens_at: when it does next, UTC; None while it is open.
    :param line: of the window that decided.
    """

    open: bool
    opens_at: datetime | None = None
    detail: str = ""
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Windows:
    """When a policy may warm."""

    allow: tuple[Window, ...] = ()
    deny: tuple[Window, ...] = ()
    on_closed: OnClosed = OnClosed.WAIT
    line: int | None = None

    def check(self) -> None:
        """Look at more than a year.

        :raises ValueError: when the windows never open.
        """
        if self._next_open(_A_MONDAY) is None:
            raise ValueError("these windows never open: 'deny' covers all that is allowed")

    def state(self, now: datetime) -> WindowState:
        """Tell whether it is open, and else when it opens."""
        moment = now.astimezone(UTC)
        opens_at = self._next_open(moment)
        if opens_at == moment:
            return self._open(moment)
        closing = self._covering(self.deny, moment, longest=True)
        decides = closing or self.allow[0]
        wanted = f"denied is {closing}" if closing else f"allowed is {_listed(self.allow)}"
        met = f"it is {_at(moment, decides.timezone)} in {decides.timezone}"
        opens = f"; it opens at {_at(opens_at, decides.timezone)}" if opens_at else ""
        line = closing.line if closing else self.line
        return WindowState(
            open=False, opens_at=opens_at, detail=f"{met}; {wanted}{opens}", line=line
        )

    def _open(self, moment: datetime) -> WindowState:
        allowing = self._covering(self.allow, moment, longest=False)
        if allowing is None:
            return WindowState(open=True, detail="no deny window is on", line=self.line)
        return WindowState(open=True, detail=f"allowed is {allowing}", line=allowing.line)

    def _covering(
        self, windows: tuple[Window, ...], moment: datetime, *, longest: bool
    ) -> Window | None:
        first, last = moment.date() - 2 * _DAY, moment.date() + _DAY
        for window in windows:
            if any(span.holds(moment) for span in window.spans(first, last, longest=longest)):
                return window
        return None

    def _next_open(self, moment: datetime) -> datetime | None:
        """Look stretch by stretch; the first is nearly always enough."""
        for _ in range(_STRETCHES):
            until = moment + _STRETCH
            found = self._first_open(moment, until)
            if found is not None:
                return found
            moment = until
        return None

    def _first_open(self, moment: datetime, until: datetime) -> datetime | None:
        """Go from moment to moment at which something may open; each step passes a whole span."""
        first, last = moment.date() - 2 * _DAY, until.date() + _DAY
        allowed = [span for each in self.allow for span in each.spans(first, last, longest=False)]
        denied = [span for each in self.deny for span in each.spans(first, last, longest=True)]
        while moment < until:
            if self.allow:
                starts = [span.start for span in allowed if span.end > moment]
                moment = max(moment, min(starts, default=until))
            closed_until = [span.end for span in denied if span.holds(moment)]
            if not closed_until:
                return moment if moment < until else None
            moment = max(closed_until)
        return None


def _listed(windows: tuple[Window, ...]) -> str:
    return " or ".join(map(str, windows))


def _at(moment: datetime, timezone: str) -> str:
    local = moment.astimezone(ZoneInfo(timezone))
    return f"{DAYS[local.weekday()].capitalize()} {local:%Y-%m-%d %H:%M}"


PART = Part("spec.windows", __name__, WindowsSpec)
