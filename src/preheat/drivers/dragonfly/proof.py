"""Asks the peers themselves which finished copies they hold.

``get_image_distribution`` answers in about 3 s, but its own list leaves out seeds and takes
unfinished copies for copies. The ``get_task`` rows that it leaves behind have both, and carry our
``bio``: those are read (recorded fast-proof-image-distribution-rows). Blobs without such a row are
asked for one by one, which takes a look of the manager, 30 s, and needs no registry.
"""

from __future__ import annotations

import random
import secrets
from http import HTTPStatus
from typing import TYPE_CHECKING

from preheat.drivers.base import LayerCopy, LayerFailure, Report
from preheat.drivers.dragonfly.answers import Distribution, Row, TaskArgs, decode
from preheat.drivers.dragonfly.listing import Listed, rows
from preheat.drivers.dragonfly.manager import JOBS
from preheat.drivers.dragonfly.reading import UNSHARED_BYTES, copy_or_failure, peers_of
from preheat.drivers.dragonfly.request import bio_of, distribution_body, task_body
from preheat.errors import RateLimitedError, RefusedError, RemoteUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from preheat.drivers.base import HeatRequest, Timing
    from preheat.drivers.dragonfly.answers import TaskPeer
    from preheat.drivers.dragonfly.manager import Manager
    from preheat.transport import Answer

__all__ = ["Proof"]

RATE_LIMIT_TRIES = 20
RATE_LIMIT_PAUSE_SECONDS = (0.2, 0.4)
LONGEST_WISH_SECONDS = 10.0
LOOKS = 2
_random = random.SystemRandom()


class Proof:
    """Asks all peers of a cluster which finished copies they hold.

    :param wait: pauses for so many seconds.
    """

    def __init__(
        self, manager: Manager, timing: Timing, *, wait: Callable[[float], object]
    ) -> None:
        self.manager = manager
        self.timing = timing
        self.wait = wait

    def report(self, request: HeatRequest, digests: Sequence[str]) -> Report:
        """Collect what the peers answer; ``untold`` names the blobs that nobody was asked for.

        :raises RemoteError: the manager cannot be asked at all.
        """
        urls = {request.key.blob_url(digest) for digest in digests}
        told = self._all_at_once(request, urls)
        if left := sorted(urls - told.keys()):
            told |= self._one_by_one(request, left)
        entries = [copy_or_failure(url, peer) for url in sorted(told) for peer in told[url]]
        untold = tuple(digest for digest in digests if request.key.blob_url(digest) not in told)
        return Report(
            copies=tuple(entry for entry in entries if isinstance(entry, LayerCopy)),
            failures=tuple(entry for entry in entries if isinstance(entry, LayerFailure)),
            error=f"{len(untold)} of {len(urls)} layers could not be asked for." if untold else "",
            names_every_host=False,
            from_peers=True,
            untold=untold,
            unshared_bytes=UNSHARED_BYTES,
        )

    def _all_at_once(self, request: HeatRequest, urls: set[str]) -> dict[str, list[TaskPeer]]:
        """Ask for the whole image; get nothing when the manager cannot resolve it now.

        That is when the registry lost the image, refuses it or is away. An answer that was cut
        leaves rows all the same; a manager that is away shows when they are listed.
        """
        bio = bio_of(request.nonce, f"verify {secrets.token_hex(8)}")
        try:
            answer = self._post(distribution_body(request, bio))
        except RefusedError as error:
            if error.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
                raise
            return {}
        except RemoteUnavailableError:
            pass
        else:
            decode(answer, Distribution, "an image distribution")
        return self._rows_left(request, bio, urls)

    def _rows_left(
        self, request: HeatRequest, bio: str, urls: set[str]
    ) -> dict[str, list[TaskPeer]]:
        told: dict[str, list[TaskPeer]] = {}
        for listed in rows(self.manager, "get_task"):
            if told.keys() >= urls or listed.age_seconds > self.manager.post_timeout_seconds + 60:
                break
            if listed.row.bio != bio:
                continue
            args = decode(listed.answer, TaskArgs, "arguments of get_task", part=listed.row.args)
            peers = peers_of(listed, request.settings.scheduler_cluster_id)
            if args.url in urls and peers is not None:
                told[args.url] = peers
        return told

    def _one_by_one(self, request: HeatRequest, urls: Sequence[str]) -> dict[str, list[TaskPeer]]:
        bio = bio_of(request.nonce, "verify")
        asked = {url: self._ask_for(task_body(request, bio, url)) for url in urls}
        told: dict[str, list[TaskPeer]] = {}
        passed = 0.0
        for look in self.timing.looks[:LOOKS]:
            self.wait(look + self.timing.margin - passed)
            passed = look + self.timing.margin
            told |= self._look(request, {url: asked[url] for url in asked.keys() - told.keys()})
            if len(told) == len(asked):
                break
        return told

    def _look(self, request: HeatRequest, asked: Mapping[str, int]) -> dict[str, list[TaskPeer]]:
        told: dict[str, list[TaskPeer]] = {}
        for url, job_id in asked.items():
            answer = self.manager.call("GET", f"{JOBS}/{job_id}")
            listed = Listed(decode(answer, Row, "a job"), answer)
            peers = peers_of(listed, request.settings.scheduler_cluster_id)
            if peers is not None:
                told[url] = peers
        return told

    def _ask_for(self, body: Mapping[str, object]) -> int:
        return decode(self._post(body), Row, "a job").id

    def _post(self, body: Mapping[str, object]) -> Answer:
        """Post one job, at the pace that the cluster's rate limit allows.

        A short ``Retry-After`` is honoured here, a longer one is the caller's.
        """
        tries = 0
        while True:
            try:
                return self.manager.post(body)
            except RateLimitedError as error:
                wished = error.retry_after_seconds or 0.0
                tries += 1
                if tries > RATE_LIMIT_TRIES or wished > LONGEST_WISH_SECONDS:
                    raise
            self.wait(wished + _random.uniform(*RATE_LIMIT_PAUSE_SECONDS))
