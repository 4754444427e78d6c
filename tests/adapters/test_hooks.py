"""Hooks: an Airflow connection becomes a safe transport."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk import Connection

from preheat.errors import InputError
from preheat.provider.hooks.dragonfly import DragonflyHook
from preheat.provider.hooks.harbor import HarborHook

if TYPE_CHECKING:
    from pathlib import Path


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
    session = HarborHook().transport(connection("https://h.example.com", extra=extra)).session

    assert "token" not in session.headers
    assert not session.trust_env
    assert session.auth is None


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
