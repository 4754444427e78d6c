"""Watch one Harbor: nudge while events wait, and find out what webhooks did not tell."""

from __future__ import annotations

import asyncio
import random
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowNotFoundException
from airflow.triggers.base import BaseEventTrigger, TriggerEvent

from preheat.catchup import CatchUp, Wanted
from preheat.errors import PreheatError
from preheat.nudging import Nudging
from preheat.policy.matchers import Matcher, MatcherKind
from preheat.provider.config import open_ledger
from preheat.provider.connections import shared_connection
from preheat.provider.hooks.harbor import HarborHook
from preheat.provider.measuring import Waiting
from preheat.rendering import count_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from airflow.sdk import Connection

    from preheat.harbor.client import HarborClient

__all__ = ["HarborEventsTrigger"]

_LOOK_SECONDS = 0.25  # how late a webhook's event may be seen; a look is one indexed query
_LOOKS_PAUSE_SECONDS = 5.0  # after the ledger did not answer
_HARBOR_PAUSE_SECONDS = 10.0
_LONGEST_PAUSE_SECONDS = 120.0
_random = random.SystemRandom()


class HarborEventsTrigger(BaseEventTrigger):
    """Update the asset of a Harbor while events of it wait in the ledger's inbox.

    Its events carry nothing that anybody needs: Airflow may deliver them late, out of order or
    never, so it nudges again while rows wait, and whoever runs reads the inbox.

    Besides, it catches up: from Harbor's audit log where the robot may read it, else from new
    artifacts, and by sweeps, which find what neither tells (labels, and all that was lost). Two
    triggerers may do so at once for a short while: the inbox knows an event that comes twice.

    All arguments are plain values; Airflow starts the watcher anew when one changes.

    .. seealso::
        `Airflow's event-driven scheduling <https://airflow.apache.org/docs/apache-airflow/stable/
        authoring-and-scheduling/event-scheduling.html>`__, and docs/events.md.

    :param registry: Airflow connection of the Harbor.
    :param projects: patterns of the projects that policies look at, as ``[kind, pattern]``.
    :param labels: whether added labels are wanted, which only sweeps find.
    :param signatures: whether signatures are, which only sweeps find all of.
    """

    def __init__(
        self,
        *,
        registry: str,
        projects: list[list[str]],
        labels: bool = False,
        signatures: bool = False,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call] # untyped in Airflow
        self.registry = registry
        self.projects = projects
        self.labels = labels
        self.signatures = signatures

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return class path and arguments."""
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {
                "registry": self.registry,
                "projects": self.projects,
                "labels": self.labels,
                "signatures": self.signatures,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look into the inbox for ever, with catching up beside it."""
        threads = ThreadPoolExecutor(2, thread_name_prefix="preheat-events")
        catching_up = asyncio.create_task(self._catch_up(threads))
        try:
            async for waiting in self._nudges(threads):
                yield TriggerEvent({"registry": self.registry, "waiting": waiting})
        finally:
            catching_up.cancel()
            # A look at Harbor may take minutes more: nobody waits for it, least of all the loop.
            threads.shutdown(wait=False, cancel_futures=True)
            with suppress(asyncio.CancelledError):
                await catching_up

    async def _nudges(self, threads: ThreadPoolExecutor) -> AsyncIterator[int]:
        """Give the number of events that wait, each time that somebody should be told."""
        nudging, measured = Nudging(), Waiting(self.registry)
        loop = asyncio.get_running_loop()
        while True:
            try:
                due = await loop.run_in_executor(
                    threads, lambda: open_ledger().inbox.due(self.registry)
                )
            except Exception as error:  # noqa: BLE001 - a watcher that ended would be missed by nobody
                self._tell("look into the inbox", error)
                await asyncio.sleep(_LOOKS_PAUSE_SECONDS)
                continue
            measured.tell(due, datetime.now(UTC))
            if nudging.wants(due, time.monotonic()):
                self.log.info("%s of %s wait.", count_of(due.count, "event"), self.registry)
                yield due.count
            await asyncio.sleep(_LOOK_SECONDS)

    def _tell(self, what: str, error: Exception) -> None:
        """Log an error that is waited out; one that is not foreseen with all there is to see."""
        is_known = isinstance(error, (PreheatError, AirflowNotFoundException))
        self.log.warning("Cannot %s: %s", what, error, exc_info=None if is_known else error)

    async def _catch_up(self, threads: ThreadPoolExecutor) -> None:
        """Take turns for ever; a Harbor that does not answer is asked again, later and later."""
        wanted = Wanted(
            projects=tuple(Matcher(MatcherKind(kind), text) for kind, text in self.projects),
            labels=self.labels,
            signatures=self.signatures,
        )
        catching_up = CatchUp(self.registry, wanted)
        loop = asyncio.get_running_loop()
        failing = _HARBOR_PAUSE_SECONDS
        known: Connection | None = None
        client: HarborClient | None = None
        while True:
            try:
                connection = await shared_connection(self.registry)
                if client is None or connection != known:
                    client, known = HarborHook(self.registry).client(connection), connection
                pause = await loop.run_in_executor(threads, partial(_turn, catching_up, client))
                failing = _HARBOR_PAUSE_SECONDS
            except Exception as error:  # noqa: BLE001 - as above
                self._tell(f"catch up with {self.registry}", error)
                pause = failing
                failing = min(2 * failing, _LONGEST_PAUSE_SECONDS)
            for warning in catching_up.take_warnings():
                self.log.warning("%s", warning)
            await asyncio.sleep(pause * _random.uniform(0.8, 1.0))


def _turn(catching_up: CatchUp, client: HarborClient) -> float:
    """Take a turn in a thread, which opens the ledger there."""
    return catching_up.turn(client, open_ledger())
