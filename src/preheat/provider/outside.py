"""Airflow's connections outside of tasks: for the command, which no supervisor serves.

A task asks its supervisor. Elsewhere Airflow's SDK looks into the environment and into secrets
backends only (tried on 3.3.2), so the metadata database is read here as ``airflow connections get``
reads it, if this machine has one.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from airflow.sdk import Connection
from airflow.sdk.configuration import conf
from airflow.sdk.exceptions import AirflowNotFoundException
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from preheat.errors import InputError
from preheat.provider.hooks.harbor import HarborHook

if TYPE_CHECKING:
    from preheat.harbor.client import HarborClient

__all__ = ["harbor_client"]


def harbor_client(conn_id: str) -> HarborClient:
    """Open the Harbor of a connection.

    :raises InputError: when there is no such connection, or it cannot be right.
    """
    connection = _connection(conn_id)
    if connection.conn_type != HarborHook.conn_type:
        raise InputError(
            f"Connection {conn_id!r} is of type {connection.conn_type!r}; a Harbor is needed, of "
            f"type {HarborHook.conn_type!r}."
        )
    return HarborHook(conn_id).client(connection)


def _connection(conn_id: str) -> Connection:
    found: Connection | None
    try:
        found = Connection.get(conn_id)
    except AirflowNotFoundException:
        found = _stored(conn_id)
    if found is None:
        raise InputError(
            f"There is no connection {conn_id!r}. Set AIRFLOW_CONN_{conn_id.upper()} to "
            '\'{"conn_type": "harbor", "host": "https://harbor.example.com", "login": '
            '"robot$preheat", "password": "…"}\', or run this where Airflow\'s configuration and '
            "metadata database are."
        )
    return found


def _stored(conn_id: str) -> Connection | None:
    """Look into the metadata database; it is not made where there is none."""
    try:
        url = make_url(conf.get("database", "sql_alchemy_conn", fallback=""))
    except ArgumentError:
        return None
    if url.drivername.startswith("sqlite") and not Path(url.database or "").is_file():
        return None
    from airflow.secrets.metastore import MetastoreBackend  # noqa: PLC0415 - opens the database

    try:
        found = MetastoreBackend().get_connection(conn_id)
    except SQLAlchemyError:
        return None
    return Connection.from_uri(found.get_uri(), conn_id=conn_id) if found else None
