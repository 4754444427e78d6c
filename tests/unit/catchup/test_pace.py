"""How often to look."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from preheat.catchup import next_interval, sweep_interval


def test_looks_get_rarer_while_nothing_is_found() -> None:
    """From five seconds to a minute, in steps of a half more."""
    pauses = [0.0]
    while len(pauses) < 9:
        pauses.append(next_interval(pauses[-1], found=False))
    assert pauses[1:] == [5.0, 7.5, 11.25, 16.875, 25.3125, 37.96875, 56.953125, 60.0]


@given(previous=st.floats(0, 1e6))
def test_what_was_found_makes_it_quick_again(previous: float) -> None:
    """However long the pause had become; and it never leaves its bounds."""
    assert next_interval(previous, found=True) == 5.0
    assert 5.0 <= next_interval(previous, found=False) <= 60.0


def test_sweeps_are_rare_unless_nothing_else_tells() -> None:
    """Five minutes or an hour."""
    assert (sweep_interval(often=True), sweep_interval(often=False)) == (300.0, 3600.0)
