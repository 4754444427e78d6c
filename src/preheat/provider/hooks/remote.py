"""What the Harbor and the Dragonfly hook share: a connection turned into a safe transport."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urlsplit, urlunsplit

from airflow.providers.http.hooks.http import HttpHook
from requests import Session

from preheat.errors import InputError
from preheat.provider.exchanges import observing
from preheat.transport import Transport, harden

if TYPE_CHECKING:
    from airflow.sdk import Connection

    from preheat.checks import CheckReport

__all__ = ["RemoteHook", "without_breaks"]


class RemoteHook(HttpHook):
    """Build sessions on the http provider's hook, corrected where that one is unsafe.

    The http provider sends every unknown key of ``extra`` as a header, keeps cookies, reads netrc
    and has no time-out (tried on its version 6.3.0); a host with a path and a port is mangled.
    Here ``extra`` holds options only, and :mod:`preheat.transport` does the rest.

    :param conn_id: Airflow connection id.
    """

    system = "HTTP"

    def __init__(self, conn_id: str) -> None:
        super().__init__(http_conn_id=conn_id)

    def get_conn(
        self, headers: dict[Any, Any] | None = None, extra_options: dict[str, Any] | None = None
    ) -> Session:
        """Return the safe session for this connection."""
        del headers, extra_options  # the http provider's way of leaking options into headers
        return self.transport(self.get_connection(self.http_conn_id)).session

    def transport(self, connection: Connection) -> Transport:
        """Build the transport that this connection describes.

        :raises InputError: if the connection names no http(s) URL.
        """
        self.base_url = _base_url_of(connection)
        self._base_url_initialized = True
        extra = connection.extra_dejson
        session = self._configure_session_from_mount_adapters(harden(Session()))
        return Transport(
            session,
            self.base_url,
            system=self.system,
            verify=_verification_of(connection.conn_id, extra),
            observer=observing(self.system, self.base_url),
        )

    def test_connection(self) -> tuple[bool, str]:
        """Try the connection, for Airflow's *Test* button."""
        report = self.check()
        return report.ok, str(report)

    def check(self) -> CheckReport:
        """Try the connection and report each thing looked at."""
        raise NotImplementedError


def without_breaks(conn_id: str, field: str, text: str) -> str:
    """Give back what the field of a connection holds, if it can be a credential.

    A line break that was pasted along would end a header early, or never match.

    :param field: as the connection's form calls it.
    :raises InputError: it holds a control character; the message does not show it.
    """
    if text.isprintable():
        return text
    raise InputError(
        f"Connection {conn_id!r}: the field {field} holds a line break or another character that "
        "cannot be seen: paste it again, without anything around it"
    )


def _base_url_of(connection: Connection) -> str:
    host = connection.host or ""
    url = urlsplit(host if "://" in host else f"{connection.schema or 'https'}://{host}")
    if url.scheme not in {"http", "https"} or not url.hostname or not _port_is_right(url):
        raise InputError(
            f"Connection {connection.conn_id!r} has no usable URL: "
            "write it whole into the field URL, such as https://harbor.example.com"
        )
    if url.username or url.password:
        raise InputError(
            f"Connection {connection.conn_id!r} has credentials inside its URL: "
            "move them into the fields made for them"
        )
    netloc = url.netloc if url.port or not connection.port else f"{url.netloc}:{connection.port}"
    return urlunsplit((url.scheme, netloc, url.path.rstrip("/"), "", ""))


def _port_is_right(url: SplitResult) -> bool:
    try:
        return url.port != 0
    except ValueError:
        return False


def _verification_of(conn_id: str, extra: dict[str, Any]) -> bool | str:
    verify = extra.get("verify_tls", True)
    if not isinstance(verify, bool):
        raise InputError(
            f"Connection {conn_id!r}: verify_tls is {verify!r}, but can only be true or false"
        )
    ca_file = str(extra.get("ca_file") or "")
    if verify and ca_file and not Path(ca_file).is_file():
        raise InputError(
            f"Connection {conn_id!r}: there is no CA file {ca_file} on {socket.gethostname()}"
        )
    return (ca_file or True) if verify else False
