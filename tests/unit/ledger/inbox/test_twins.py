"""Twins: what a webhook, the audit log and a sweep tell of one push is one event."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from preheat.event import EventKind, EventSource
from preheat.ledger import Received

if TYPE_CHECKING:
    from collections.abc import Callable

    from preheat.event import HarborEvent
    from preheat.ledger import Ledger

    Pushed = Callable[..., HarborEvent]

OTHER = f"sha256:{2:064x}"
SECOND = timedelta(seconds=1)


def audit(pushed: Pushed, delivery: str = "audit:1", **changes: Any) -> HarborEvent:
    """Tell the push as the audit log does (recorded: auditlog-ext-push)."""
    values = {"source": EventSource.AUDIT, "type": "create_artifact", **changes}
    return pushed(delivery, **values)


def swept(pushed: Pushed, delivery: str = "sweep:1", **changes: Any) -> HarborEvent:
    """Tell the tag as a sweep does that finds it."""
    values = {
        "source": EventSource.SWEEP,
        "kind": EventKind.TAG_ADDED,
        "type": "",
        "operator": "",
        **changes,
    }
    return pushed(delivery, **values)


def test_a_push_that_all_three_tell_is_one(ledger: Ledger, pushed: Pushed) -> None:
    """The first to tell has the row, the others are named in it; each may tell it again.

    Only the webhook's repeat counts: who catches up reads the same again on purpose.
    """
    late = audit(pushed, occurred_at=pushed().occurred_at + SECOND * 0.7)
    told = [pushed(), late, swept(pushed, occurred_at=pushed().occurred_at)]
    for event in told:
        ledger.inbox.receive([event])

    assert ledger.inbox.receive(told[::-1]) == Received(repeated=3)

    (one,) = ledger.inbox.recent()
    assert one.event == pushed()
    assert one.sources == (EventSource.WEBHOOK, EventSource.AUDIT, EventSource.SWEEP)
    assert one.repeats == 1


def test_who_comes_first_does_not_matter(ledger: Ledger, pushed: Pushed) -> None:
    """A webhook may come minutes after the audit log (recorded: webhook-latency)."""
    ledger.inbox.receive([audit(pushed)])

    assert ledger.inbox.receive([pushed()]) == Received(repeated=1)

    (one,) = ledger.inbox.recent()
    assert one.sources == (EventSource.AUDIT, EventSource.WEBHOOK)


@pytest.mark.parametrize(
    "change",
    [
        {"registry": "harbor_us"},
        {"repository": "library/app-2"},
        {"digest": OTHER},
        {"tag": "1.1"},
        {"tag": ""},
        {"kind": EventKind.SCANNED},
        {"kind": EventKind.DELETED},
        {"shift": 2.1},
        {"shift": -2.1},
        {"occurred_at": None},
        {"source": EventSource.WEBHOOK},
    ],
)
def test_what_differs_is_another(ledger: Ledger, pushed: Pushed, change: dict[str, Any]) -> None:
    """Also the same a moment later: another push of the same image is one more."""
    ledger.inbox.receive([pushed()])
    if shift := change.pop("shift", None):
        change["occurred_at"] = pushed().occurred_at + shift * SECOND

    assert ledger.inbox.receive([audit(pushed, **change)]) == Received(new=1)


def test_two_pushes_close_together_stay_two(ledger: Ledger, pushed: Pushed) -> None:
    """One way tells one push once: each finds the telling that is nearest and still free."""
    start = pushed().occurred_at
    times = (start, start + SECOND)
    ledger.inbox.receive([pushed(f"ce:{n}", occurred_at=t) for n, t in enumerate(times)])

    told = [audit(pushed, f"audit:{n}", occurred_at=t) for n, t in enumerate(times)]
    assert ledger.inbox.receive(told) == Received(repeated=2)
    third = audit(pushed, "audit:2", occurred_at=start + 0.5 * SECOND)
    assert ledger.inbox.receive([third]) == Received(new=1)

    assert [one.also for one in ledger.inbox.recent()] == [(EventSource.AUDIT,)] * 2 + [()]


def test_a_tag_set_by_api_has_no_digest_in_the_audit_log(ledger: Ledger, pushed: Pushed) -> None:
    """It is the tag that a sweep finds with its digest (recorded: auditlog-ext-tag)."""
    by_api = audit(pushed, kind=EventKind.TAG_ADDED, digest="", type="create_tag")
    ledger.inbox.receive([by_api])

    again = swept(pushed, occurred_at=pushed().occurred_at + 0.1 * SECOND)
    assert ledger.inbox.receive([again]) == Received(repeated=1)
    moved = swept(pushed, "sweep:2", digest=OTHER, occurred_at=pushed().occurred_at + 9 * SECOND)
    assert ledger.inbox.receive([moved]) == Received(new=1)


def test_a_push_is_no_tag_that_was_set_by_api(ledger: Ledger, pushed: Pushed) -> None:
    """No webhook tells of those (recorded: webhook-tag-by-api), so it tells something else."""
    by_api = audit(pushed, kind=EventKind.TAG_ADDED, digest="", type="create_tag")

    assert ledger.inbox.receive([by_api]) == Received(new=1)
    assert ledger.inbox.receive([pushed()]) == Received(new=1)


def test_a_deletion_is_told_with_a_tag_and_without(ledger: Ledger, pushed: Pushed) -> None:
    """Source: recorded webhook-delete-artifact, auditlog-ext-delete."""
    gone = EventKind.DELETED
    ledger.inbox.receive([pushed(kind=gone)])

    assert ledger.inbox.receive([audit(pushed, kind=gone, tag="")]) == Received(repeated=1)
    other = audit(pushed, "audit:2", kind=gone, tag="", digest=OTHER)
    assert ledger.inbox.receive([other]) == Received(new=1)


def test_a_signature_is_told_by_the_tag_that_it_has_or_without(
    ledger: Ledger, pushed: Pushed
) -> None:
    """What was signed is what counts (recorded: webhook-push-signature)."""
    ledger.inbox.receive([pushed(kind=EventKind.SIGNED, tag="sha256-00.sig")])

    again = audit(pushed, kind=EventKind.SIGNED, tag="")
    assert ledger.inbox.receive([again]) == Received(repeated=1)


def test_untagged_pushes_are_told_by_their_digest(ledger: Ledger, pushed: Pushed) -> None:
    """Children of an index come so (recorded: webhook-push-index)."""
    ledger.inbox.receive([pushed(tag="")])

    assert ledger.inbox.receive([audit(pushed, tag="")]) == Received(repeated=1)
    assert ledger.inbox.receive([audit(pushed, "audit:2", tag="", digest=OTHER)]).new == 1


@pytest.mark.parametrize("when", [None, -3600.0, 1.0])
def test_a_sweep_that_finds_what_was_told_tells_nothing_new(
    ledger: Ledger, pushed: Pushed, when: float | None
) -> None:
    """It tells no time, or that at which the tag was set: a later push moves no tag."""
    ledger.inbox.receive([pushed()])
    time = None if when is None else pushed().occurred_at + when * SECOND

    assert ledger.inbox.receive([swept(pushed, occurred_at=time)]) == Received(repeated=1)


@pytest.mark.parametrize("when", [None, 9.0])
def test_a_sweep_that_finds_a_tag_moved_back_tells_something_new(
    ledger: Ledger, pushed: Pushed, when: float | None
) -> None:
    """What was told of the move back got lost; the state was told before, and undone since."""
    ledger.inbox.receive([pushed(), pushed("ce:2", digest=OTHER)])
    time = None if when is None else pushed().occurred_at + when * SECOND

    assert ledger.inbox.receive([swept(pushed, occurred_at=time)]) == Received(new=1)


def test_a_sweep_that_finds_a_tag_set_anew_tells_something_new(
    ledger: Ledger, pushed: Pushed
) -> None:
    """The tag was away meanwhile, and nobody told; its own time says so."""
    ledger.inbox.receive([pushed()])
    later = swept(pushed, occurred_at=pushed().occurred_at + 9 * SECOND)

    assert ledger.inbox.receive([later]) == Received(new=1)


def test_a_sweep_that_finds_what_was_deleted_tells_something_new(
    ledger: Ledger, pushed: Pushed
) -> None:
    """It is there again."""
    gone = pushed("ce:2", kind=EventKind.DELETED, tag="")
    ledger.inbox.receive([pushed(), gone])

    assert ledger.inbox.receive([swept(pushed, occurred_at=None)]) == Received(new=1)


def test_what_was_told_days_ago_a_sweep_tells_anew(
    ledger: Ledger, pushed: Pushed, pass_seconds: Callable[[float], None]
) -> None:
    """Too much may have happened unheard."""
    ledger.inbox.receive([pushed()])
    pass_seconds(25 * 3600)

    assert ledger.inbox.receive([swept(pushed, occurred_at=None)]) == Received(new=1)


def test_the_audit_log_may_tell_weeks_later(
    ledger: Ledger, pushed: Pushed, pass_seconds: Callable[[float], None]
) -> None:
    """Webhooks were heard while catching up stood still."""
    ledger.inbox.receive([pushed()])
    pass_seconds(14 * 24 * 3600)

    assert ledger.inbox.receive([audit(pushed)]) == Received(repeated=1)


def test_two_sweeps_that_read_the_same_time_saw_the_same(ledger: Ledger, pushed: Pushed) -> None:
    """New artifacts are listed more often than all is looked at, and both tell as sweeps."""
    listed = swept(pushed, "artifact:7", kind=EventKind.PUSHED)
    ledger.inbox.receive([listed])

    assert ledger.inbox.receive([swept(pushed)]) == Received(repeated=1)
    later = swept(pushed, "sweep:2", occurred_at=pushed().occurred_at + SECOND)
    assert ledger.inbox.receive([later]) == Received(new=1)


@pytest.mark.parametrize("kind", [EventKind.LABEL_ADDED, EventKind.SCANNED, EventKind.SIGNED])
def test_a_sweep_that_finds_another_label_or_scan_tells_something_new(
    ledger: Ledger, pushed: Pushed, kind: EventKind
) -> None:
    """The image has the same digest and tag with each label that it gets."""
    ledger.inbox.receive([pushed(kind=kind), swept(pushed, "sweep:1", kind=kind, occurred_at=None)])

    found = swept(pushed, "sweep:2", kind=kind, occurred_at=None)
    assert ledger.inbox.receive([found]) == Received(new=1)
