"""How connections are looked up: seldom, and so that trouble with it locks out no known Harbor."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk.exceptions import AirflowNotFoundException
from airflow.sdk.execution_time import supervisor
from tests.web.conftest import Receiver, delivery, pause, wait_for

from preheat.web import callers, lookups, refusing
from preheat.web.lookups import TokenBucket

if TYPE_CHECKING:
    from collections.abc import Callable

    import requests

OTHER = "Bearer another-harbors-secret"


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Any:
    """Give what our refusals wrote, line by line; looked at when called."""
    caplog.set_level("DEBUG")

    def read() -> list[str]:
        return [r.getMessage() for r in caplog.records if r.name == refusing.__name__]

    return read


class Broken:
    """A secrets backend that cannot be reached."""

    def get_connection(self, conn_id: str) -> None:
        """Fail as a database does."""
        raise ConnectionError(conn_id)


@pytest.fixture
def breaks(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Give the way to have Airflow's backends fail, which Airflow tells as *not found*."""

    def missing(conn_id: str) -> Any:
        raise AirflowNotFoundException(conn_id)

    def now() -> None:
        monkeypatch.setattr(lookups.BaseHook, "get_connection", missing)
        monkeypatch.setattr(supervisor, "ensure_secrets_backend_loaded", lambda: [Broken()])

    return now


def seen(answer: requests.Response) -> tuple[int, bytes, dict[str, str]]:
    """Give all that a caller learns."""
    headers = {k: v for k, v in answer.headers.items() if k != "date"}
    return answer.status_code, answer.content, headers


def test_lookups_are_not_made_as_often_as_anybody_likes(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Failures are kept too; memory for them has a bound."""
    looked_up: list[str] = []
    real = lookups.BaseHook.get_connection

    def counted(conn_id: str) -> Any:
        looked_up.append(conn_id)
        return real(conn_id)

    monkeypatch.setattr(lookups.BaseHook, "get_connection", counted)
    for _ in range(5):
        assert receiver.post(delivery(), conn_id="nobody").status_code == 401
        assert receiver.post(delivery()).status_code == 202
    assert looked_up == ["nobody", "harbor_default"]


def test_who_asks_for_names_that_nobody_knows_keeps_no_harbor_waiting(
    receiver: Receiver, lines: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lookups of strangers are few at a time and given up; the known have ways of their own."""
    monkeypatch.setattr(callers, "KEPT_SECONDS", 0.1)
    monkeypatch.setattr(callers, "_PATIENCE_SECONDS", 1.0)
    monkeypatch.setattr(TokenBucket, "take", lambda _: True)
    is_over = threading.Event()
    real = lookups.BaseHook.get_connection

    def slow(conn_id: str) -> Any:
        if conn_id.startswith("stranger"):
            is_over.wait(20)
        return real(conn_id)

    monkeypatch.setattr(lookups.BaseHook, "get_connection", slow)
    assert receiver.post(delivery()).status_code == 202

    def ask(number: int) -> int:
        return receiver.post(delivery(), conn_id=f"stranger{number}").status_code

    with ThreadPoolExecutor(80) as pool:
        asked = pool.map(ask, range(80))
        for number in range(5):
            pause()
            assert receiver.post(delivery(number)).status_code == 202
            pause()
        assert set(asked) == {503}
    is_over.set()
    said = "".join(lines())
    assert "too many connections are being looked up" in said
    receiver.stop()
    assert "60 more were refused with 503" in lines()[-1]


def test_unknown_ids_are_looked_up_only_so_often(
    receiver: Receiver, lines: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A flood of made-up ids is asked to come again, and the known Harbor is let in."""
    looked_up: list[str] = []
    real = lookups.BaseHook.get_connection

    def counted(conn_id: str) -> Any:
        looked_up.append(conn_id)
        return real(conn_id)

    monkeypatch.setattr(lookups.BaseHook, "get_connection", counted)
    assert receiver.post(delivery()).status_code == 202
    take, bucket = TokenBucket.take, TokenBucket(0.1, 10)
    monkeypatch.setattr(TokenBucket, "take", lambda _: take(bucket))

    def ask(number: int) -> requests.Response:
        return receiver.post(delivery(), conn_id=f"stranger{number}")

    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(ask, range(50)))
    refused = [one for one in answers if one.status_code == 503]
    assert len(refused) >= 30
    assert len(looked_up) < 20
    assert refused[0].headers["Retry-After"] == "15"
    assert any("too many unknown connections are asked for" in line for line in lines())
    assert receiver.post(delivery(2)).status_code == 202
    # Nor does anybody learn which of the ids is one.
    assert seen(receiver.post(delivery(3), authorization=OTHER)) == seen(refused[0])


def test_a_known_harbor_is_let_in_while_connections_cannot_be_read(
    receiver: Receiver, breaks: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what it sent last; all others are asked to come again, with one answer."""
    monkeypatch.setattr(callers, "KEPT_SECONDS", 0.2)
    assert receiver.post(delivery(1)).status_code == 202
    breaks()
    for number in range(2, 6):
        threading.Event().wait(0.15)
        assert receiver.post(delivery(number)).status_code == 202
    wrong = receiver.post(delivery(), authorization=OTHER)
    unknown = receiver.post(delivery(), conn_id="nobody")
    impossible = receiver.post(delivery(), conn_id="no$one")
    assert wrong.status_code == 503
    assert wrong.headers["Retry-After"] == "15"
    assert seen(wrong) == seen(unknown) == seen(impossible)


def test_a_connection_that_is_gone_counts_at_once(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That is no trouble: nobody holds on to what it was."""
    monkeypatch.setattr(callers, "KEPT_SECONDS", 0.2)
    assert receiver.post(delivery(1)).status_code == 202
    receiver.environment.delenv("AIRFLOW_CONN_HARBOR_DEFAULT")
    wait_for(lambda: receiver.post(delivery(2)).status_code == 401)


def test_a_harbor_is_let_in_once_the_trouble_is_over(
    receiver: Receiver, breaks: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where it had never been known before."""
    monkeypatch.setattr(callers, "KEPT_SECONDS", 0.2)
    with monkeypatch.context() as passing:
        real = lookups.BaseHook.get_connection
        loaded = supervisor.ensure_secrets_backend_loaded
        breaks()
        assert receiver.post(delivery(1)).status_code == 503
        passing.setattr(lookups.BaseHook, "get_connection", real)
        passing.setattr(supervisor, "ensure_secrets_backend_loaded", loaded)
        wait_for(lambda: receiver.post(delivery(1)).status_code == 202)


def test_a_bucket_fills_again() -> None:
    """A little at a time, and never beyond its brim."""
    now = [100.0]
    bucket = TokenBucket(20, 30, lambda: now[0])
    assert [bucket.take() for _ in range(31)] == [True] * 30 + [False]
    now[0] += 0.125
    assert [bucket.take() for _ in range(3)] == [True, True, False]
    now[0] += 60
    assert sum(bucket.take() for _ in range(50)) == 30
