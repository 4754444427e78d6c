"""Twins: two ways that tell the same. Pure.

One push is told by a webhook, by the audit log and by a sweep. Whoever mistakes two things for one
misses an image, whoever mistakes one for two only plans once more: so what is doubtful is no twin.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from preheat.event import EventKind, EventSource

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from preheat.event import HarborEvent

__all__ = ["AT_MOST", "Telling", "Told", "find"]

AT_MOST = timedelta(seconds=2)
"""How far apart the times of one deed are: webhooks have whole seconds, the audit log and tags
milliseconds of their own (recorded: webhook-push-artifact, auditlog-ext-push)."""

_TAGGING = frozenset({EventKind.PUSHED, EventKind.TAG_ADDED})


@dataclass(frozen=True, slots=True)
class Telling:
    """That one way told it.

    :param delivery: and ``occurred_at``: as that way has them.
    """

    source: EventSource
    delivery: str
    occurred_at: datetime | None = None


@dataclass(slots=True)
class Told:
    """An event that the inbox has.

    :ivar tellings: the first is its own.
    """

    id: int
    kind: EventKind
    digest: str
    tag: str
    received_at: datetime
    tellings: list[Telling]

    @property
    def occurred_at(self) -> datetime | None:
        """As it was told first."""
        return self.tellings[0].occurred_at


def find(event: HarborEvent, near: Sequence[Told], *, since: datetime) -> Told | None:
    """Find what tells the same as an event does, by another way or once more by the same.

    :param near: what the inbox has of its repository with its digest, or with none and its tag; for
        a sweep, also what it has of its tag since then.
    :param since: what a sweep tells may be known from then on.
    """
    for one in near:
        if any(_is_again(event, telling) for telling in one.tellings):
            return one
    same = [one for one in near if _tells_same(event, one) and _is_free(event, one)]
    close = [(apart, one.id, one) for one in same if (apart := _apart(event, one)) <= AT_MOST]
    if close:
        return min(close)[2]
    return _state_before(event, near, since)


def _is_again(event: HarborEvent, telling: Telling) -> bool:
    return (telling.source, telling.delivery) == (event.source, event.delivery)


def _tells_same(event: HarborEvent, one: Told) -> bool:
    """Whether both could be about one deed, whenever it was."""
    same_digest = event.digest == one.digest
    # A sweep cannot tell a tag that was pushed from one that was set; the others can.
    is_kind = one.kind is event.kind or EventSource.SWEEP in {event.source, one.tellings[0].source}
    if event.kind in _TAGGING and event.tag:
        # Whoever sets a tag by API tells the audit log no digest (recorded: auditlog-ext-tag).
        is_known = same_digest or not (event.digest and one.digest)
        return is_kind and one.kind in _TAGGING and event.tag == one.tag and is_known
    if event.digest and event.kind in {EventKind.DELETED, EventKind.SIGNED}:
        # A webhook names a tag of what is gone, the audit log does not (recorded:
        # webhook-delete-artifact, auditlog-ext-delete).
        return one.kind is event.kind and same_digest
    return one.kind is event.kind and same_digest and event.tag == one.tag


def _is_free(event: HarborEvent, one: Told) -> bool:
    """Whether this way has not told it yet: one way tells two deeds by two deliveries.

    But sweeps: two of them that read the same time off Harbor read it of the same deed.
    """
    return not any(
        telling.source is event.source
        and not (
            event.source is EventSource.SWEEP
            and event.occurred_at is not None
            and telling.occurred_at == event.occurred_at
        )
        for telling in one.tellings
    )


def _apart(event: HarborEvent, one: Told) -> timedelta:
    if event.occurred_at is None or one.occurred_at is None:
        return timedelta.max
    return abs(event.occurred_at - one.occurred_at)


def _state_before(event: HarborEvent, near: Sequence[Told], since: datetime) -> Told | None:
    """Find the telling of the state that a sweep found, if nothing that was told since undid it.

    A tag that was set again later has a later time, so what is later than the telling is new.
    """
    if event.source is not EventSource.SWEEP or event.kind not in _TAGGING or not event.tag:
        return None
    about = [
        one
        for one in near
        if one.received_at >= since
        and (one.tag == event.tag or (one.kind is EventKind.DELETED and one.digest == event.digest))
        and one.kind in _TAGGING | {EventKind.DELETED}
    ]
    last = max(about, key=lambda one: one.id, default=None)
    if last is None or not _shows(last, event) or not _is_free(event, last):
        return None
    if event.occurred_at is None:
        return last if all(_shows(one, event) for one in about) else None
    is_known = last.occurred_at is not None and event.occurred_at <= last.occurred_at + AT_MOST
    return last if is_known else None


def _shows(one: Told, event: HarborEvent) -> bool:
    """Whether it told that the event's tag stands for the event's digest."""
    return one.kind in _TAGGING and one.tag == event.tag and one.digest == event.digest != ""
