"""Airflow's connections outside of tasks: for the command, which no supervisor serves.

A task asks its supervisor. Elsewhere Airflow's SDK looks into the environment and into secrets
backends only (tried on 3.3.2), so the metadata database is read here as ``airflow connections get``
reads it, if this machine has one.
"""

from __future__ import annotations

import copy
import io
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from airflow.sdk import Connection
from airflow.sdk.configuration import conf
from airflow.sdk.exceptions import AirflowNotFoundException
from airflow.sdk.log import configure_logging
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from preheat.errors import InputError
from preheat.provider.hooks.dragonfly import DragonflyHook
from preheat.provider.hooks.harbor import HarborHook

if TYPE_CHECKING:
    from pydantic import SecretStr

    from preheat.drivers.base import Driver
    from preheat.harbor.client import HarborClient

__all__ = [
    "airflow_url",
    "dragonfly_driver",
    "harbor_client",
    "has_database",
    "has_webhook_authorization",
    "log_to_stderr",
    "webhook_authorization",
]

_IN_TASKS = "airflow-db-not-allowed"  # what a supervisor gives a task in place of the URL
_EXAMPLES = {
    HarborHook.conn_type: (
        '{"conn_type": "harbor", "host": "https://harbor.example.com", "login": "robot$preheat", '
        '"password": "…"}'
    ),
    DragonflyHook.conn_type: (
        '{"conn_type": "dragonfly", "host": "https://dragonfly-manager.example.com:8080", '
        '"password": "…"}'
    ),
}


class _Stderr(io.TextIOBase):
    """Whatever stderr is when something is written."""

    encoding = "utf-8"

    def write(self, text: str, /) -> int:
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()


def log_to_stderr() -> None:
    """Keep Airflow's log off stdout, which is for a command's result; not for tasks."""
    configure_logging(output=_Stderr())


def harbor_client(conn_id: str, credentials: str = "") -> HarborClient:
    """Open the Harbor of a connection.

    :param credentials: another connection to the same Harbor, whose account is used instead.
    :raises InputError: when there is no such connection, or it cannot be right.
    """
    hook = HarborHook(conn_id)
    connection = _connection(conn_id, HarborHook.conn_type, "a Harbor")
    if credentials:
        other = _connection(credentials, HarborHook.conn_type, "a Harbor")
        here = hook.transport(connection).base_url
        there = hook.transport(other).base_url if other.host else here
        if there != here:
            raise InputError(
                f"Connection {credentials!r} is for {there}, but {conn_id!r} is {here}: its account"
                " is not shown to another Harbor."
            )
        connection = copy.copy(connection)
        connection.login, connection.password = other.login, other.password
    return hook.client(connection)


def webhook_authorization(conn_id: str) -> SecretStr:
    """Tell what a Harbor is to send as ``Authorization``, so that its webhooks are believed.

    :raises InputError: when there is no such connection, or it does not say.
    """
    if values := _webhook_authorizations(conn_id):
        return values[0]
    raise InputError(
        f"Connection {conn_id!r} has no webhook_authorization, by which the webhooks of this Harbor"
        " are known. Make one with 'openssl rand -base64 32', write it into the connection's field"
        " Webhook authorization, with the word Bearer before it, and run this again."
    )


def has_webhook_authorization(conn_id: str) -> bool:
    """Tell whether a connection says by what the webhooks of its Harbor are known.

    :raises InputError: when there is no such connection, or what it says cannot be right.
    """
    return bool(_webhook_authorizations(conn_id))


def _webhook_authorizations(conn_id: str) -> tuple[SecretStr, ...]:
    connection = _connection(conn_id, HarborHook.conn_type, "a Harbor")
    return HarborHook(conn_id).webhook_authorizations(connection)


def airflow_url() -> str:
    """Tell the address of Airflow's API server as ``[api] base_url`` says; "" where it does not."""
    return str(conf.get("api", "base_url", fallback="") or "").strip()


def dragonfly_driver(conn_id: str, name: str) -> Driver:
    """Open the Dragonfly manager of a connection.

    :param name: of the driver.
    :raises InputError: when there is no such connection or driver, or it cannot be right.
    """
    connection = _connection(conn_id, DragonflyHook.conn_type, "a Dragonfly manager")
    return DragonflyHook(conn_id).driver(connection, name=name)


def has_database() -> bool:
    """Tell whether Airflow's metadata database can be looked into; it is not made here."""
    try:
        url = make_url(conf.get("database", "sql_alchemy_conn", fallback=""))
    except ArgumentError:
        return False
    if url.drivername.startswith("sqlite"):
        return Path(url.database or "").is_file()
    return url.drivername != _IN_TASKS


def _connection(conn_id: str, kind: str, wanted: str) -> Connection:
    found: Connection | None
    try:
        found = Connection.get(conn_id)
    except AirflowNotFoundException:
        _require_readable(conn_id)
        found = _stored(conn_id)
    if found is not None and not found.conn_type:
        _require_readable(conn_id)
    if found is None:
        raise InputError(
            f"There is no connection {conn_id!r}. Set AIRFLOW_CONN_{conn_id.upper()} to "
            f"'{_EXAMPLES[kind]}', or run this where Airflow's configuration and metadata database "
            "are."
        )
    if found.conn_type != kind:
        raise InputError(
            f"Connection {conn_id!r} is of type {found.conn_type!r}; {wanted} is needed, of type "
            f"{kind!r}."
        )
    return found


def _require_readable(conn_id: str) -> None:
    """Tell what is wrong with a connection in the environment that Airflow could not read."""
    name = f"AIRFLOW_CONN_{conn_id.upper()}"
    text = os.environ.get(name, "").strip()
    if not text:
        return
    what = "neither a connection as JSON, in {…}, nor as a URI"
    if text.startswith("{"):
        what = "JSON, but none that Airflow takes: port must be a number, all else text"
        try:
            json.loads(text)
        except json.JSONDecodeError as error:
            what = (
                f"no JSON: {error.msg} at character {error.pos + 1}. Mind that a shell eats quotes,"
                " and $ in double ones"
            )
    raise InputError(f"{name} is {what}.")


def _stored(conn_id: str) -> Connection | None:
    """Look into the metadata database."""
    if not has_database():
        return None
    from airflow.secrets.metastore import MetastoreBackend  # noqa: PLC0415 - opens the database

    try:
        found = MetastoreBackend().get_connection(conn_id)
    except SQLAlchemyError:
        return None
    return Connection.from_uri(found.get_uri(), conn_id=conn_id) if found else None
