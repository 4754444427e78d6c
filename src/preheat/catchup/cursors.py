"""Under which names the ledger keeps how far we looked."""

from __future__ import annotations

import hashlib

__all__ = ["cursor_name"]

_LONGEST = 250  # that the ledger's column takes


def cursor_name(way: str, registry: str, project: str = "") -> str:
    """Name a cursor, such as ``audit:harbor_default``; no two things have one name.

    :param way: whose cursor it is.
    :param project: "" for the whole Harbor.
    """
    # No connection's id and no project's name holds a blank.
    name = f"{way}:{registry} {project}".strip()
    if len(name) <= _LONGEST:
        return name
    return f"{way}:{hashlib.sha256(name.encode()).hexdigest()}"
