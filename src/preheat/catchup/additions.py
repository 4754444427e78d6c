"""Catching up by new artifacts, where there is no audit log: a request for each project.

Tags that move, labels and deletions are not seen this way: sweeps find them.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from preheat.catchup.caught import Caught
from preheat.catchup.cursors import cursor_name
from preheat.catchup.feed import OVERLAP
from preheat.catchup.projects import of_each
from preheat.event import EventKind, EventSource, HarborEvent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from preheat.artifact import Artifact
    from preheat.harbor.client import HarborClient
    from preheat.ledger import Ledger

__all__ = ["new_artifacts"]

OVERLAP_IDS = 100
"""Ids are handed out before rows are committed, and tags come after their artifacts."""

STALE = timedelta(hours=1)
"""After so long we begin anew: a sweep is due then, and finds what was pushed meanwhile."""


def new_artifacts(
    client: HarborClient,
    ledger: Ledger,
    registry: str,
    projects: Sequence[Callable[[str], bool]],
) -> Caught:
    """Put into the inbox what was pushed with a tag since the last time.

    The cursor of each project holds the highest id seen, and the one at which we began. The first
    time it only begins, and again after ``STALE``; of a project that comes later, what was pushed
    since the last look at this Harbor is new.

    :param client: of Harbor 2.12 or newer (:meth:`HarborClient.has_project_listing`).
    :param projects: accept names of projects.
    :raises RemoteError: if Harbor does not answer as it should: the first such error, after all
        other projects were looked at. A project that it refuses is a warning.
    """
    name = cursor_name("added", registry)
    now = client.now()
    known = ledger.inbox.cursor(name)
    since = datetime.fromisoformat(known) if known else None
    if since is not None:
        since = since - OVERLAP if now is None or now - since < STALE else None

    def looked(project: str) -> Caught:
        return _of_project(client, ledger, project, since)

    caught, failure = of_each((one.name for one in client.projects(projects)), looked)
    # Also after a failure: the project has a cursor of its own, which stays where it is, and the
    # others must not become stale because of it.
    if now is not None:
        ledger.inbox.save_cursor(name, now.isoformat())
    if failure is not None:
        raise failure
    return caught


def _of_project(
    client: HarborClient, ledger: Ledger, project: str, since: datetime | None
) -> Caught:
    name = cursor_name("added", client.registry, project)
    known = ledger.inbox.cursor(name) if since else None
    if since is None:
        newest = client.newest_artifact_id(project)
        ledger.inbox.save_cursor(name, [newest, newest])
        return Caught()
    # All that has an id up to the second was there when we began.
    last, begun = known or (0, None)
    caught = Caught()
    for artifacts in client.added_artifacts(
        project, max(last - OVERLAP_IDS, (begun or 0) + 1), since if known is None else None
    ):
        last = max(last, artifacts[-1].id)
        begun = artifacts[0].id - 1 if begun is None else begun
        events = [event for artifact in artifacts for event in _events(artifact)]
        received = ledger.inbox.receive(events, cursor=(name, [last, begun]))
        caught += Caught(received.new, received.repeated)
    if begun is None:
        newest = client.newest_artifact_id(project)
        ledger.inbox.save_cursor(name, [newest, newest])
    return caught


def _events(artifact: Artifact) -> Iterator[HarborEvent]:
    for tag in artifact.tags:
        yield HarborEvent(
            artifact.registry,
            # The digest too: a Harbor that was restored from a backup gives its ids a second time.
            f"artifact:{artifact.id}:{artifact.digest[-12:]}:{tag.name}",
            EventSource.SWEEP,
            EventKind.PUSHED,
            repository=artifact.full_name,
            digest=artifact.digest,
            tag=tag.name,
            occurred_at=tag.push_time or artifact.push_time,
        )
