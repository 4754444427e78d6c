"""Coverage as a table for spreadsheets, written while it is read."""

from __future__ import annotations

import csv
from io import StringIO
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from preheat.ledger import Cell, ImageRow, Shown
    from preheat.ledger.overview import Overview

__all__ = ["table_of"]

_COLUMNS = (
    *("repository", "tags", "digest", "platform", "bytes"),
    *("cluster", "pull_endpoint", "scope", "peers", "verdict", "warm_since", "checked_at"),
    *("hosts_warm", "hosts_expected", "placement_id"),
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_AT_ONCE = 200


def table_of(overview: Overview, shown: Shown, seen: Collection[str] | None) -> Iterator[str]:
    """Write a head, and a row for each placement, a page of images at a time."""
    yield _written([_COLUMNS])
    after: Any = None
    while True:
        page = overview.images(shown, seen=seen, after=after, limit=_AT_ONCE)
        yield _written([_row(image, cell) for image in page.rows for cell in image.cells])
        after = page.after
        if after is None:
            return


def _row(image: ImageRow, cell: Cell) -> list[Any]:
    stored = cell.placement
    key = stored.key
    return [
        *(image.repository, " ".join(image.tags), image.digest, image.platform, image.size),
        *(key.cluster, key.pull_endpoint, key.scope, key.peers, stored.verdict),
        *(_time(stored.warm_since), _time(stored.checked_at)),
        *(cell.hosts_warm, cell.hosts_expected, stored.id),
    ]


def _time(moment: Any) -> str:
    return moment.isoformat() if moment else ""


def _written(rows: list[Any]) -> str:
    text = StringIO()
    csv.writer(text).writerows([_harmless(value) for value in row] for row in rows)
    return text.getvalue()


def _harmless(value: Any) -> Any:
    """Keep a spreadsheet from taking a text for a formula."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
