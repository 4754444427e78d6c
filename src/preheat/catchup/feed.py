"""Catching up by Harbor's audit log, of all projects together.

A look is two requests: what time it is for Harbor, and the log; one more for each further hundred
events.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from preheat.catchup.caught import Caught
from preheat.catchup.cursors import cursor_name
from preheat.errors import UnexpectedAnswerError

if TYPE_CHECKING:
    from preheat.harbor.client import HarborClient
    from preheat.ledger import Ledger

__all__ = ["OVERLAP", "catch_up"]

OVERLAP = timedelta(seconds=120)
"""How late a row may come: rows are written after the deed, in an order of their own."""


def catch_up(client: HarborClient, ledger: Ledger, registry: str) -> Caught:
    """Put into the inbox what the audit log tells since the last time.

    The cursor ``audit:<registry>`` holds the moment of Harbor's clock up to which all was read, and
    the one at which reading began: history is not news. What lies ``OVERLAP`` behind the first is
    read again, and known again by its delivery. Each page is kept with its progress in one
    transaction, so that a week of silence, or a crash in its middle, loses nothing and costs no
    memory.

    :param client: of an account that :meth:`HarborClient.reads_audit_feed`.
    :raises RemoteError: if Harbor does not answer as it should; what was kept by then stays.
    """
    name = cursor_name("audit", registry)
    now = client.now()
    if now is None:
        raise UnexpectedAnswerError(f"{registry} does not tell the time", system="Harbor")
    known = ledger.inbox.cursor(name)
    if known is None:
        ledger.inbox.save_cursor(name, _kept(now, now))
        return Caught()
    # A clock that was set back must not leave us waiting for it to come where it was.
    reached, begun = (min(datetime.fromisoformat(text), now) for text in known)
    caught = Caught()
    for page in client.audit_pages(max(reached - OVERLAP, begun)):
        reached = max(reached, min(page.newest, now))
        received = ledger.inbox.receive(page.events, cursor=(name, _kept(reached, begun)))
        caught += Caught(received.new, received.repeated, page.warnings)
    ledger.inbox.save_cursor(name, _kept(now, begun))
    return caught


def _kept(reached: datetime, begun: datetime) -> list[str]:
    return [reached.isoformat(), begun.isoformat()]
