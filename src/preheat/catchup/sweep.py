"""Catching up by a sweep: all that projects hold, compared with what they held last time.

The complete way, which needs no permission but to list: it finds what webhooks and audit log never
tell (labels), and whatever both lost. A request a hundred artifacts.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from typing import TYPE_CHECKING

from preheat.catchup.caught import Caught
from preheat.catchup.cursors import cursor_name
from preheat.catchup.glimpse import (
    Remembered,
    Seen,
    as_before,
    events_between,
    fingerprint_of,
    look_of,
)
from preheat.catchup.projects import of_each
from preheat.ledger import Glimpse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from preheat.event import HarborEvent
    from preheat.harbor.client import HarborClient
    from preheat.ledger import Ledger

__all__ = ["last_sweep", "sweep"]

_WAY = "sweep"


def sweep(
    client: HarborClient,
    ledger: Ledger,
    registry: str,
    projects: Sequence[Callable[[str], bool]],
    *,
    accessories: bool = False,
) -> Caught:
    """Put into the inbox what happened in these projects since they were swept last.

    The first sweep of a Harbor only remembers. Of a project that comes later, what was pushed since
    the last sweep is news. One transaction a project. A project that is not visible any more tells
    nothing: it may be gone, or not for this account.

    :param projects: accept names of projects.
    :param accessories: whether signatures are looked for.
    :raises RemoteError: if Harbor does not answer as it should: the first such error, after all
        other projects were swept. What they brought stays, and the sweep counts as not finished. A
        project that Harbor refuses is a warning.
    """
    started = client.now()
    since = last_sweep(ledger, registry)
    known: dict[str, dict[str, str]] = defaultdict(dict)
    for repository, fingerprint in ledger.inbox.glimpses(registry).items():
        known[repository.partition("/")[0]][repository] = fingerprint

    def swept(project: str) -> Caught:
        one = _Sweep(client, ledger, registry, project, since)
        return one.run(known[project], accessories=accessories)

    caught, failure = of_each((one.name for one in client.projects(projects)), swept)
    if failure is not None:
        raise failure
    if started is not None:
        ledger.inbox.save_cursor(cursor_name(_WAY, registry), started.isoformat())
    return caught


def last_sweep(ledger: Ledger, registry: str) -> datetime | None:
    """Tell when the last sweep that was finished began, by Harbor's clock; None for never."""
    known = ledger.inbox.cursor(cursor_name(_WAY, registry))
    return datetime.fromisoformat(known) if known else None


class _Sweep:
    """The sweep of one project.

    :param since: when this Harbor was swept last.
    """

    def __init__(
        self,
        client: HarborClient,
        ledger: Ledger,
        registry: str,
        project: str,
        since: datetime | None,
    ) -> None:
        self.client = client
        self.ledger = ledger
        self.registry = registry
        self.project = project
        self.since = since
        self.events: list[HarborEvent] = []
        self.glimpses: list[Glimpse] = []
        self.emptied: list[str] = []

    def run(self, known: Mapping[str, str], *, accessories: bool) -> Caught:
        """Compare and remember.

        :param known: fingerprints of the project's repositories.
        """
        swept = cursor_name(_WAY, self.registry, self.project)
        is_new = not known and self.ledger.inbox.cursor(swept) is None
        listed = self._listed(accessories=accessories)
        for name in sorted({*known, *listed}):
            self._compare(name, listed.get(name, {}), known.get(name), is_new=is_new)
        caught = Caught()
        if self.glimpses or self.emptied:
            received = self.ledger.inbox.record_sweep(
                self.registry, self.glimpses, self.events, gone=self.emptied
            )
            caught = Caught(received.new, received.repeated)
        if is_new:
            self.ledger.inbox.save_cursor(swept, "swept")
        return caught

    def _compare(
        self, name: str, now: Mapping[str, Seen], known: str | None, *, is_new: bool
    ) -> None:
        """Note what happened in one repository, and what it looks like now."""
        looks = {digest: seen.look for digest, seen in now.items()}
        fingerprint = fingerprint_of(looks)
        if fingerprint == known:
            return
        before = self._before(name, now, is_new=is_new)
        gone = self._gone(name, before, looks)
        self.events.extend(events_between(self.registry, name, before, now, gone))
        if looks:
            content = Remembered(looks, before.revision + 1).as_data()
            self.glimpses.append(Glimpse(name, fingerprint, content))
        else:
            self.emptied.append(name)

    def _listed(self, *, accessories: bool) -> dict[str, dict[str, Seen]]:
        """List the project: what is compared of each artifact, by repository and digest."""
        found: dict[str, dict[str, Seen]] = defaultdict(dict)
        for artifact in self.client.project_artifacts(
            self.project, labels=True, accessories=accessories
        ):
            found[artifact.full_name][artifact.digest] = look_of(artifact)
        return found

    def _before(self, name: str, now: Mapping[str, Seen], *, is_new: bool) -> Remembered:
        if is_new:
            return Remembered(as_before(now, self.since))
        kept = self.ledger.inbox.glimpse(self.registry, name)
        return Remembered.from_data(kept.content) if kept else Remembered({})

    def _gone(self, name: str, before: Remembered, looks: Mapping[str, object]) -> set[str]:
        """Tell which artifacts were deleted, and not only hidden behind an index."""
        missing = before.looks.keys() - looks.keys()
        return missing - self.client.still_has(name, missing) if missing else set()
