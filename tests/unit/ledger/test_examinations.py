"""What the doctor saw, in the ledger: the last time it looked is never forgotten."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import func, select, update

from preheat.ledger import RunRef
from preheat.ledger.schema import examination

if TYPE_CHECKING:
    from preheat.ledger import Ledger

RETENTION = timedelta(days=90)


def seen(detail: str) -> dict[str, str]:
    """Make up what was seen of one thing."""
    return {"about": "eu-1", "check": "pool", "state": "ok", "detail": detail, "advice": ""}


def count(ledger: Ledger) -> int:
    """Count the examinations that are kept."""
    with ledger._engine.begin() as connection:
        return connection.scalars(select(func.count()).select_from(examination)).one()


def test_the_last_one_is_told_with_its_run_and_time(ledger: Ledger) -> None:
    """By the database's clock; before the first there is none."""
    assert ledger.upkeep.last_examination() is None
    before = ledger.upkeep.now()
    for run_id, detail in (("1", "a"), ("2", "b")):
        ledger.upkeep.record_examination(RunRef("preheat_upkeep", run_id, "doctor"), [seen(detail)])

    last = ledger.upkeep.last_examination()

    assert last is not None
    assert (last.run.dag_id, last.run.run_id) == ("preheat_upkeep", "2")
    assert last.observations == (seen("b"),)
    assert before <= last.seen_at <= ledger.upkeep.now()


def test_what_others_say_is_cut(ledger: Ledger) -> None:
    """A page of HTML in an answer fills no ledger, and PostgreSQL takes no NUL."""
    ledger.upkeep.record_examination(RunRef("d", "r"), [seen("x" * 9000), seen("a\x00b")])

    last = ledger.upkeep.last_examination()

    assert last is not None
    long, odd = (each["detail"] for each in last.observations)
    assert (len(long), long[-1]) == (2000, "…")
    assert odd == "a\ufffdb"


def test_old_ones_go_but_the_last_stays(ledger: Ledger) -> None:
    """However old it is: upkeep may have been paused, and it says how things stood."""
    for run_id in ("1", "2", "3"):
        ledger.upkeep.record_examination(RunRef("d", run_id), [seen(run_id)])
    past = ledger.upkeep.now() - RETENTION - timedelta(days=1)
    with ledger._engine.begin() as connection:
        connection.execute(update(examination).values(seen_at=past))

    ledger.upkeep.prune(RETENTION)

    last = ledger.upkeep.last_examination()
    assert count(ledger) == 1
    assert last is not None
    assert last.run.run_id == "3"


def test_young_ones_stay(ledger: Ledger) -> None:
    """Each hour brings one."""
    for run_id in ("1", "2"):
        ledger.upkeep.record_examination(RunRef("d", run_id), [])

    ledger.upkeep.prune(RETENTION)

    assert count(ledger) == 2
