"""Print the part of a lock that this interpreter's environment does not hold yet, hashes included.

The image of Airflow comes with a tested set of versions; only what it lacks is added to it.
"""

from __future__ import annotations

import re
import sys
from importlib.metadata import distributions
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


def canonical(name: str) -> str:
    """Write a distribution's name as all indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def entries(lock: str) -> Iterator[tuple[str, str]]:
    """Split a lock into (name, entry); an entry is its requirement and the hashes below."""
    for entry in re.split(r"\n(?=[A-Za-z0-9])", lock):
        name = re.match(r"[A-Za-z0-9][A-Za-z0-9._-]*", entry)
        if name:
            yield canonical(name.group()), entry


def missing(lock: str, installed: frozenset[str]) -> str:
    """Keep the entries of packages that are not installed."""
    return "\n".join(entry for name, entry in entries(lock) if name not in installed)


if __name__ == "__main__":
    here = frozenset(canonical(found.name) for found in distributions())
    print(missing(Path(sys.argv[1]).read_text(encoding="utf-8"), here))
