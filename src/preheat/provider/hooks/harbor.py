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

__all__ = ["HarborHook"]

_WEBHOOK_FIELDS = {
    "webhook_authorization": "Webhook authorization",
    "webhook_authorization_previous": "Previous webhook authorization",
}
_SHORTEST_AUTHORIZATION = 16  # a shorter one can be guessed


class HarborHook(RemoteHook):
    """Interact with one Harbor as one robot account.

    .. seealso::
        `Harbor's robot accounts <https://goharbor.io/docs/2.13.0/administration/robot-accounts/>`__,
        and docs/harbor-robot.md for what ours must be allowed.

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
        """Give what this Harbor's webhooks may send as ``Authorization``, the current one first.

        :param connection: the connection, where it was already looked up.
        :raises InputError: if one of them cannot be right; the message does not show it.
        """
        connection = connection or self.get_connection(self.http_conn_id)
        extra = connection.extra_dejson
        found = (
            self._webhook_authorization(extra.get(key), field)
            for key, field in _WEBHOOK_FIELDS.items()
        )
        return tuple(secret for secret in found if secret is not None)

    def _webhook_authorization(self, value: object, field: str) -> SecretStr | None:
        if value is None or value == "":
            return None
        if not isinstance(value, str):
            raise InputError(f"Connection {self.http_conn_id!r}: the field {field} holds no text")
        # Blanks at the ends are no part of a header.
        secret = without_breaks(self.http_conn_id, field, value).strip()
        if len(secret) < _SHORTEST_AUTHORIZATION:
            raise InputError(
                f"Connection {self.http_conn_id!r}: the field {field} is shorter than "
                f"{_SHORTEST_AUTHORIZATION} characters, so that it could be guessed: take a random "
                "one"
            )
        return SecretStr(secret)

    def check(self) -> CheckReport:
        """Try URL, credentials, token service, version and clock."""
        return self.client().check()
