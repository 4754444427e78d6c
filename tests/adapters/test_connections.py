"""Hundreds of triggers in one process look a connection up once."""

from __future__ import annotations

import asyncio
import time

import pytest
from airflow.sdk import BaseHook, Connection

from preheat.provider import connections
from preheat.provider.connections import KEPT_SECONDS, shared_connection


class Lookups:
    """Airflow's own lookup, counted: it goes to the triggerer's parent, one after the other."""

    def __init__(self) -> None:
        self.count = 0
        self.fails = False

    async def __call__(self, conn_id: str) -> Connection:
        """Answer as Airflow does."""
        self.count += 1
        await asyncio.sleep(0)
        if self.fails:
            message = f"no {conn_id}"
            raise LookupError(message)
        return Connection(conn_id=conn_id, conn_type="harbor", host=f"h{self.count}")


@pytest.fixture
def lookups(monkeypatch: pytest.MonkeyPatch) -> Lookups:
    """Stand in for Airflow's side of the lookup."""
    connections._lookups.clear()
    counted = Lookups()
    monkeypatch.setattr(BaseHook, "aget_connection", counted)
    return counted


def test_many_triggers_ask_once(lookups: Lookups) -> None:
    """What is under way or fresh is shared; another connection is another lookup."""

    async def ask() -> list[Connection]:
        wanted = ["harbor_default"] * 50 + ["dragonfly_default"]
        return await asyncio.gather(*map(shared_connection, wanted))

    found = asyncio.run(ask())

    assert lookups.count == 2
    assert {connection.conn_id for connection in found} == {"harbor_default", "dragonfly_default"}


def test_an_old_answer_is_looked_up_again(
    lookups: Lookups, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A changed connection reaches running triggers within half a minute."""

    async def ask_twice() -> tuple[str | None, str | None]:
        first = await shared_connection("harbor_default")
        later = time.monotonic() + KEPT_SECONDS + 1
        monkeypatch.setattr(connections.time, "monotonic", lambda: later)
        return first.host, (await shared_connection("harbor_default")).host

    assert asyncio.run(ask_twice()) == ("h1", "h2")


def test_a_failed_lookup_is_not_kept(lookups: Lookups) -> None:
    """The next trigger asks again."""

    async def ask() -> str | None:
        lookups.fails = True
        with pytest.raises(LookupError):
            await shared_connection("harbor_default")
        lookups.fails = False
        return (await shared_connection("harbor_default")).host

    assert asyncio.run(ask()) == "h2"


def test_one_cancelled_trigger_does_not_fail_the_others(lookups: Lookups) -> None:
    """They wait for the same lookup, and it goes on."""

    async def ask() -> str | None:
        first = asyncio.create_task(shared_connection("harbor_default"))
        second = asyncio.create_task(shared_connection("harbor_default"))
        await asyncio.sleep(0)
        first.cancel()
        return (await second).host

    assert asyncio.run(ask()) == "h1"
