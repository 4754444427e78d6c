"""Each HTTP exchange with Harbor or Dragonfly, counted and traced."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from preheat.provider import metrics
from preheat.provider.tracing import span

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from preheat.transport.observing import Observer

__all__ = ["observing"]

_NO_ANSWER = "none"


def observing(system: str, base_url: str) -> Observer:
    """Make the observer of a transport.

    :param system: ``Harbor`` or ``Dragonfly``.
    :param base_url: of which the host is told, and nothing else.
    """
    host = urlsplit(base_url).hostname or ""

    @contextmanager
    def observe(method: str) -> Iterator[Callable[[int], None]]:
        status = _NO_ANSWER
        began = time.monotonic()
        with span("request", method=method, system=system, host=host) as note:

            def answered(code: int) -> None:
                nonlocal status
                status = f"{code // 100}xx"
                note(status=code)

            try:
                yield answered
            finally:
                metrics.REQUESTS.tell(1, system=system, status=status)
                metrics.REQUEST_SECONDS.tell(time.monotonic() - began, system=system)

    return observe
