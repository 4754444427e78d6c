"""The tables' revisions: SQLite follows by itself, PostgreSQL when an operator says so.

Alembic is imported only when there is something to migrate: every task opens a ledger.
"""

from __future__ import annotations

import fcntl
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import func, inspect, select, text

from preheat.errors import LedgerError
from preheat.ledger.engine import migrating, reading, shown, use_wal
from preheat.ledger.records import LedgerStatus
from preheat.ledger.schema import REVISION, attempt, event, metadata

if TYPE_CHECKING:
    from collections.abc import Iterator

    from alembic.config import Config
    from sqlalchemy import Connection, Engine

__all__ = ["prepare", "status", "upgrade"]

ADVISORY_LOCK = 0x70726568656174  # "preheat"
COMMAND = "preheat ledger upgrade"


def prepare(engine: Engine) -> None:
    """Make sure that the tables are those of this code.

    :raises LedgerError: if they are not and only an operator may change that.
    """
    found = _read_revision(engine) if _may_exist(engine) else ""
    if found == REVISION:
        return
    if _is_sqlite(engine):
        upgrade(engine)
        return
    state = f"is at revision {found}" if found else "holds no tables yet"
    raise LedgerError(
        f"The ledger at {shown(engine.url)} {state}, this Preheat needs {REVISION}: "
        f"run `{COMMAND}` with the same URL."
    )


def upgrade(engine: Engine) -> None:
    """Bring the tables to this code's revision, one process at a time.

    :raises LedgerError: if a newer Preheat wrote them.
    """
    if _is_sqlite(engine):
        with _file_lock(engine):
            use_wal(engine)
            _migrate(engine)
    else:
        _migrate(engine)


def status(engine: Engine) -> LedgerStatus:
    """Tell the revision and, when it is ours, how many rows there are."""
    found = _read_revision(engine) if _may_exist(engine) else ""
    rows: dict[str, int] = {}
    open_attempts = waiting = 0
    if found == REVISION:
        with reading(engine) as connection:
            for table in metadata.sorted_tables:
                rows[table.name] = _count(connection, select(func.count()).select_from(table))
            still_open = select(func.count()).where(attempt.c.closed_at.is_(None))
            open_attempts = _count(connection, still_open)
            waiting = _count(connection, select(func.count()).where(event.c.handled_at.is_(None)))
    return LedgerStatus(
        url=shown(engine.url),
        revision=found,
        head=REVISION,
        rows=rows,
        open_attempts=open_attempts,
        waiting_events=waiting,
    )


def _is_sqlite(engine: Engine) -> bool:
    return engine.dialect.name == "sqlite"


def _file_of(engine: Engine) -> Path:
    return Path(engine.url.database or "")


def _may_exist(engine: Engine) -> bool:
    """Look before connecting: SQLite would make an empty file only because somebody asked."""
    return not _is_sqlite(engine) or _file_of(engine).exists()


def _read_revision(engine: Engine) -> str:
    with reading(engine) as connection:
        return _revision(connection)


def _revision(connection: Connection) -> str:
    if not inspect(connection).has_table("alembic_version"):
        return ""
    return str(connection.scalar(text("SELECT version_num FROM alembic_version")) or "")


def _migrate(engine: Engine) -> None:
    """Run the missing migrations in one transaction, under PostgreSQL's advisory lock."""
    from alembic import command  # noqa: PLC0415 (slow, and rarely needed)
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    config = _config()
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    with migrating(engine) as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(select(func.pg_advisory_xact_lock(ADVISORY_LOCK)))
        found = _revision(connection)
        if found and found not in known:
            raise LedgerError(
                f"The ledger at {shown(engine.url)} is at revision {found}, which this "
                f"Preheat does not know (it knows {REVISION}): a newer one wrote it; upgrade."
            )
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _config() -> Config:
    """Point Alembic to the migrations inside the package; there is no ini file."""
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    folder = str(Path(__file__).parent / "migrations")
    config.set_main_option("script_location", folder.replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


@contextmanager
def _file_lock(engine: Engine) -> Iterator[None]:
    """Let one process at a time migrate; the lock dies with its holder."""
    database = _file_of(engine)
    try:
        database.parent.mkdir(parents=True, exist_ok=True)
        with database.with_name(f"{database.name}.lock").open("a", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
    except OSError as error:
        raise LedgerError(
            f"The ledger at {shown(engine.url)} cannot be made: "
            f"{error.strerror} ({error.filename})."
        ) from None


def _count(connection: Connection, query: object) -> int:
    return int(connection.scalar(query) or 0)  # type: ignore[call-overload]
