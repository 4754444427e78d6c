"""Who is not let in, and what is not taken: refused or harmless, one log line each."""

from __future__ import annotations

import json
import logging
import socket
from typing import TYPE_CHECKING, Any

import pytest
from tests.web.conftest import DEFAULT, SECRET, Receiver, delivery, pause, wait_for

from preheat.web import bodies, callers, refusing
from preheat.web.app import PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterator

OTHER = "Bearer another-harbors-secret"
MEGABYTE = b"x" * 1024 * 1024
FIFTY = 50


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Any:
    """Give what our refusals wrote, line by line; looked at when called."""
    caplog.set_level(logging.DEBUG)

    def read() -> list[str]:
        return [r.getMessage() for r in caplog.records if r.name == refusing.__name__]

    return read


def assert_nothing_leaked(text: str) -> None:
    """No value that lets anybody in may be said."""
    for secret in (SECRET, OTHER, "correct-horse", "another-harbors"):
        assert secret not in text


@pytest.mark.parametrize(
    ("conn_id", "authorization", "reason"),
    [
        ("harbor_default", None, "no Authorization"),
        ("harbor_default", "", "is not that of the connection"),
        ("harbor_default", "Bearer wrong-wrong-wrong-wrong", "is not that of the connection"),
        ("harbor_default", SECRET[:-1], "is not that of the connection"),
        ("harbor_default", f"{SECRET}x", "is not that of the connection"),
        ("harbor_default", SECRET.upper(), "is not that of the connection"),
        ("harbor_default", SECRET.removeprefix("Bearer "), "is not that of the connection"),
        ("harbor_default", OTHER, "is not that of the connection"),
        ("harbor_two", SECRET, "is not that of the connection"),
        ("nobody", SECRET, "there is no such connection"),
        ("dragonfly_default", SECRET, "not of the type harbor"),
        ("harbor_bare", SECRET, "has no webhook_authorization"),
        ("harbor_bare", "", "has no webhook_authorization"),
        ("harbor_short", "Bearer short", "is shorter than 16 characters"),
        ("harbor_odd", "['Bearer correct-horse-battery']", "holds no text"),
        ("harbor_list", SECRET, "cannot be read"),
        ("harbor_torn", SECRET, "or Airflow cannot read it"),
    ],
)
def test_who_is_not_known_learns_nothing(
    receiver: Receiver, lines: Any, conn_id: str, authorization: str | None, reason: str
) -> None:
    """One answer for all reasons; the log says which, in one line."""
    receiver.connect("harbor_two", webhook_authorization=OTHER)
    receiver.connect("harbor_bare", webhook_authorization="")
    receiver.connect("harbor_short", webhook_authorization="Bearer short")
    receiver.connect("harbor_odd", webhook_authorization=[SECRET])
    receiver.connect("dragonfly_default", "dragonfly", webhook_authorization=SECRET)
    receiver.environment.setenv("AIRFLOW_CONN_HARBOR_TORN", '{"conn_type": "harbor", "extra": "{')
    receiver.environment.setenv(
        "AIRFLOW_CONN_HARBOR_LIST", '{"conn_type": "harbor", "extra": "[1]"}'
    )
    answer = receiver.post(delivery(), conn_id=conn_id, authorization=authorization)
    plain = receiver.post(delivery(), authorization=None)
    assert answer.status_code == 401
    assert answer.content == plain.content
    assert {k: v for k, v in answer.headers.items() if k != "date"} == {
        k: v for k, v in plain.headers.items() if k != "date"
    }
    line, _ = lines()
    assert f"Webhook for the connection '{conn_id}', from '127.0.0.1:" in line
    assert reason in line
    assert_nothing_leaked(line + answer.text)
    assert receiver.events() == []


@pytest.mark.parametrize(
    "conn_id",
    [
        *("%00", "..%2f..%2fetc%2fpasswd", "{{7*7}}", "%0d%0aSet-Cookie:%20a=b", "x" * 3000),
        *("';%20DROP%20TABLE%20event;--", "%F0%9F%90%BA", "%E2%80%AEharbor_default"),
    ],
)
def test_names_that_no_connection_has(receiver: Receiver, lines: Any, conn_id: str) -> None:
    """They are looked up nowhere, and the log shows them short and escaped."""
    answer = receiver.post(delivery(), conn_id=conn_id)
    assert answer.status_code in {401, 404}
    assert "Set-Cookie" not in answer.headers
    for line in lines():
        assert line.replace("…", "").isascii()
        assert line.isprintable()
        assert len(line) < 250


def test_both_values_are_let_in_during_rotation(receiver: Receiver) -> None:
    """The previous one as long as it is there; blanks around a value are none of it."""
    receiver.connect(
        "harbor_default", webhook_authorization=f" {SECRET} ", webhook_authorization_previous=OTHER
    )
    assert receiver.post(delivery(1)).status_code == 202
    assert receiver.post(delivery(2), authorization=OTHER).status_code == 202
    assert receiver.post(delivery(3), authorization=f"{SECRET},{OTHER}").status_code == 401


def test_a_value_that_was_taken_away_is_refused_soon(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lookups are kept for seconds, good and bad ones."""
    monkeypatch.setattr(callers, "KEPT_SECONDS", 0.5)
    assert receiver.post(delivery(1)).status_code == 202
    assert receiver.post(delivery(1), authorization=OTHER).status_code == 401
    receiver.connect("harbor_default", webhook_authorization=OTHER)
    assert receiver.post(delivery(2)).status_code == 202
    wait_for(lambda: receiver.post(delivery(3)).status_code == 401)
    assert receiver.post(delivery(4), authorization=OTHER).status_code == 202


def test_two_headers_are_one_too_many(receiver: Receiver, lines: Any) -> None:
    """A proxy could look at one, and we at the other."""
    head = [f"Authorization: {SECRET}", "Authorization: x", f"Content-Type: {DEFAULT}"]
    assert receiver.exchange([*head, "Content-Length: 2"], [b"{}"]).status == 401
    assert "there are 2 headers Authorization" in lines()[0]


def chunks(count: int) -> Iterator[bytes]:
    """Write a chunked body of so many megabytes."""
    for _ in range(count):
        yield b"%x\r\n%b\r\n" % (len(MEGABYTE), MEGABYTE)
    yield b"0\r\n\r\n"


@pytest.mark.parametrize(("authorization", "status"), [(SECRET, 413), ("Bearer wrong", 401)])
@pytest.mark.parametrize("told", [f"Content-Length: {FIFTY * len(MEGABYTE)}", "chunked"])
def test_fifty_megabytes_are_not_read(
    receiver: Receiver, lines: Any, authorization: str, status: int, told: str
) -> None:
    """By what is told, or by what comes; the connection ends there."""
    is_chunked = told == "chunked"
    length = "Transfer-Encoding: chunked" if is_chunked else told
    body = chunks(FIFTY) if is_chunked else (MEGABYTE for _ in range(FIFTY))
    heard = receiver.exchange(
        [f"Authorization: {authorization}", f"Content-Type: {DEFAULT}", length], body
    )
    assert heard.status == status
    assert heard.sent < 30 * len(MEGABYTE)
    assert "connection: close" in heard.head.lower()
    assert len(lines()) == 1


def test_a_megabyte_is_read(receiver: Receiver) -> None:
    """The limit is what it says."""
    body = json.dumps(delivery()).encode()
    assert receiver.post(body.ljust(bodies.MOST_BYTES)).status_code == 202
    assert receiver.post(body.ljust(bodies.MOST_BYTES + 1)).status_code == 413


def test_a_body_that_drips_is_given_up(
    receiver: Receiver, lines: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever is let in may still be slow; he cannot hold on for ever."""
    monkeypatch.setattr(bodies, "SECONDS", 0.5)

    def drip() -> Iterator[bytes]:
        for _ in range(40):
            yield b" "
            pause()

    heard = receiver.exchange(
        [f"Authorization: {SECRET}", f"Content-Type: {DEFAULT}", "Content-Length: 1000"], drip()
    )
    assert heard.status == 408
    assert "connection: close" in heard.head.lower()
    assert "408" in lines()[0]


def test_a_body_that_ends_early_harms_nobody(receiver: Receiver, lines: Any) -> None:
    """The sender went away; nothing of it is kept."""
    with socket.create_connection(("127.0.0.1", receiver.port)) as opened:
        head = f"POST {PREFIX}/webhooks/harbor/harbor_default HTTP/1.1\r\nHost: h\r\n"
        head += f"Authorization: {SECRET}\r\nContent-Type: {DEFAULT}\r\nContent-Length: 99\r\n\r\n"
        opened.sendall(head.encode() + b"{")
    wait_for(lambda: len(lines()) == 1)
    assert "The sender went away" in lines()[0]
    assert receiver.post(delivery()).status_code == 202


@pytest.mark.parametrize(
    "content_type",
    [
        *("", "text/plain", "application/json; charset=utf-16", "application/xml"),
        *("application/x-www-form-urlencoded", "multipart/form-data; boundary=x"),
    ],
)
def test_other_kinds_of_content_are_refused(
    receiver: Receiver, lines: Any, content_type: str
) -> None:
    """A form cannot be sent by somebody's browser, either."""
    assert receiver.post(delivery(), content_type).status_code == 415
    assert len(lines()) == 1


def test_compressed_content_is_refused(receiver: Receiver) -> None:
    """A kilobyte of it could be a gigabyte."""
    assert receiver.post(delivery(), **{"Content-Encoding": "gzip"}).status_code == 415


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (b"{" * 100_000, ""),
        (b'{"event_data":' * 70_000, ""),
        ("{}".encode("utf-16"), ""),
        (b'{"type": "\xff"}', ""),
        (b"null", ""),
        (b'{"type": NaN}', ""),
        (json.dumps(delivery(type="'; DROP TABLE event; --")).encode(), "type"),
        (json.dumps(delivery(operator="\ud800")).encode(), "operator"),
        (json.dumps(delivery(operator="a\x00")).encode(), "operator"),
        (json.dumps(delivery(id="{{ 7 * 7 }}")).encode(), "id"),
        (json.dumps(delivery(time="NaN")).encode(), "time"),
        (
            json.dumps(delivery(data={"repository": {"repo_full_name": "${jndi:ldap://x}/y"}})),
            "data.repository.repo_full_name",
        ),
        (
            json.dumps(
                delivery(
                    data={
                        "repository": {"repo_full_name": "a/b"},
                        "resources": [{"digest": "<script>alert(1)</script>"}],
                    }
                )
            ),
            "data.resources[0].digest",
        ),
    ],
)
def test_bad_bodies_are_told_and_harmless(
    receiver: Receiver, lines: Any, body: bytes | str, path: str
) -> None:
    """What is wrong is told with its place; nothing of it is kept, and nothing breaks."""
    raw = body if isinstance(body, bytes) else body.encode()
    answer = receiver.post(raw)
    assert answer.status_code == 400
    assert answer.headers["Content-Type"] == "application/problem+json"
    told = answer.json()
    assert path in {problem["path"] for problem in told["problems"]}
    assert len(answer.content) < 2000
    assert answer.text.replace("…", "").isascii()
    (line,) = lines()
    assert line.isprintable()
    assert len(line) < 700
    assert receiver.post(delivery()).json()["received"] == 1
    assert len(receiver.events()) == 1


def test_a_flood_of_refusals_does_not_fill_the_disk(
    receiver: Receiver, lines: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A few are listed, the rest is a number; of each kind for itself."""
    for _ in range(50):
        receiver.post(delivery(), authorization=None)
    assert len(lines()) == 20
    assert receiver.post(b"").status_code == 400
    assert "400" in lines()[-1]


def test_a_flood_is_counted_at_its_end(receiver: Receiver, lines: Any) -> None:
    """Also where the server stops before the minute is over."""
    for _ in range(23):
        receiver.post(delivery(), authorization=None)
    receiver.stop()
    assert lines()[-1] == (
        "Webhooks: 3 more were refused with 401, which are not listed: only 20 are in 60 s"
    )
