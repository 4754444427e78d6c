"""Hook for a Dragonfly manager."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from preheat.drivers import load
from preheat.drivers.base import Timing
from preheat.errors import InputError
from preheat.provider.hooks.remote import RemoteHook, without_breaks

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow.sdk import Connection

    from preheat.checks import CheckReport
    from preheat.drivers.base import Driver
    from preheat.ledger import Ledger

__all__ = ["DragonflyHook"]

# A token that made a job so lately is not called wrong by one 401.
_TOKEN_TRUSTED = timedelta(days=30)


class DragonflyHook(RemoteHook):
    """Interact with one Dragonfly manager through its Open API.

    .. seealso::
        `Dragonfly's personal access tokens <https://d7y.io/docs/advanced-guides/web-console/
        developer/personal-access-tokens/>`__: ours needs the scopes job and cluster.

    :param dragonfly_conn_id: Airflow connection of type ``dragonfly``.
    """

    conn_name_attr = "dragonfly_conn_id"
    default_conn_name = "dragonfly_default"
    conn_type = "dragonfly"
    hook_name = "Dragonfly"
    system = "Dragonfly"

    def __init__(self, dragonfly_conn_id: str = default_conn_name) -> None:
        super().__init__(dragonfly_conn_id)

    def driver(
        self,
        connection: Connection | None = None,
        *,
        name: str = "dragonfly",
        token_worked: Callable[[], bool] = lambda: False,
    ) -> Driver:
        """Return a driver; give the connection where it was already looked up (triggers).

        :param name: of the driver, as ``clusters.yaml`` and the ledger write it.
        :param token_worked: tells, after a 401, whether jobs were made over this connection lately:
            then the manager cannot reach its database (dragonfly: recorded db-down-*), and that is
            waited out.
        :raises InputError: no driver has this name, or the connection cannot be right.
        """
        build = load(name)
        connection = connection or self.get_connection(self.http_conn_id)
        extra = connection.extra_dejson
        return build(
            self.transport(connection),
            token=_token_of(self.http_conn_id, connection.password or ""),
            timing=Timing(factor=_factor_of(self.http_conn_id, extra)),
            console_url=str(extra.get("console_url") or ""),
            token_worked=token_worked,
        )

    def trusting_driver(self, ledger: Ledger, *, name: str) -> Driver:
        """Return a driver that trusts the token if the ledger knows of a job it made lately.

        :raises InputError: as :meth:`driver`.
        """
        return self.driver(
            name=name,
            token_worked=lambda: ledger.has_asked(self.http_conn_id, within=_TOKEN_TRUSTED),
        )

    def check(self) -> CheckReport:
        """Try URL, token, database and version."""
        return self.driver().check()


def _token_of(conn_id: str, text: str) -> SecretStr:
    """Check that the token can be sent as a header (RFC 9110: visible characters)."""
    field = "Personal access token"
    if not without_breaks(conn_id, field, text).isascii():
        raise InputError(
            f"Connection {conn_id!r}: the field {field} holds characters beyond ASCII, which no "
            "token has: paste it again"
        )
    return SecretStr(text)


def _factor_of(conn_id: str, extra: dict[str, Any]) -> float:
    factor = extra.get("clock_factor")
    if factor is None or factor == "":
        return 1.0
    try:
        number = float(factor)
    except (TypeError, ValueError):
        number = 0.0
    if not 0 < number <= 1:
        raise InputError(
            f"Connection {conn_id!r}: clock_factor is {factor!r}, not over 0 and at most 1; "
            "leave it out for a real manager"
        )
    return number
