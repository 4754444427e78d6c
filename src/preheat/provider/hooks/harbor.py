"""Hook for Harbor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import SecretStr

from preheat.errors import InputError
from preheat.harbor.client import HarborClient
from preheat.provider.hooks.remote import RemoteHook, without_breaks

if TYPE_CHECKING:
    from airflow.sdk import Connection

    from preheat.checks import CheckReport

__all__ = ["SHORTEST_AUTHORIZATION", "WEBHOOK_FIELDS", "HarborHook"]

WEBHOOK_FIELDS = ("webhook_authorization", "webhook_authorization_previous")
SHORTEST_AUTHORIZATION = 16


class HarborHook(RemoteHook):
    """Interact with one Harbor as one robot account.

    :param harbor_conn_id: Airflow connection of type ``harbor``.
    """

    conn_name_attr = "harbor_conn_id"
    default_conn_name = "harbor_default"
    conn_type = "harbor"
    hook_name = "Harbor"
    system = "Harbor"

    def __init__(self, harbor_conn_id: str = default_conn_name) -> None:
        super().__init__(harbor_conn_id)

    def client(self, connection: Connection | None = None) -> HarborClient:
        """Return a client; give the connection where it was already looked up (triggers).

        :raises InputError: if the connection cannot be right.
        """
        connection = connection or self.get_connection(self.http_conn_id)
        secret = without_breaks(self.http_conn_id, "Robot secret", connection.password or "")
        return HarborClient(
            self.transport(connection),
            registry=self.http_conn_id,
            username=without_breaks(self.http_conn_id, "Robot name", connection.login or ""),
            secret=SecretStr(secret) if secret else None,
        )

    def webhook_authorizations(self, connection: Connection | None = None) -> tuple[SecretStr, ...]:
        """Give what this Harbor sends as ``Authorization``: the value of now, and the one before.

        :raises InputError: one is too short to be a secret, or no header can carry it.
        """
        connection = connection or self.get_connection(self.http_conn_id)
        extra = connection.extra_dejson
        found = [str(extra[name]).strip() for name in WEBHOOK_FIELDS if extra.get(name)]
        for value in found:
            without_breaks(self.http_conn_id, "Webhook authorization", value)
            if len(value) < SHORTEST_AUTHORIZATION:
                raise InputError(
                    f"Connection {self.http_conn_id!r}: a webhook authorization has at least "
                    f"{SHORTEST_AUTHORIZATION} characters: make one with 'openssl rand -base64 32'"
                )
        return tuple(map(SecretStr, found))

    def check(self) -> CheckReport:
        """Try URL, credentials, token service, version and clock."""
        return self.client().check()
