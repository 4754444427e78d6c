"""Durations and sizes are read and written as people write them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from preheat.policy.platforms import check_platform, normal_platform
from preheat.policy.units import (
    format_duration,
    format_size,
    parse_duration,
    parse_size,
    tell_apart,
)


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


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("1KiB", 1024),
        ("25GiB", 25 * 1024**3),
        ("1.5TiB", 1536 * 1024**3),
        ("0.001KB", 1),
        ("500MB", 500_000_000),
        ("3GB", 3 * 10**9),
        ("1024TiB", 1024**5),
    ],
)
def test_sizes_are_read(text: str, size: int) -> None:
    """A number and a unit; with an i it counts by 1024, without by 1000."""
    assert parse_size(text) == size


@pytest.mark.parametrize(
    "text",
    ["", "25", "25 GiB", "25gib", "25G", "25Gi", "-1GiB", "1e3GiB", "1.GiB", "٣GiB", "1EiB", "GiB"],
)
def test_other_sizes_are_refused(text: str) -> None:
    """A bare number is refused, and the message names every unit."""
    with pytest.raises(ValueError, match=r"not a size; write a number and a unit.*TiB.*TB"):
        parse_size(text)


@pytest.mark.parametrize(
    ("text", "words"), [("0GiB", "is nothing"), ("0.001KiB", None), ("1025TiB", "more than")]
)
def test_sizes_have_bounds(text: str, words: str | None) -> None:
    """No limit is zero by a slip of the pen, and none is beyond what a database counts."""
    if words is None:
        assert parse_size(text) == 1
    else:
        with pytest.raises(ValueError, match=words):
            parse_size(text)


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (25 * 1024**3, "25.0 GiB")],
)
def test_sizes_are_written_with_one_decimal(size: int, text: str) -> None:
    """In the largest unit that fits."""
    assert format_size(size) == text


def test_sizes_that_round_to_the_same_are_told_apart() -> None:
    """A reader must never see that 25.0 GiB is more than 25.0 GiB."""
    assert tell_apart(30 * 1024**3, 25 * 1024**3) == ("30.0 GiB", "25.0 GiB")
    assert tell_apart(1024**3 + 1, 1024**3) == ("1073741825 bytes", "1073741824 bytes")
    assert tell_apart(1024**3, 1024**3) == ("1.0 GiB", "1.0 GiB")
