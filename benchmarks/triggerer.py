"""``python -m benchmarks.triggerer ATTEMPTS RESULT``: our triggers in one event loop, as JSON.

One process, as a triggerer is, without Airflow's own part of it: what it costs is ours alone.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import TaskSuccessEvent  # noqa: TID251  # this is what is measured

from preheat.provider.config import open_ledger
from preheat.provider.following import manager_of
from preheat.provider.hooks.harbor import HarborHook
from preheat.provider.triggers.dragonfly import DragonflyPreheatTrigger

if TYPE_CHECKING:
    from collections.abc import Sequence

_BEAT_SECONDS = 0.02
_PATIENCE_SECONDS = 240.0


def _megabytes(field: str) -> float:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    (kib,) = re.findall(rf"{field}:\s+([0-9]+) kB", status)
    return int(kib) * 1024 / 1e6


async def _follow(attempt: int) -> str:
    trigger = DragonflyPreheatTrigger(
        attempt=attempt,
        dragonfly_conn_id="dragonfly_default",
        harbor_conn_id="harbor_default",
        deadline=time.time() + _PATIENCE_SECONDS,
    )
    async for event in trigger.run():
        return "well" if isinstance(event, TaskSuccessEvent) else str(event.payload["verdict"])
    return "no event"


async def _beat(stalls: list[float]) -> None:
    """Feel how long the loop keeps others waiting."""
    while True:
        before = time.monotonic()
        await asyncio.sleep(_BEAT_SECONDS)
        stalls.append(time.monotonic() - before - _BEAT_SECONDS)


async def _measure(attempts: Sequence[int]) -> dict[str, Any]:
    open_ledger().followed(attempts[0])
    await manager_of("dragonfly_default", "dragonfly").driver()
    HarborHook("harbor_default")
    base = _megabytes("VmRSS")
    starting: list[float] = []
    stalls: list[float] = []
    beat = asyncio.create_task(_beat(starting))
    waits = [asyncio.create_task(_follow(attempt)) for attempt in attempts]
    await asyncio.wait(waits, timeout=15, return_when=asyncio.FIRST_COMPLETED)
    waiting = _megabytes("VmRSS")
    beat.cancel()
    beat = asyncio.create_task(_beat(stalls))
    ends = Counter(await asyncio.gather(*waits))
    beat.cancel()
    return {
        "base": base,
        "waiting": waiting,
        "peak": _megabytes("VmHWM"),
        "stall": max(stalls),
        "starting_stall": max(starting),
        "ends": dict(ends),
    }


def _main(attempts: str, result: str) -> None:
    numbers = json.loads(Path(attempts).read_text(encoding="utf-8"))
    measured = asyncio.run(_measure(numbers))
    Path(result).write_text(json.dumps(measured), encoding="utf-8")


if __name__ == "__main__":
    _main(sys.argv[1], sys.argv[2])
