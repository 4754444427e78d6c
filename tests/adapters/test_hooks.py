"""Hooks: an Airflow connection becomes a safe transport."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk import Connection
from requests import Request

from preheat.errors import InputError
from preheat.provider.hooks.dragonfly import DragonflyHook
from preheat.provider.hooks.harbor import HarborHook

if TYPE_CHECKING:
    from pathlib import Path


CURRENT = "Bearer correct-horse-battery"
PREVIOUS = "Bearer another-horse-battery"


def connection(host: str, **fields: Any) -> Connection:
    """Build a connection as the form does."""
    extra = fields.pop("extra", {})
    return Connection(
        conn_id="harbor_test", conn_type="harbor", host=host, extra=json.dumps(extra), **fields
    )


@pytest.mark.parametrize(
    ("host", "port", "base_url"),
    [
        ("https://harbor.example.com", None, "https://harbor.example.com"),
        ("https://harbor.example.com/", None, "https://harbor.example.com"),
        ("https://harbor.example.com:8443/base/", None, "https://harbor.example.com:8443/base"),
        ("https://harbor.example.com/base", 8443, "https://harbor.example.com:8443/base"),
        ("harbor.example.com", None, "https://harbor.example.com"),
        ("http://127.0.0.1:8085", None, "http://127.0.0.1:8085"),
    ],
)
def test_reads_the_url_as_people_write_it(host: str, port: int | None, base_url: str) -> None:
    """Host, port and path may stand in one field; the http provider would mangle them."""
    assert HarborHook().transport(connection(host, port=port)).base_url == base_url


@pytest.mark.parametrize(
    "host", ["", "ftp://harbor.example.com", "https://", "harbor.example.com:abc"]
)
def test_refuses_what_is_no_url(host: str) -> None:
    """The message names the connection and the field."""
    with pytest.raises(InputError, match="'harbor_test' has no usable URL"):
        HarborHook().transport(connection(host))


def test_refuses_credentials_inside_the_url() -> None:
    """Secrets have fields of their own, and the message does not repeat them."""
    with pytest.raises(InputError, match="credentials inside its URL") as caught:
        HarborHook().transport(connection("https://robot:hunter2@harbor.example.com"))
    assert "hunter2" not in str(caught.value)


def test_verifies_tls_unless_the_connection_says_otherwise(tmp_path: Path) -> None:
    """On by default; a CA file or a clear false changes it, nothing else does."""
    url = "https://harbor.example.com"

    assert HarborHook().transport(connection(url)).verify is True
    file = tmp_path / "ca.pem"
    ca = connection(url, extra={"ca_file": str(file)})
    with pytest.raises(InputError, match="there is no CA file"):
        HarborHook().transport(ca)
    file.touch()
    assert HarborHook().transport(ca).verify == str(file)
    assert HarborHook().transport(connection(url, extra={"verify_tls": False})).verify is False
    with pytest.raises(InputError, match="verify_tls is 'no'"):
        HarborHook().transport(connection(url, extra={"verify_tls": "no"}))


def test_sends_no_extra_as_header() -> None:
    """The http provider sends unknown extras as headers (tried on 6.3.0): a leak."""
    extra = {"token": "hunter2", "ca_file": ""}
    extra |= {"webhook_authorization": CURRENT, "webhook_authorization_previous": PREVIOUS}
    session = HarborHook().transport(connection("https://h.example.com", extra=extra)).session

    sent = session.prepare_request(Request("GET", "https://h.example.com")).headers
    assert not {"token", "authorization", *extra} & {name.lower() for name in sent}
    assert not {"hunter2", CURRENT, PREVIOUS} & set(sent.values())
    assert not session.trust_env
    assert session.auth is None


@pytest.mark.parametrize(
    "secret", ["hunter2\n", "\nhunter2", "hun\r\nter2", "hunter2\x00", "hunter2\u200b"]
)
def test_a_secret_with_a_line_break_is_told_and_not_shown(secret: str) -> None:
    """``requests`` would refuse the header, and that looked like a system that is away."""
    url = "http://m"
    with pytest.raises(InputError, match="'d': the field Personal access token holds") as token:
        DragonflyHook("d").driver(connection(url, password=secret))
    with pytest.raises(InputError, match="'h': the field Robot secret holds") as robot:
        HarborHook("h").client(connection(url, login="robot$preheat", password=secret))
    with pytest.raises(InputError, match="'h': the field Robot name holds"):
        HarborHook("h").client(connection(url, login="robot$preheat\n", password="x"))
    assert "hun" not in str(token.value) + str(robot.value)


def test_a_token_beyond_ascii_is_told_and_not_shown() -> None:
    """No header can carry it; a password of Harbor may hold such characters, it goes as Base64."""
    url = "http://m"
    for secret in ("hunter2-ü", "hunter2-密"):
        with pytest.raises(InputError, match="'d': the field Personal access token") as caught:
            DragonflyHook("d").driver(connection(url, password=secret))
        assert "hunter2" not in str(caught.value)
        assert HarborHook("h").client(connection(url, login="admin", password=secret))


def webhooks(**extra: Any) -> list[str]:
    """Read what a connection lets Harbor's webhooks send."""
    found = HarborHook("h").webhook_authorizations(connection("https://h", extra=extra))
    assert CURRENT not in repr(found)
    return [secret.get_secret_value() for secret in found]


def test_webhooks_may_send_two_values_while_one_replaces_the_other() -> None:
    """The current one first; blanks at the ends were pasted along."""
    assert webhooks() == webhooks(webhook_authorization="") == []
    assert webhooks(webhook_authorization=f" {CURRENT} ") == [CURRENT]
    both = {"webhook_authorization_previous": PREVIOUS, "webhook_authorization": CURRENT}
    assert webhooks(**both) == [CURRENT, PREVIOUS]
    assert webhooks(webhook_authorization=None, webhook_authorization_previous=PREVIOUS) == [
        PREVIOUS
    ]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("Bearer hunter2", "is shorter than 16 characters"),
        (f"{' ' * 20}hunter2", "is shorter than 16 characters"),
        (f"Bearer\nhunter2{CURRENT}", "holds a line break"),
        (["hunter2", CURRENT], "holds no text"),
        (7, "holds no text"),
    ],
)
@pytest.mark.parametrize("field", ["webhook_authorization", "webhook_authorization_previous"])
def test_a_webhook_value_that_cannot_be_right_is_told_and_not_shown(
    field: str, value: object, words: str
) -> None:
    """One that could be guessed lets nobody in."""
    label = "ebhook authorization"  # of both, whatever stands before it
    with pytest.raises(InputError, match=f"'h': the field .*{label} {words}") as caught:
        webhooks(**{field: value})
    assert "hunter2" not in str(caught.value)


def test_dragonfly_clock_factor_comes_from_the_connection() -> None:
    """A real manager has factor 1; the sandbox says its own."""
    plain = Connection(conn_id="d", conn_type="dragonfly", host="http://m", password="pat")
    fast = Connection(
        conn_id="d", conn_type="dragonfly", host="http://m", extra='{"clock_factor": 0.1}'
    )

    assert DragonflyHook("d").driver(plain).timing.looks[1] == 90
    assert DragonflyHook("d").driver(fast).timing.looks[0] == pytest.approx(3)
    wrong = Connection(conn_id="d", conn_type="dragonfly", host="m", extra='{"clock_factor": "x"}')
    with pytest.raises(InputError, match="clock_factor is 'x'"):
        DragonflyHook("d").driver(wrong)
