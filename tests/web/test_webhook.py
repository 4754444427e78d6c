"""Harbor's deliveries over HTTP: durable before they are answered, each once."""

from __future__ import annotations

import json
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from tests.web.conftest import DEFAULT, SECRET, Receiver, delivery

from preheat.event import EventKind, EventSource
from preheat.ledger import Ledger
from preheat.provider import config
from preheat.web import webhook

if TYPE_CHECKING:
    import pytest

RECORDED = Path(__file__).parents[1] / "data" / "recorded" / "harbor"


def test_every_recorded_delivery_is_taken(receiver: Receiver) -> None:
    """As they came from a real Harbor, header for header; twice is once (recorded: webhook-*)."""
    counts = {"received": 0, "repeated": 0, "ignored": 0}
    again = dict(counts)
    sent = 0
    for found in (counts, again):
        for file in sorted(RECORDED.glob("webhook-*.json")):
            for one in json.loads(file.read_text("utf-8")).get("deliveries", []):
                request = one["request"]
                answer = receiver.post(
                    request["body"].encode(),
                    request["headers"]["Content-Type"],
                    **{
                        name: request["headers"][name]
                        for name in ("User-Agent", "Accept-Encoding", "Content-Length")
                    },
                )
                assert answer.status_code == 202, answer.text
                for name, count in answer.json().items():
                    found[name] += count
                sent += 1
    assert sent == 2 * 50
    assert counts["received"] == len(receiver.events()) > 15
    assert again["received"] == 0
    assert again["repeated"] == counts["received"] + counts["repeated"]
    assert again["ignored"] == counts["ignored"] == 10
    told = {row.type: row.count for row in receiver.ledger.inbox.ignored()}
    assert told["TAG_RETENTION"] == told["harbor.artifact.pulled"] / 2 == 2


def test_the_answer_comes_when_the_events_are_durable(receiver: Receiver) -> None:
    """Another process can read them, and knows from where they came."""
    answer = receiver.post(delivery(7))
    assert (answer.status_code, answer.json()) == (
        202,
        {"received": 1, "repeated": 0, "ignored": 0},
    )
    with Ledger.open(receiver.ledger_url) as elsewhere:
        (stored,) = elsewhere.inbox.recent()
    event = stored.event
    assert (event.registry, event.source, event.kind) == (
        "harbor_default",
        EventSource.WEBHOOK,
        EventKind.PUSHED,
    )
    assert (event.repository, event.digest, event.tag) == ("team/app-7", f"sha256:{7:064x}", "v1")
    assert event.delivery == f"ce:{delivery(7)['id']}"


def test_a_replay_changes_nothing(receiver: Receiver) -> None:
    """Harbor repeats, and so may anybody who heard it (recorded: webhook-retries)."""
    answers = [receiver.post(delivery(1)).json() for _ in range(5)]
    assert [answer["received"] for answer in answers] == [1, 0, 0, 0, 0]
    assert [answer["repeated"] for answer in answers] == [0, 1, 1, 1, 1]
    (stored,) = receiver.events()
    assert stored.repeats == 4


def test_the_same_of_two_harbors_is_two_events(receiver: Receiver) -> None:
    """A connection's events are its own."""
    receiver.connect("harbor_two", webhook_authorization=f"{SECRET}-2")
    assert receiver.post(delivery()).json()["received"] == 1
    second = receiver.post(delivery(), conn_id="harbor_two", authorization=f"{SECRET}-2")
    assert second.json()["received"] == 1
    assert sorted(one.event.registry for one in receiver.events()) == [
        "harbor_default",
        "harbor_two",
    ]


def test_unknown_types_are_acknowledged_and_counted(receiver: Receiver) -> None:
    """Or Harbor would repeat what nobody wants."""
    body = {"type": "ARTIFACT_FOLDED", "occur_at": 1795492876, "operator": "x", "event_data": None}
    answer = receiver.post(body, DEFAULT)
    assert (answer.status_code, answer.json()["ignored"]) == (202, 1)
    assert receiver.events() == []
    assert [row.type for row in receiver.ledger.inbox.ignored()] == ["ARTIFACT_FOLDED"]


def test_many_at_once_are_each_told_their_own(receiver: Receiver) -> None:
    """They share commits, and none another's counts."""
    numbers = [*range(60), *range(20)]

    def told(number: int) -> tuple[int, int]:
        answer = receiver.post(delivery(number)).json()
        return answer["received"], answer["repeated"]

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(told, numbers))
    assert len(receiver.events()) == 60
    assert sorted(answers) == [(0, 1)] * 20 + [(1, 0)] * 60


def test_nothing_is_lost_while_the_ledger_is_locked(
    receiver: Receiver, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Harbor hears 503 in time and repeats; then all is there, once."""
    monkeypatch.setattr(webhook, "_LEDGER_SECONDS", 0.5)
    assert receiver.post(delivery(0)).status_code == 202
    lock = sqlite3.connect(receiver.ledger_url.removeprefix("sqlite:///"), isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    began = time.monotonic()
    refused = [receiver.post(delivery(number)) for number in range(1, 4)]
    assert time.monotonic() - began < 3
    lock.execute("COMMIT")
    lock.close()
    assert [answer.status_code for answer in refused] == [503] * 3
    assert {answer.headers["Retry-After"] for answer in refused} == {"15"}
    assert "503, The ledger takes too long." in caplog.text
    assert [receiver.post(delivery(number)).status_code for number in range(1, 4)] == [202] * 3
    assert sorted(one.event.repository for one in receiver.events()) == [
        f"team/app-{number}" for number in range(4)
    ]


def test_nothing_is_lost_while_the_ledger_is_away(
    receiver: Receiver, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The caller is not told where it is; the log is."""
    (tmp_path / "not").touch()
    config._opened.popitem()[1].close()
    receiver.environment.setenv(
        "AIRFLOW__PREHEAT__LEDGER_URL", f"sqlite:///{tmp_path}/not/there/preheat.db"
    )
    answer = receiver.post(delivery())
    assert (answer.status_code, answer.json()["detail"]) == (503, "The ledger does not work.")
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert "not/there" in caplog.text
    assert "not/there" not in answer.text
    receiver.environment.setenv("AIRFLOW__PREHEAT__LEDGER_URL", receiver.ledger_url)
    assert receiver.post(delivery()).json()["received"] == 1
