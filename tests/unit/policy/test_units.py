"""Durations are read and written as people write them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from preheat.policy.platforms import check_platform, normal_platform
from preheat.policy.units import format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("30s", timedelta(seconds=30)),
        ("15m", timedelta(minutes=15)),
        ("6h", timedelta(hours=6)),
        ("14d", timedelta(days=14)),
        ("0s", timedelta()),
    ],
)
def test_durations_are_read(text: str, duration: timedelta) -> None:
    """A whole number and a unit."""
    assert parse_duration(text) == duration


@pytest.mark.parametrize(
    "text", ["", "5", "5 m", "1.5h", "-1h", "1h30m", "5min", "٣d", "9999d", "1w"]
)
def test_other_durations_are_refused(text: str) -> None:
    """A number without a unit could mean anything (Dragonfly would take 90 for 90 nanoseconds)."""
    with pytest.raises(ValueError, match=r"duration|ten years"):
        parse_duration(text)


@settings(deadline=None)
@given(st.integers(0, 10**8))
def test_written_durations_are_rounded_down(seconds: int) -> None:
    """What is shown is never more than what was, and wrong by less than its smaller unit."""
    duration = timedelta(seconds=seconds)
    shown = sum((parse_duration(part) for part in format_duration(duration).split()), timedelta())
    assert timedelta() <= duration - shown < max(duration / 24, timedelta(hours=1))


def test_platform_spellings_that_mean_the_same() -> None:
    """As containerd reads them: variants that are the default may be left out."""
    assert normal_platform("linux/arm64/v8") == normal_platform("linux/arm64")
    assert normal_platform("linux/arm") == normal_platform("linux/arm/v7")
    assert normal_platform("linux/arm/v6") != normal_platform("linux/arm/v7")


@pytest.mark.parametrize(
    "text", ["", "amd64", "linux/", "Linux/amd64", "linux/arm/v7/x", "linux amd64"]
)
def test_other_platforms_are_refused(text: str) -> None:
    """A platform is os/arch or os/arch/variant."""
    with pytest.raises(ValueError, match="platform"):
        check_platform(text)
