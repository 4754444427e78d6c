"""The most memory that this process itself ever held."""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["peak_megabytes"]


def peak_megabytes() -> float:
    """Read the high-water mark of this program, in MB.

    ``VmHWM`` begins anew with each program, as the memory does. ``ru_maxrss`` does not: Linux hands
    on what the starting process held.
    """
    status = Path("/proc/self/status").read_text(encoding="ascii")
    (kib,) = re.findall(r"VmHWM:\s+([0-9]+) kB", status)
    return int(kib) * 1024 / 1e6
