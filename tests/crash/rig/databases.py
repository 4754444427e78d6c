"""The two databases under test: how to get a fresh one, and how to kill one."""

from __future__ import annotations

import sqlite3
import uuid
import warnings
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any

import psutil
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from preheat.ledger import Ledger

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["Postgres", "Sqlite", "postgres"]


@dataclass
class Sqlite:
    """SQLite files in a folder."""

    folder: Path
    name = "SQLite"

    @property
    def version(self) -> str:
        """Version of the library."""
        return sqlite3.sqlite_version

    def fresh(self) -> str:
        """Give the URL of an empty database."""
        return f"sqlite:///{self.folder / uuid.uuid4().hex}.db"

    def ledger(self) -> str:
        """Give the URL of an empty ledger."""
        url = self.fresh()
        Ledger.open(url).close()
        return url


@dataclass
class Postgres:
    """A PostgreSQL of our own.

    :param server: the handle of the package pgserver.
    """

    server: Any
    name = "PostgreSQL"

    @property
    def uri(self) -> str:
        """URL of its first database."""
        return str(self.server.get_uri()).replace("postgresql://", "postgresql+psycopg://")

    @property
    def version(self) -> str:
        """Version of the server."""
        return str(self._run("SHOW server_version"))

    def fresh(self) -> str:
        """Give the URL of an empty database."""
        name = f"crash_{uuid.uuid4().hex}"
        self._run(f"CREATE DATABASE {name}")
        return make_url(self.uri).set(database=name).render_as_string(hide_password=False)

    def ledger(self) -> str:
        """Give the URL of an empty ledger."""
        url = self.fresh()
        with Ledger.at(url) as ledger:
            ledger.upgrade()
        return url

    def kill(self) -> None:
        """SIGKILL the postmaster and all its children, as a lost machine would."""
        postmaster = psutil.Process(self.server.get_pid())
        family = [postmaster, *postmaster.children(recursive=True)]
        for process in family:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(family, timeout=10)

    def start(self) -> None:
        """Start it again; it recovers from its log."""
        self.server.ensure_postgres_running()

    def _run(self, statement: str) -> Any:
        engine = create_engine(self.uri, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            answer = connection.execute(text(statement))
            value = answer.scalar() if answer.returns_rows else None
        engine.dispose()
        return value


@contextmanager
def postgres() -> Iterator[Postgres]:
    """Start a PostgreSQL with room for every process of an Airflow."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about XDG_RUNTIME_DIR, at import
        import pgserver  # noqa: PLC0415 (starts and stops with this block only)
    server = pgserver.get_server(mkdtemp(prefix="preheat-pg-"), cleanup_mode="delete")
    made = Postgres(server)
    try:
        made._run("ALTER SYSTEM SET max_connections = 400")
        made.kill()
        made.start()
        yield made
    finally:
        server.cleanup()
