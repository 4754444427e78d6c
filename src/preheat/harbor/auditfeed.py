"""Harbor's audit log as a feed: what was pushed, tagged and deleted in all projects, since 2.13.

One row gives tag and digest of each push, re-pushes and retags included; tags that the API or the
portal set have no digest, deletions only the digest, and labels leave no row (recorded:
auditlog-ext-push, -tag, -delete, -label). Rows are written a moment after the deed, their ids are
not in the order of their times, and filters by time are inclusive and cut to the second.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from preheat.errors import UnexpectedAnswerError
from preheat.event import EventKind, EventSource, HarborEvent
from preheat.harbor.answers import decode
from preheat.harbor.api import ROOT
from preheat.harbor.listing import TIME
from preheat.harbor.reference import signed_by, split_tag
from preheat.harbor.walk import Listing, pages
from preheat.transport import redact

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from preheat.harbor.api import HarborApi

__all__ = ["AuditPage", "is_readable", "pages_since"]

SINCE = (2, 13)
_PATH = f"{ROOT}/auditlog-exts"
_WANTED = "operation={create delete},resource_type={artifact tag}"
_PUSHES = "operation=create,resource_type=artifact"
_KINDS = {
    ("create", "artifact"): EventKind.PUSHED,
    ("create", "tag"): EventKind.TAG_ADDED,
    ("delete", "artifact"): EventKind.DELETED,
    ("delete", "tag"): EventKind.OTHER,
}
_DIGEST = re.compile(r"[a-z0-9+._-]+:[0-9a-f]{32,}")


class AuditRow(Struct, frozen=True):
    """One row of the log; untyped but for its id, so that an odd one hides no other."""

    id: int
    op_time: Any = None
    operation: Any = None
    operation_description: Any = None
    operation_result: Any = None
    resource: Any = None
    resource_type: Any = None
    username: Any = None


@dataclass(frozen=True, slots=True)
class AuditPage:
    """What one answer of the feed tells.

    :param events: in the order of the rows' ids.
    :param newest: the latest time of a row, by Harbor's clock.
    :param warnings: what was passed over because it is not understood.
    """

    events: tuple[HarborEvent, ...]
    newest: datetime
    warnings: tuple[str, ...] = ()


class _OddRowError(ValueError):
    """What is odd about a row."""


def is_readable(api: HarborApi) -> bool:
    """Tell whether the feed can be relied on: this Harbor writes it, and this account sees it.

    Whoever may not read the log gets 200 and no row (recorded: auditlog-ext-project-robot), and so
    does everybody where pushes are not written into it or all were purged. So only a push that is
    seen proves it; before the first one, other ways lose nothing. One request.

    :raises RefusedError: if Harbor does not know the credentials.
    """
    if (api.version() or (0, 0)) < SINCE:
        return False
    params: dict[str, str | int] = {"q": _PUSHES, "sort": "-id", "page": 1, "page_size": 1}
    answer = api.get("audit", _PATH, params=params)
    return bool(decode(answer, list[AuditRow], "a page of the audit log"))


def pages_since(api: HarborApi, registry: str, since: datetime) -> Iterator[AuditPage]:
    """Read the feed from a moment on, page by page in the order of ids.

    :param since: by Harbor's clock.
    :raises UnexpectedAnswerError: if rows are older: then Harbor did not heed the filter, and would
        tell all of its history as if it were new.
    """
    where = f"{_WANTED},op_time=[{since.astimezone(UTC):{TIME}}~]"
    rows = Listing(api, _PATH, AuditRow, where=where, kind="audit")
    for page in pages(rows.page, 1):
        yield _read(registry, page.rows, since)


def _read(registry: str, rows: Iterable[AuditRow], since: datetime) -> AuditPage:
    events: list[HarborEvent] = []
    odd: list[str] = []
    newest = since
    for row in rows:
        try:
            occurred = _time(row.op_time)
            if occurred < since.replace(microsecond=0):
                raise UnexpectedAnswerError(
                    f"Harbor's audit log was asked for what happened from {since:{TIME}} on, and "
                    f"gave row {row.id} of {occurred:{TIME}}",
                    system="Harbor",
                )
            newest = max(newest, occurred)
            if row.operation_result is True and occurred >= since:
                events.append(_event(registry, row, occurred))
        except _OddRowError as error:
            odd.append(f"{registry}: row {row.id} of Harbor's audit log is passed over: {error}")
    return AuditPage(tuple(events), newest, tuple(odd))


def _event(registry: str, row: AuditRow, occurred: datetime) -> HarborEvent:
    what = (row.operation, row.resource_type)
    kind = _KINDS.get(what) if all(isinstance(word, str) for word in what) else None
    if kind is None:
        raise _OddRowError(f"{_shown(what)} was not asked for")
    repository, tag, digest = _names(row)
    if kind is EventKind.PUSHED and (signed := signed_by(tag)):
        kind, digest = EventKind.SIGNED, signed
    return HarborEvent(
        registry,
        # The time too: a Harbor that was restored from a backup gives its ids a second time.
        f"audit:{row.id}:{int(occurred.timestamp() * 1000)}",
        EventSource.AUDIT,
        kind,
        repository=repository,
        digest=digest,
        tag=tag,
        operator=row.username if isinstance(row.username, str) else "",
        occurred_at=occurred,
        type=f"{row.operation}_{row.resource_type}",
    )


def _names(row: AuditRow) -> tuple[str, str, str]:
    """Read repository, tag and digest; a push by tag has its digest in the description."""
    if not isinstance(row.resource, str):
        raise _OddRowError(f"the resource {_shown(row.resource)} is no text")
    name, at, digest = row.resource.partition("@")
    tag = None
    if not at:
        name, tag = split_tag(name)
        told = row.operation_description
        digest = told.rpartition("@")[2] if isinstance(told, str) and "@" in told else ""
    project, slash, rest = name.partition("/")
    if not (project and slash and rest) or not (tag or at):
        raise _OddRowError(f"{_shown(row.resource)} is no artifact and no tag of a repository")
    if (at or digest) and not _DIGEST.fullmatch(digest):
        raise _OddRowError(f"{_shown(digest)} is no digest")
    return name, tag or "", digest


def _time(value: object) -> datetime:
    try:
        moment = datetime.fromisoformat(value if isinstance(value, str) else "")
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise _OddRowError(f"its time is {_shown(value)}") from None


def _shown(value: object) -> str:
    return redact(repr(value))
