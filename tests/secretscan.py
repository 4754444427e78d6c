"""Looks for secrets wherever a person or a backup could read them: files, and database rows."""

from __future__ import annotations

import base64
import zlib
from typing import TYPE_CHECKING

from sqlalchemy import MetaData, create_engine, select

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

__all__ = ["database_texts", "file_texts", "forms_of", "leaks"]

_BEGIN_A_TOKEN = ("eyJhbGciOi", "eyJ0eXAiOi", "eyJraWQiOi")  # JSON Web Tokens: alg, typ, kid
# Airflow keeps the passwords of connections there, and only there.
_PASSWORDS = {"connection"}


def forms_of(secret: str, login: str = "robot$preheat") -> list[str]:
    """Give a secret as it is, and as the basic header writes it."""
    return [secret, base64.b64encode(f"{login}:{secret}".encode()).decode()]


def leaks(texts: Iterable[tuple[str, str]], secrets: Iterable[str]) -> list[tuple[str, str]]:
    """List where a secret, or a minted token, can be read: the place, and what stands around it.

    :param texts: place and text.
    """
    wanted = [*secrets, *_BEGIN_A_TOKEN]
    return [
        (where, text[max(found - 80, 0) : found + 40])
        for where, text in texts
        for secret in wanted
        if (found := text.find(secret)) >= 0
    ]


def file_texts(folder: Path, *, besides: Iterable[str] = ()) -> Iterator[tuple[str, str]]:
    """Read all files below a folder, databases left out.

    :param besides: names of files that are left out too.
    """
    left_out = set(besides)
    for file in sorted(folder.rglob("*")):
        if file.is_file() and ".db" not in file.name and file.name not in left_out:
            yield str(file), file.read_text(encoding="utf-8", errors="replace")


def database_texts(url: str) -> Iterator[tuple[str, str]]:
    """Read every row of every table, packed columns unpacked.

    :param url: of SQLAlchemy.
    """
    engine = create_engine(url)
    found = MetaData()
    with engine.connect() as connection:
        found.reflect(connection)
        for table in found.sorted_tables:
            if table.name in _PASSWORDS:
                continue
            for row in connection.execute(select(table)):
                yield table.name, " ".join(map(_text, row))
    engine.dispose()


def _text(value: object) -> str:
    if not isinstance(value, bytes):
        return str(value)
    raw = zlib.decompress(value) if value[:1] == b"\x78" else value
    return raw.decode("utf-8", "replace")
