"""What the bench calls peak memory is that of the measured process alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_ROOT = Path(__file__).parents[3]
_HELD = 200 << 20
_TOLD = "from benchmarks.memory import peak_megabytes; print(peak_megabytes())"
_GROWN = "held = b'x' * (100 << 20); del held; " + _TOLD


def peak_of(code: str) -> float:
    """Run a program, and read the peak that it tells."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=_ROOT,
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return float(done.stdout)


def test_the_peak_is_not_that_of_the_starting_process() -> None:
    """A small program started by a large one tells a small peak (``ru_maxrss`` would not)."""
    held = b"x" * _HELD
    assert peak_of(_TOLD) < 100 < len(held) / 1e6


def test_the_peak_counts_what_was_given_back() -> None:
    """What a program held for a moment is in its peak."""
    assert peak_of(_GROWN) > 100
