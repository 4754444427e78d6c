"""Connections to the ledger's database: how transactions begin and what errors say."""

from __future__ import annotations

import os
import sqlite3
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakSet

from sqlalchemy import create_engine, event, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DataError,
    DBAPIError,
    IntegrityError,
    ProgrammingError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import NullPool

from preheat.errors import LedgerError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Connection, Engine, Table, Update

__all__ = [
    "changed",
    "clock",
    "in_parts",
    "make_engine",
    "migrating",
    "parse_url",
    "reading",
    "shown",
    "upsert",
    "use_wal",
    "writing",
]

BUSY_SECONDS = 60
_IN_AT_ONCE = 500
_IMMEDIATE = {"preheat_immediate": True}
_REBUILDING = {**_IMMEDIATE, "preheat_rebuilding": True}
_engines: WeakSet[Engine] = WeakSet()
_Value = TypeVar("_Value")


def _forget_connections() -> None:
    """Start afresh in a forked child: it must neither use nor close its parent's connections."""
    for engine in _engines:
        engine.dispose(close=False)


os.register_at_fork(after_in_child=_forget_connections)


def parse_url(text: str) -> URL:
    """Read the URL of a ledger.

    :raises LedgerError: if it is no URL of SQLite or PostgreSQL that several processes can share.
    """
    try:
        url = make_url(text.strip())
    except (ArgumentError, ValueError):
        # The text is not shown: it may hold a password.
        raise LedgerError(
            "The ledger URL is not a database URL; write sqlite:////absolute/path/preheat.db "
            "or postgresql://user:password@host/database."
        ) from None
    kind = url.drivername.partition("+")[0]
    if kind in {"postgresql", "postgres"}:
        return url.set(drivername="postgresql+psycopg")
    if kind != "sqlite":
        raise LedgerError(f"The ledger cannot live in {kind}: use SQLite or PostgreSQL.")
    if not url.database or not Path(url.database).is_absolute() or "mode" in url.query:
        raise LedgerError(
            "A SQLite ledger needs an absolute path, so that every process finds the same file: "
            "write sqlite:////absolute/path/preheat.db (four slashes)."
        )
    return url.set(drivername="sqlite")


def shown(url: URL) -> str:
    """Show where the ledger is, without password and options."""
    return url.set(query={}).render_as_string(hide_password=True)


def make_engine(url: URL) -> Engine:
    """Build the engine; nothing is connected yet.

    SQLite connections are never pooled: one that crosses a fork would corrupt the file's locks.
    """
    if url.get_backend_name() == "sqlite":
        engine = create_engine(
            url,
            poolclass=NullPool,
            hide_parameters=True,
            connect_args={"timeout": BUSY_SECONDS, "isolation_level": None},
        )
        event.listen(engine, "connect", _on_sqlite_connect)
        event.listen(engine, "begin", _on_sqlite_begin)
    else:
        engine = create_engine(
            url,
            pool_pre_ping=True,
            hide_parameters=True,
            connect_args={"connect_timeout": 10, "application_name": "preheat"},
        )
    _engines.add(engine)
    return engine


def _on_sqlite_connect(connection: Any, _record: object) -> None:
    connection.execute("PRAGMA foreign_keys = ON")


def _on_sqlite_begin(connection: Connection) -> None:
    """Take the write lock first: a read that turns into a write would fail without waiting."""
    options = connection.get_execution_options()
    if options.get("preheat_rebuilding", False):
        connection.exec_driver_sql("PRAGMA foreign_keys = OFF")  # not inside a transaction
    immediate = options.get("preheat_immediate", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Give a transaction that only reads.

    :raises LedgerError: if the database fails.
    """
    with _told(engine), engine.begin() as connection:
        yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Give a transaction that writes and is committed at the end.

    :raises LedgerError: if the database fails.
    """
    with _told(engine), engine.execution_options(**_IMMEDIATE).begin() as connection:
        yield connection


@contextmanager
def migrating(engine: Engine) -> Iterator[Connection]:
    """Give a transaction that changes tables and is committed at the end.

    SQLite changes some by making them anew; what refers to them would stop it halfway, so there
    references are looked at only before the end.

    :raises LedgerError: if the database fails, or a reference leads nowhere.
    """
    with _told(engine), engine.execution_options(**_REBUILDING).begin() as connection:
        yield connection
        if connection.dialect.name == "sqlite":
            lost = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
            if lost:
                raise LedgerError(
                    f"The ledger at {shown(engine.url)} stays as it was: after the migration "
                    f"{len(lost)} rows would refer to nothing, the first in {lost[0][0]}."
                )


@contextmanager
def _told(engine: Engine) -> Iterator[None]:
    """Say which ledger failed and why, in one line and without its password."""
    try:
        yield
    except (IntegrityError, DataError, ProgrammingError):
        raise  # ours to repair, with the traceback
    except (DBAPIError, PoolTimeoutError, sqlite3.Error) as error:
        said = error.orig if isinstance(error, DBAPIError) else error
        words = " ".join(str(said).split()) or type(said).__name__
        for secret in (engine.url.password, engine.url.query.get("password")):
            words = words.replace(str(secret), "***") if secret else words
        raise LedgerError(f"The ledger at {shown(engine.url)} does not work: {words}") from None


def use_wal(engine: Engine) -> None:
    """Let SQLite's readers go on while somebody writes; a property of the file, set once.

    :raises LedgerError: if the database fails.
    """
    with _told(engine), engine.connect() as connection:
        raw: Any = connection.connection.driver_connection
        raw.execute("PRAGMA journal_mode = WAL")  # not inside a transaction


def clock(connection: Connection) -> datetime:
    """Read the database's clock: the one clock that all processes share."""
    if connection.dialect.name == "sqlite":
        text = connection.scalar(select(func.strftime("%Y-%m-%d %H:%M:%f", "now")))
        return datetime.fromisoformat(str(text)).replace(tzinfo=UTC)
    now: datetime = connection.scalars(select(func.clock_timestamp())).one()
    return now.astimezone(UTC)


def changed(connection: Connection, statement: Update) -> bool:
    """Run an UPDATE of one row and tell whether there was one to change."""
    return connection.execute(statement).rowcount == 1


def in_parts(values: Sequence[_Value]) -> Iterator[Sequence[_Value]]:
    """Cut what an IN lists: a statement takes only so many parameters."""
    for start in range(0, len(values), _IN_AT_ONCE):
        yield values[start : start + _IN_AT_ONCE]


def upsert(connection: Connection, table: Table) -> sqlite.Insert | postgresql.Insert:
    """Build an INSERT that knows ON CONFLICT in the database's dialect."""
    if connection.dialect.name == "sqlite":
        return sqlite.insert(table)
    return postgresql.insert(table)
