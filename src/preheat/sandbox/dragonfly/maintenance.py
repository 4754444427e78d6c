"""The two synchronous chores: ``sync_peers`` and ``gc``."""

from __future__ import annotations

import asyncio
import uuid
from typing import TYPE_CHECKING, Any

from preheat.sandbox.dragonfly.defaults import fill_defaults
from preheat.sandbox.dragonfly.jobs import Job, Look

if TYPE_CHECKING:
    from preheat.sandbox.dragonfly.state import DragonflyState
    from preheat.sandbox.dragonfly.validation import Envelope

__all__ = ["collect_garbage", "sync_peers"]

_SYNC_SECONDS = 10.0
_GC_SECONDS = 5.0


async def sync_peers(state: DragonflyState) -> str:
    """Take as long as the real one (10 s measured); it tells nothing and leaves no row."""
    await asyncio.sleep(state.clock.real(_SYNC_SECONDS))
    return "OK"


async def collect_garbage(state: DragonflyState, envelope: Envelope) -> dict[str, Any]:
    """Purge nothing, as on a young manager, but leave a row of type ``gc`` in the lists."""
    clock = state.clock
    job = state.jobs.insert(
        lambda job_id: Job(
            id=job_id,
            type="gc",
            bio=envelope.bio,
            args=fill_defaults("gc", envelope.args),
            user_id=envelope.user_id,
            group_uuid=str(uuid.uuid4()),
            created=clock.now(),
            born=clock.monotonic(),
            looks=(0.0,),
            tasks=[],
            forced=Look("SUCCESS", 0.0, is_final=True),
            plain_result={"purged": 0},
        )
    )
    await asyncio.sleep(clock.real(_GC_SECONDS))
    row = job.row(job.look(clock.monotonic()), is_listed=False)
    return {**row, "seed_peer_clusters": None}
