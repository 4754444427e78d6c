"""What lists may be narrowed to: projects and policies, looked up once in a while.

They change seldom, and to name them all of the placements are gone through.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from preheat.ledger.overview import Overview

__all__ = ["Choices", "Found"]

_KEPT_SECONDS = 30.0
_MOST_KEPT = 100


@dataclass(frozen=True, slots=True)
class Found:
    """What there is for those who may see the same."""

    projects: tuple[str, ...]
    policies: tuple[str, ...]


class Choices:
    """Remembers them for a while; safe in threads, of which two may look at the same time.

    :param clock: seconds that never go back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kept: OrderedDict[frozenset[str] | None, tuple[float, Found]] = OrderedDict()

    def of(self, overview: Overview, seen: frozenset[str] | None) -> Found:
        """Give what there is.

        :param seen: ids of the DAGs whose plans may be seen; None for all.
        """
        kept = self._kept.get(seen)
        if kept is not None and self._clock() < kept[0]:
            return kept[1]
        found = Found(tuple(overview.projects(seen)), tuple(overview.policies(seen)))
        self._kept[seen] = (self._clock() + _KEPT_SECONDS, found)
        if len(self._kept) > _MOST_KEPT:
            self._kept.popitem(last=False)
        return found
