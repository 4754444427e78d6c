"""Files written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from preheat.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["replace_file", "write_new"]

_READABLE = 0o644


def write_new(path: Path, text: str) -> None:
    """Write a file that must not exist yet.

    :raises InputError: when it does, or cannot be written.
    """
    with _complete(path, text, _mode_for_new()) as part:
        try:
            os.link(part, path)  # refuses what exists, in one step
        except OSError:
            if os.path.lexists(path):
                raise InputError(f"{path} exists already; nothing was written.") from None
            part.replace(path)  # a file system without hard links


def replace_file(path: Path, text: str) -> None:
    """Put new text into a file that exists; its mode stays, and a link goes on being one.

    :raises InputError: when it cannot be written.
    """
    path = path.resolve()
    with _complete(path, text, path.stat().st_mode & 0o7777) as part:
        part.replace(path)


@contextmanager
def _complete(path: Path, text: str, mode: int) -> Iterator[Path]:
    """Give a hidden file beside the path that holds all of the text; it is gone afterwards."""
    part: Path | None = None
    try:
        with tempfile.NamedTemporaryFile(
            "wb", dir=path.parent, prefix=f".{path.name}.", suffix=".part", delete=False
        ) as file:
            part = Path(file.name)
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
        part.chmod(mode)
        yield part
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}.") from None
    finally:
        if part is not None:
            part.unlink(missing_ok=True)


def _mode_for_new() -> int:
    umask = os.umask(0)
    os.umask(umask)
    return _READABLE & ~umask
