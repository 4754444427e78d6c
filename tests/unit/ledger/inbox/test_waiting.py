"""What waits in the inbox: from when on it is due, and what is taken up with it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy.event import listen, remove

from preheat.event import EventKind
from preheat.ledger import DueEvents, Handled, RunRef, events

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from preheat.event import HarborEvent
    from preheat.ledger import Ledger

    Pushed = Callable[..., HarborEvent]

RUN = RunRef("preheat_events", "asset__1")


def waiting(ledger: Ledger) -> list[str]:
    """Name the deliveries that are to be taken up."""
    return [one.event.delivery for one in ledger.inbox.waiting()]


def test_nothing_is_due_in_an_empty_inbox(ledger: Ledger) -> None:
    """Nobody is told of anything."""
    assert ledger.inbox.due() == DueEvents()
    assert ledger.inbox.waiting() == []


def test_a_push_is_due_at_once(ledger: Ledger, pushed: Pushed) -> None:
    """By Harbor, or of all of them together."""
    ledger.inbox.receive([pushed(), pushed("ce:2", registry="harbor_us"), pushed("ce:3", tag="2")])
    first, _, last = ledger.inbox.recent()

    assert ledger.inbox.due() == DueEvents(3, first.id, last.id, first.received_at)
    assert ledger.inbox.due("harbor_default").count == 2
    assert ledger.inbox.due("harbor_us").count == 1
    assert ledger.inbox.due("harbor_eu").count == 0


def test_children_of_an_index_wait_a_moment_for_it(
    ledger: Ledger, pushed: Pushed, pass_seconds: Callable[[float], None]
) -> None:
    """They come before it (recorded: webhook-push-index); one plan has them all."""
    children = [pushed(f"ce:{n}", tag="", digest=f"sha256:{n:064x}") for n in (2, 3)]
    ledger.inbox.receive(children)
    assert ledger.inbox.due().count == 0
    assert waiting(ledger) == []

    ledger.inbox.receive([pushed("ce:4")])
    assert ledger.inbox.due().count == 1
    assert waiting(ledger) == ["ce:2", "ce:3", "ce:4"]

    ledger.record_event_plans([], RUN, [Handled(ledger.inbox.recent()[-1].id)])
    assert waiting(ledger) == []
    pass_seconds(2)
    assert waiting(ledger) == ["ce:2", "ce:3"]


def test_a_deletion_waits_longer(
    ledger: Ledger, pushed: Pushed, pass_seconds: Callable[[float], None]
) -> None:
    """What is replaced is deleted and pushed again."""
    ledger.inbox.receive([pushed(kind=EventKind.DELETED)])
    pass_seconds(29)
    assert waiting(ledger) == []
    pass_seconds(1)
    assert waiting(ledger) == ["ce:1"]


def test_only_the_same_repository_of_the_same_harbor_is_taken_up_with_it(
    ledger: Ledger, pushed: Pushed
) -> None:
    """Everything else waits for its own time."""
    ledger.inbox.receive([
        pushed("ce:1", tag="", registry="harbor_us"),
        pushed("ce:2", tag="", repository="library/db"),
        pushed("ce:3", tag="", digest=f"sha256:{3:064x}"),
        pushed("ce:4"),
    ])

    assert waiting(ledger) == ["ce:3", "ce:4"]


def test_what_a_run_took_up_waits_no_more(ledger: Ledger, pushed: Pushed) -> None:
    """It can be read by what became of it."""
    ledger.inbox.receive([pushed(), pushed("ce:2", repository="library/db")])
    first, second = ledger.inbox.recent()

    ledger.record_event_plans([], RUN, [Handled(first.id, words="no policy looks at it")])

    assert waiting(ledger) == ["ce:2"]
    assert ledger.inbox.due().oldest_id == second.id
    (done,) = ledger.inbox.of_run(RUN.dag_id, RUN.run_id)
    assert done.words == "no policy looks at it"
    assert ledger.inbox.get([first.id, 999]) == [done]
    assert ledger.inbox.recent(handled=True) == [done]
    assert [one.id for one in ledger.inbox.recent(handled=False)] == [second.id]


def test_the_newest_events_are_read_in_parts(ledger: Ledger, pushed: Pushed) -> None:
    """From the last one back, or from one on; of one Harbor, or one repository."""
    names = ["library/app", "library/db"] * 3
    ledger.inbox.receive([pushed(f"ce:{n}", repository=r) for n, r in enumerate(names)])
    ids = [one.id for one in ledger.inbox.recent()]

    def found(**how: object) -> list[int]:
        return [one.id for one in ledger.inbox.recent(**how)]  # type: ignore[arg-type] # a test's

    assert found(limit=2) == ids[-2:]
    assert found(limit=2, before_id=ids[-2]) == ids[-4:-2]
    assert found(after_id=ids[3]) == ids[4:]
    assert found(repository="library/db") == ids[1::2]
    assert found(registry="harbor_us") == []


def test_ids_never_come_again(
    ledger: Ledger, pushed: Pushed, pass_seconds: Callable[[float], None]
) -> None:
    """Whoever remembers the last one looks only beyond it, also when all before is forgotten."""
    ledger.inbox.receive([pushed()])
    (first,) = ledger.inbox.recent()
    ledger.record_event_plans([], RUN, [Handled(first.id)])
    pass_seconds(100 * 24 * 3600)
    ledger.upkeep.prune(timedelta(days=90))

    ledger.inbox.receive([pushed()])

    (again,) = ledger.inbox.recent(after_id=first.id)
    assert again.id > first.id


def test_a_flood_from_one_harbor_does_not_keep_another_s_waiting(
    ledger: Ledger, pushed: Pushed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each has its own share of what is taken up at once, the longest due first."""
    monkeypatch.setattr(events, "MOST", 3)
    ledger.inbox.receive([pushed(f"ce:{n}", digest=f"sha256:{n:064x}") for n in range(5)])
    ledger.inbox.receive([pushed("us:1", registry="harbor_us")])

    assert waiting(ledger) == ["ce:0", "ce:1", "ce:2", "us:1"]


def test_what_waits_is_found_without_looking_at_what_does_not(
    ledger: Ledger, pushed: Pushed
) -> None:
    """The table keeps what was handled for months."""
    ledger.inbox.receive([pushed(), pushed("ce:2", tag="", digest=f"sha256:{2:064x}")])
    (first, _) = ledger.inbox.recent()
    ran: list[tuple[str, Any]] = []

    def note(*arguments: Any) -> None:
        ran.append((arguments[2], arguments[3]))

    listen(ledger._engine, "before_cursor_execute", note)
    assert waiting(ledger) == ["ce:1", "ce:2"]
    assert len(ledger.inbox.recent(handled=False)) == 2
    assert (
        len(ledger.inbox.recent(handled=False, registry="harbor_default", after_id=first.id)) == 1
    )
    remove(ledger._engine, "before_cursor_execute", note)

    if ledger._engine.dialect.name == "sqlite":
        with ledger._engine.connect() as connection:
            plans = [
                row.detail
                for statement, values in ran
                if "FROM event" in statement
                for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
            ]
        looks = [line for line in plans if line.startswith(("SCAN event", "SEARCH event"))]
        by_id = "SEARCH event USING INTEGER PRIMARY KEY (rowid=?)"
        assert len(looks) == 6
        assert [line for line in looks if "ix_event_waiting" not in line] == [by_id]
