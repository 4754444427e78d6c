"""Which events a person wants to see, and those that come while the person looks."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from preheat.cli.harbors import glob_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from preheat.ledger import StoredEvent
    from preheat.ledger.inbox import Inbox
    from preheat.policy.matchers import Matcher

__all__ = ["Wanted", "followed"]

_AT_ONCE = 1000


@dataclass(frozen=True)
class Wanted:
    """What to show.

    :param registry: of which Harbor; "" for all.
    :param repositories: which of its repositories; None for all.
    :param limit: how many of what is there already.
    """

    registry: str
    repositories: Matcher | None
    limit: int

    @classmethod
    def of(cls, registry: str, repository: str, limit: int) -> Wanted:
        """Read what a person typed.

        :raises InputError: when ``repository`` is no glob.
        """
        matcher = glob_of(repository, "--repository") if repository else None
        return cls(registry, matcher, limit)

    def newest(self, inbox: Inbox, *, before_id: int = 0) -> list[StoredEvent]:
        """Read the newest, the oldest of them first; those before one, or all."""
        found = filter(self.matches, self.back(inbox, before_id=before_id))
        return list(islice(found, self.limit))[::-1]

    def matches(self, one: StoredEvent) -> bool:
        """Whether it happened where a person wants to see it."""
        return self.repositories is None or self.repositories(one.event.repository)

    def back(self, inbox: Inbox, *, after_id: int = 0, before_id: int = 0) -> Iterator[StoredEvent]:
        """Read a Harbor's events from the last one back to one, whatever their repository."""
        while True:
            some = inbox.recent(
                after_id=after_id, before_id=before_id, limit=_AT_ONCE, registry=self.registry
            )
            yield from reversed(some)
            if len(some) < _AT_ONCE:
                return
            before_id = some[0].id


def followed(inbox: Inbox, wanted: Wanted, pause: Callable[[], object]) -> Iterator[StoredEvent]:
    """Give the newest events, then each that comes, and each again once a run has taken it up.

    :param pause: waits before the next look, or raises to end it.
    """
    waiting: set[int] = set()
    last = max((one.id for one in inbox.recent(limit=1)), default=0)
    new = wanted.newest(inbox, before_id=last + 1)
    while True:
        yield from new
        waiting.update(one.id for one in new if one.handled_at is None)
        pause()
        seen = inbox.get(waiting)
        yield from (one for one in seen if one.handled_at is not None)
        waiting = {one.id for one in seen if one.handled_at is None}
        come = list(wanted.back(inbox, after_id=last))[::-1]
        last = come[-1].id if come else last
        new = list(filter(wanted.matches, come))
