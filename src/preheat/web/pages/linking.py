"""Where Harbor and Dragonfly show what a page speaks of, as the buttons of tasks make it.

Whoever cannot read a connection gets no link; that is no error of the page.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from preheat.errors import PreheatError
from preheat.provider.doors import Doors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from preheat.ledger import Attempt, Ledger, StoredPlacement

__all__ = ["harbor_links", "job_links"]

log = logging.getLogger(__name__)


def harbor_links(ledger: Ledger, found: Iterable[StoredPlacement]) -> dict[str, str]:
    """Give the address of an image in each Harbor that its placements come from; blocking."""
    doors = Doors(ledger)
    links = {}
    for placement in found:
        key, registry = placement.key, placement.settings.registry
        if registry not in links:
            links[registry] = _tried(
                registry,
                lambda registry=registry, key=key: (  # type: ignore[misc] # bound for the loop
                    doors.harbor(registry).artifact_url(key.repository, key.digest)
                ),
            )
    return {registry: link for registry, link in links.items() if link}


def job_links(
    ledger: Ledger, attempts: Iterable[Attempt], placements: dict[int, StoredPlacement]
) -> dict[int, str]:
    """Give the address of each attempt's job at its Dragonfly manager, by attempt id; blocking."""
    doors = Doors(ledger)
    links: dict[int, str] = {}
    lost: set[str] = set()
    for attempt in attempts:
        settings = placements[attempt.placement_id].settings
        if attempt.job_id is None or settings.connection in lost:
            continue
        job_id = attempt.job_id
        link = _tried(settings.connection, lambda s=settings, j=job_id: doors.driver(s).job_url(j))  # type: ignore[misc] # bound for the loop
        if link:
            links[attempt.id] = link
        else:
            lost.add(settings.connection)
    return links


def _tried(conn_id: str, make: Callable[[], str]) -> str:
    try:
        return make()
    except PreheatError as error:
        log.info("No links by the connection %s: %s", conn_id, error)
    except Exception as error:  # noqa: BLE001 - what somebody else's secrets backend raises
        log.info("No links by the connection %s: %s", conn_id, type(error).__name__)
    return ""
