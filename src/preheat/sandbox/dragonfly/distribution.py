"""``get_image_distribution``: who holds an image, answered at once, with a proof left behind.

The answer omits seeds and ignores whether a copy is finished, but the ``get_task`` rows it leaves
carry the request's ``bio``, list seeds too and tell ``IsFinished`` (measured on v2.5.1).
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from fastapi.concurrency import run_in_threadpool

from preheat.sandbox.dragonfly.defaults import fill_defaults
from preheat.sandbox.dragonfly.peers import PeerKind
from preheat.sandbox.dragonfly.service import JobService, ServiceError, resolve

if TYPE_CHECKING:
    from preheat.sandbox.dragonfly.jobs import Job
    from preheat.sandbox.dragonfly.state import DragonflyState
    from preheat.sandbox.dragonfly.validation import Envelope

__all__ = ["Distribution"]

_LOOKS = (0.0, *(3.0 + 5.0 * n for n in range(60)))
_FAILED = "get image layers failed: get image layers failed: "
_HANDED_DOWN = (
    "piece_length",
    "tag",
    "application",
    "filtered_query_params",
    "concurrent_peer_count",
    "timeout",
)


class Distribution:
    """Answers the synchronous job; takes 3 manager seconds for each wave of layers."""

    def __init__(self, state: DragonflyState, service: JobService) -> None:
        self._state = state
        self._service = service

    async def answer(self, envelope: Envelope) -> dict[str, Any]:
        """Ask all hosts for each layer and gather what they say.

        :raises ServiceError: if the image cannot be resolved or no scheduler is there.
        """
        args = fill_defaults(envelope.type, envelope.args)
        urls = await run_in_threadpool(self._layers, args)
        jobs: list[Job] = []
        width = args["concurrent_layer_count"]
        for start in range(0, len(urls), width):
            wave = urls[start : start + width]
            jobs += [await run_in_threadpool(self._ask, envelope, args, url) for url in wave]
            await asyncio.sleep(self._state.clock.real(_LOOKS[1]))
        return {"image": {"layers": [{"url": url} for url in urls]}, "peers": self._peers(jobs)}

    def _layers(self, args: dict[str, Any]) -> tuple[str, ...]:
        if not args["url"]:
            raise ServiceError(f"{_FAILED}parse access url failed")
        try:
            return resolve(self._state, args).urls
        except ServiceError as error:
            raise ServiceError(f"{_FAILED}{error}") from error

    def _ask(self, envelope: Envelope, args: dict[str, Any], url: str) -> Job:
        asked = {"url": url, **{name: args[name] for name in _HANDED_DOWN}}
        return self._service.create_task_job(
            replace(envelope, type="get_task", args=asked), looks=_LOOKS
        )

    def _peers(self, jobs: list[Job]) -> list[dict[str, Any]]:
        found: dict[tuple[int, str], dict[str, Any]] = {}
        for job in jobs:
            for task in job.tasks:
                result = task.outcome.result if task.outcome else None
                for peer in (result or {}).get("peers", []):
                    if peer["host_type"] == PeerKind.SEED:
                        continue
                    entry = found.setdefault(
                        (task.cluster_id, peer["ip"]),
                        {
                            "ip": peer["ip"],
                            "hostname": peer["hostname"],
                            "cached_layers": [],
                            "scheduler_cluster_id": task.cluster_id,
                        },
                    )
                    entry["cached_layers"].append({"url": job.args["url"]})
        return list(found.values())
