"""Windows open and close by the wall clock of their zone, over midnight and where clocks jump."""

from __future__ import annotations

import time as clock
from datetime import UTC, datetime, time, timedelta
from textwrap import dedent
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from preheat.policy import windows
from preheat.policy.part import At
from preheat.policy.windows import OnClosed, Window, Windows, WindowsSpec
from preheat.policy.yamltext import parse

BERLIN = "Europe/Berlin"
MON, FRI, SAT, SUN = 0, 4, 5, 6
ALL = frozenset(range(7))


def window(days: frozenset[int] | set[int], start: str, end: str, zone: str = BERLIN) -> Window:
    """Make a window; ``24:00`` is the end of the day."""
    last = time.max if end == "24:00" else time.fromisoformat(end)
    return Window(frozenset(days), time.fromisoformat(start), last, zone)


def at(text: str, zone: str = BERLIN) -> datetime:
    """Give a moment by a wall clock."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))


def loaded(text: str) -> Windows:
    """Load windows as the loader does."""
    document = parse(dedent(text), "example")
    assert isinstance(document.data, dict)
    spec = WindowsSpec.model_validate(document.data["windows"])
    return spec.build(At(document, ("windows",)))


def test_the_example_loads() -> None:
    """What the docstring shows makes these windows, each with its line."""
    made = loaded(str(windows.__doc__).split("::\n\n")[1])
    assert made == Windows(
        (Window(ALL, time(20), time(6), BERLIN, 2),),
        (Window(frozenset({FRI}), time(16), time.max, "Europe/London", 3),),
        OnClosed.WAIT,
        1,
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{}", "write at least one of allow and deny"),
        ("{onClosed: skip}", "write at least one of allow and deny"),
        ("{allow: []}", "at least 1 item"),
        ("{allow: [{from: '20:00', to: '06:00'}]}", "Field required"),
        ("{allow: [{from: '20:00', to: '06:00', timezone: Berlin}]}", "not a time zone"),
        ("{allow: [{from: '8:00', to: '06:00', timezone: UTC}]}", "not a time of day"),
        ("{allow: [{from: '25:00', to: '06:00', timezone: UTC}]}", "not a time of day"),
        ("{allow: [{from: '24:00', to: '06:00', timezone: UTC}]}", "name the next day"),
        ("{allow: [{from: '20:00', to: '20:00', timezone: UTC}]}", 'to: "24:00"'),
        ("{allow: [{days: [], from: '20:00', to: '06:00', timezone: UTC}]}", "at least 1 item"),
        ("{allow: [{days: [monday], from: '20:00', to: '06:00', timezone: UTC}]}", "'mon'"),
        (
            "{allow: [{from: '20:00', to: '06:00', timezone: UTC}], onClosed: approval}",
            "later version",
        ),
        ("{deny: [{from: '00:00', to: '24:00', timezone: UTC}]}", "these windows never open"),
        (
            (
                "{allow: [{days: [fri], from: '20:00', to: '02:00', timezone: Europe/Berlin}],"
                " deny: [{days: [fri, sat], from: '00:00', to: '24:00', timezone: Europe/Berlin}]}"
            ),
            "these windows never open",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused(text: str, words: str) -> None:
    """Each with a message that says what to write."""
    with pytest.raises(ValidationError, match=words):
        loaded(f"windows: {text}")


NIGHT = Windows((window(ALL, "20:00", "06:00"),), line=1)
FRIDAY_NIGHT = Windows((window({FRI}, "20:00", "06:00"),))
WEEKDAYS_OFF = Windows(deny=(window({0, 1, 2, 3, 4}, "08:00", "18:00"),))
LATE_SUNDAY = Windows((window({SUN}, "22:00", "24:00"),))
NOT_AT_MIDNIGHT = Windows(
    (window(ALL, "20:00", "06:00"),), (window(ALL, "23:00", "01:00"), window(ALL, "01:00", "02:00"))
)


@pytest.mark.parametrize(
    ("made", "now", "opens"),
    [
        (NIGHT, "2026-11-24 20:00", None),
        (NIGHT, "2026-11-24 05:59", None),
        (NIGHT, "2026-11-24 06:00", "2026-11-24 20:00"),
        (NIGHT, "2026-11-24 19:59", "2026-11-24 20:00"),
        (FRIDAY_NIGHT, "2026-11-28 05:59", None),
        (FRIDAY_NIGHT, "2026-11-27 05:59", "2026-11-27 20:00"),
        (FRIDAY_NIGHT, "2026-11-28 06:00", "2026-12-04 20:00"),
        (WEEKDAYS_OFF, "2026-11-27 17:59", "2026-11-27 18:00"),
        (WEEKDAYS_OFF, "2026-11-28 12:00", None),
        (LATE_SUNDAY, "2026-11-29 23:59", None),
        (LATE_SUNDAY, "2026-11-30 00:00", "2026-12-06 22:00"),
        (NOT_AT_MIDNIGHT, "2026-11-24 22:59", None),
        (NOT_AT_MIDNIGHT, "2026-11-24 23:30", "2026-11-25 02:00"),
        (NOT_AT_MIDNIGHT, "2026-11-25 06:00", "2026-11-25 20:00"),
    ],
)
def test_windows_open_by_the_wall_clock(made: Windows, now: str, opens: str | None) -> None:
    """A night belongs to the day it starts on, ends are not included, deny wins."""
    state = made.state(at(now))
    assert (state.open, state.opens_at) == (opens is None, at(opens) if opens else None)


def test_windows_of_other_zones_are_other_moments() -> None:
    """Each window has its own clock."""
    made = Windows((window(ALL, "20:00", "22:00", "Asia/Tokyo"),))
    assert made.state(at("2026-11-24 12:30")).open
    assert made.state(at("2026-11-24 20:30")).opens_at == at("2026-11-25 20:00", "Asia/Tokyo")


def test_a_closed_window_is_told_with_its_clock_and_line() -> None:
    """What time it is there, what is wanted, and when it opens; the line of what decided."""
    made = loaded("""\
        windows:
          allow:
            - {from: "20:00", to: "06:00", timezone: Europe/Berlin}
            - {days: [sat, sun], from: "00:00", to: "24:00", timezone: Europe/Berlin}
          deny:
            - {days: [sat], from: "10:00", to: "12:00", timezone: UTC}
    """)
    closed = made.state(at("2026-11-24 13:00"))
    assert closed.detail == (
        "it is Tue 2026-11-24 13:00 in Europe/Berlin; allowed is every day 20:00 to 06:00"
        " (Europe/Berlin) or sat, sun 00:00 to 24:00 (Europe/Berlin); it opens at Tue 2026-11-24"
        " 20:00"
    )
    assert closed.line == 1
    denied = made.state(at("2026-11-28 11:30"))
    assert denied.detail == (
        "it is Sat 2026-11-28 10:30 in UTC; denied is sat 10:00 to 12:00 (UTC); it opens at Sat"
        " 2026-11-28 12:00"
    )
    assert denied.line == 6
    opened = made.state(at("2026-11-28 15:00"))
    assert (opened.detail, opened.line) == ("allowed is sat, sun 00:00 to 24:00 (Europe/Berlin)", 4)
    free = WEEKDAYS_OFF.state(at("2026-11-28 12:00"))
    assert free.detail == "no deny window is on"


def utc(text: str) -> datetime:
    """Give a moment by UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("made", "now", "opens"),
    [
        pytest.param(
            Windows((window({SUN}, "02:00", "03:00"),)),
            "2026-03-29 00:30",
            "2026-04-05 00:00",
            id="an hour that does not exist allows nothing",
        ),
        pytest.param(
            Windows((window({SUN}, "02:30", "04:00"),)),
            "2026-03-29 00:59",
            "2026-03-29 01:30",
            id="a start that does not exist is the later",
        ),
        pytest.param(
            Windows((window({SUN}, "02:00", "03:00"),)),
            "2026-10-25 00:30",
            "2026-10-25 01:00",
            id="an hour that comes twice allows once",
        ),
        pytest.param(
            Windows((window({SUN}, "01:00", "02:30"),)),
            "2026-10-25 00:30",
            "2026-11-01 00:00",
            id="an end that comes twice is the first",
        ),
        pytest.param(
            Windows(deny=(window({SUN}, "02:00", "03:00"),)),
            "2026-10-25 00:00",
            "2026-10-25 02:00",
            id="an hour that comes twice forbids twice",
        ),
        pytest.param(
            Windows(deny=(window({SUN}, "01:00", "02:30"),)),
            "2026-03-29 00:45",
            "2026-03-29 01:30",
            id="an end that does not exist forbids longer",
        ),
        pytest.param(
            Windows((window({SAT}, "20:00", "06:00"),)),
            "2026-03-29 04:00",
            "2026-04-04 18:00",
            id="the short night ends by the wall clock",
        ),
    ],
)
def test_where_clocks_jump_it_is_closed_in_doubt(made: Windows, now: str, opens: str) -> None:
    """Berlin, 29 March (no 02:00 to 03:00) and 25 October 2026 (02:00 to 03:00 twice); UTC here."""
    assert made.state(utc(now)).opens_at == utc(opens)


zones = st.sampled_from(["UTC", BERLIN, "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"])
minutes = st.integers(0, 24 * 60 - 1).map(lambda n: time(n // 60, n % 60))


@st.composite
def drawn(draw: st.DrawFn) -> Window:
    """Draw a window of some length."""
    start = draw(minutes)
    end = draw(st.one_of(minutes, st.just(time.max)).filter(lambda end: end != start))
    return Window(draw(st.frozensets(st.integers(0, 6), min_size=1)), start, end, draw(zones))


sets = st.builds(
    Windows, st.lists(drawn(), max_size=3).map(tuple), st.lists(drawn(), max_size=3).map(tuple)
)
some_minute = st.integers(0, 366 * 24 * 60)


def covers(each: Window, moment: datetime) -> bool:
    """Read the wall clock as a person would."""
    local = moment.astimezone(ZoneInfo(each.timezone))
    today, yesterday = local.weekday() in each.days, (local.weekday() - 1) % 7 in each.days
    if each.start < each.end:
        return today and each.start <= local.time() < each.end
    return (today and local.time() >= each.start) or (yesterday and local.time() < each.end)


def is_open(made: Windows, moment: datetime) -> bool:
    """Say what the windows mean, in one line."""
    allowed = not made.allow or any(covers(each, moment) for each in made.allow)
    return allowed and not any(covers(each, moment) for each in made.deny)


@settings(max_examples=150, deadline=None)
@given(sets, st.integers(0, 20 * 24 * 60))
def test_a_person_with_a_clock_would_say_the_same(made: Windows, minute: int) -> None:
    """Where no clock jumps (May), open is what the wall clocks say."""
    now = utc("2026-05-05 00:00") + timedelta(minutes=minute)
    assert made.state(now).open is is_open(made, now)


@settings(max_examples=150, deadline=None)
@given(sets, some_minute, st.integers(0, 999))
def test_it_opens_when_it_says_and_not_before(made: Windows, minute: int, thousandths: int) -> None:
    """On every day of the year, with the nights on which clocks jump."""
    now = utc("2026-01-01 00:00") + timedelta(minutes=minute)
    state = made.state(now)
    if state.open:
        assert state.opens_at is None
    elif state.opens_at is not None:
        assert state.opens_at > now
        assert made.state(state.opens_at).open
        between = now + (state.opens_at - now) * thousandths // 1000
        assert made.state(between).opens_at == state.opens_at


@settings(max_examples=60, deadline=None)
@given(sets, some_minute)
def test_in_doubt_it_is_closed(made: Windows, minute: int) -> None:
    """Whenever it is open, a person with a clock would say so too, on every day of the year."""
    now = utc("2026-01-01 00:00") + timedelta(minutes=minute)
    if made.state(now).open:
        assert is_open(made, now)


def test_many_windows_that_never_open_are_refused_soon() -> None:
    """The worst that a file can hold costs less than a second of processor time."""
    hours = [f"{hour:02}:{minute}" for hour in range(10) for minute in ("00", "30")]
    allow = tuple(window(ALL, hour, "12:00") for hour in hours)
    deny = tuple(window(ALL, hour, "11:59") for hour in hours[:-1])
    before = clock.process_time()
    with pytest.raises(ValueError, match="never open"):
        Windows(allow, (*deny, window(ALL, "11:00", "12:30"))).check()
    assert clock.process_time() - before < 1
