"""Placements and images: what should be warm where, of what it consists, what was last proved."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from sqlalchemy import case, exists, func, null, or_, select, update

from preheat.artifact import Blob, Image
from preheat.demand import Demand, VerifyMode
from preheat.errors import LedgerError
from preheat.ledger.engine import changed, clock, in_parts, upsert
from preheat.ledger.records import Proof, StoredPlacement
from preheat.ledger.schema import attempt
from preheat.ledger.schema import image as image_table
from preheat.ledger.schema import placement as table
from preheat.placement import PlacementKey, Scope, TrackSettings, grounds
from preheat.verdict import Seen, Verdict

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from datetime import datetime

    from sqlalchemy import ColumnElement, Connection, RowMapping

    from preheat.verdict import Finding

__all__ = [
    "add",
    "check",
    "fingerprint",
    "get",
    "get_image",
    "get_images",
    "read",
    "read_key",
    "read_seen",
    "save",
    "save_image",
    "unchanged",
    "warm",
]


def fingerprint(key: PlacementKey) -> str:
    """Make the key short enough for an index."""
    return hashlib.sha256(json.dumps(asdict(key), sort_keys=True).encode()).hexdigest()


def save(
    connection: Connection, wanted: Iterable[tuple[PlacementKey, TrackSettings]]
) -> dict[PlacementKey, int]:
    """Insert new placements, give the others their latest settings, and tell all ids.

    Where a setting changed that a proof rests on, nothing is proved any more. What is planned for
    is there, so what was deleted is there again.
    """
    last = {fingerprint(key): (key, settings) for key, settings in wanted}
    if not last:
        return {}
    rows = _rows(last)
    insert = upsert(connection, table)
    stands = table.c.grounds == insert.excluded.grounds
    statement = insert.on_conflict_do_update(
        index_elements=["fingerprint"],
        set_={
            "settings": insert.excluded.settings,
            "grounds": insert.excluded.grounds,
            "verdict": case((stands, table.c.verdict), else_=Verdict.UNKNOWN.value),
            "warm_since": case((stands, table.c.warm_since), else_=None),
            "checked_at": case((stands, table.c.checked_at), else_=None),
            "deleted_at": null(),
        },
    ).returning(table.c.id, table.c.fingerprint)
    return {last[row.fingerprint][0]: row.id for row in connection.execute(statement, rows)}


def add(
    connection: Connection, wanted: Iterable[tuple[PlacementKey, TrackSettings]]
) -> dict[PlacementKey, int]:
    """Insert new placements, leave the others as they are, and tell all ids."""
    last = {fingerprint(key): (key, settings) for key, settings in wanted}
    if not last:
        return {}
    insert = upsert(connection, table).on_conflict_do_nothing(index_elements=["fingerprint"])
    connection.execute(insert, _rows(last))
    ids: dict[PlacementKey, int] = {}
    for some in in_parts(list(last)):
        query = select(table.c.fingerprint, table.c.id).where(table.c.fingerprint.in_(some))
        ids |= {last[mark][0]: found for mark, found in connection.execute(query)}
    return ids


def _rows(wanted: Mapping[str, tuple[PlacementKey, TrackSettings]]) -> list[dict[str, Any]]:
    """Write placements of which nothing is known yet."""
    return [
        {
            "fingerprint": mark,
            **asdict(key),
            "settings": {**asdict(settings), "demand": str(settings.demand)},
            "grounds": grounds(key.scope, settings),
            "verdict": Verdict.UNKNOWN.value,
        }
        # One order for all writers, so that two plans cannot wait for each other's rows.
        for mark, (key, settings) in sorted(wanted.items())
    ]


def get(connection: Connection, placement_id: int) -> StoredPlacement:
    """Read one placement.

    :raises LedgerError: if there is none.
    """
    row = (
        connection.execute(select(table).where(table.c.id == placement_id)).mappings().one_or_none()
    )
    if row is None:
        raise LedgerError(f"The ledger has no placement {placement_id}: plan again.")
    return read(row)


def read(stored: RowMapping) -> StoredPlacement:
    """Turn a row into a placement."""
    settings = dict(stored["settings"])
    demand = Demand.parse(settings.pop("demand", ""))
    hosts = {kind: tuple(names) for kind, names in settings.pop("expected_hosts").items()}
    return StoredPlacement(
        id=stored["id"],
        key=read_key(stored),
        settings=TrackSettings(**settings, expected_hosts=hosts, demand=demand),
        verdict=Verdict(stored["verdict"]),
        warm_since=stored["warm_since"],
        checked_at=stored["checked_at"],
        deleted_at=stored["deleted_at"],
    )


def read_key(stored: RowMapping) -> PlacementKey:
    """Turn the columns of a row into the key."""
    return PlacementKey(
        cluster=stored["cluster"],
        pull_endpoint=stored["pull_endpoint"],
        repository=stored["repository"],
        digest=stored["digest"],
        platform=stored["platform"],
        scope=Scope(stored["scope"]),
        peers=stored["peers"],
    )


def warm(
    connection: Connection, since: datetime | None, repositories: Collection[str] | None = None
) -> dict[PlacementKey, Proof]:
    """Tell what was warm when last checked, when that was and what it rests on.

    PARTIAL is among it where a host holds every layer: that may be enough for another demand.
    """
    query = select(table).where(
        or_(table.c.verdict == Verdict.WARM.value, table.c.hosts_warm > 0),
        table.c.verdict.in_([Verdict.WARM.value, Verdict.PARTIAL.value]),
    )
    if since is not None:
        query = query.where(table.c.checked_at >= since)
    parts = [query]
    if repositories is not None:
        some = in_parts(sorted(repositories))
        parts = [query.where(table.c.repository.in_(names)) for names in some]
    return {
        read_key(row): Proof(row["checked_at"], row["grounds"], read_seen(row))
        for part in parts
        for row in connection.execute(part).mappings()
    }


def asked_since(connection: Connection, since: datetime) -> dict[PlacementKey, datetime]:
    """Tell what was asked for since then, and when that was last."""
    last = func.max(attempt.c.opened_at).label("last")
    query = (
        select(*table.c, last)
        .join(attempt, attempt.c.placement_id == table.c.id)
        .where(attempt.c.opened_at >= since)
        .group_by(*table.c)
    )
    return {read_key(row): row["last"] for row in connection.execute(query).mappings()}


def read_seen(stored: RowMapping) -> Seen:
    """Turn the columns of a row into what was last seen."""
    return Seen(
        Verdict(stored["verdict"]),
        VerifyMode(stored["proof"]),
        stored["hosts_warm"],
        stored["hosts_expected"],
    )


def check(
    connection: Connection,
    placement_id: int,
    finding: Finding,
    now: datetime,
    *conditions: ColumnElement[bool],
) -> bool:
    """Write what a check saw; an unbroken warm period keeps its first day.

    What could not be seen disproves nothing: UNKNOWN is not written.

    :param conditions: what must hold of the placement; else nothing is written.
    """
    verdict = finding.verdict
    if verdict is Verdict.UNKNOWN:
        return False
    since = None
    if verdict is Verdict.WARM:
        was_warm = table.c.verdict == Verdict.WARM.value
        since = case((was_warm, func.coalesce(table.c.warm_since, now)), else_=now)
    statement = (
        update(table)
        .where(table.c.id == placement_id, *conditions)
        .values(
            verdict=verdict.value,
            proof=finding.proof.value,
            hosts_warm=finding.hosts_warm,
            hosts_expected=finding.hosts_expected,
            warm_since=since,
            checked_at=now,
        )
    )
    return changed(connection, statement)


def unchanged(seen: StoredPlacement) -> tuple[ColumnElement[bool], ...]:
    """Say that nothing was proved of a placement since it was read, and nobody asks for it."""
    return (
        table.c.checked_at.is_not_distinct_from(seen.checked_at),
        table.c.grounds == grounds(seen.key.scope, seen.settings),
        ~exists().where(attempt.c.placement_id == table.c.id, attempt.c.closed_at.is_(None)),
    )


def save_image(connection: Connection, image: Image) -> None:
    """Keep the blobs of an image; they follow from its digest, so the first writer wins."""
    row = {
        "digest": image.digest,
        "platform": image.platform,
        "size": image.size,
        "blobs": [[blob.digest, blob.size] for blob in image.blobs],
        "recorded_at": clock(connection),
    }
    connection.execute(upsert(connection, image_table).values(row).on_conflict_do_nothing())


def get_image(connection: Connection, digest: str) -> Image | None:
    """Read an image, if its manifest was ever resolved."""
    return get_images(connection, [digest]).get(digest)


def get_images(connection: Connection, digests: Iterable[str]) -> dict[str, Image]:
    """Read those images whose manifest was ever resolved, by digest."""
    found: dict[str, Image] = {}
    wanted = list(dict.fromkeys(digests))
    for some in in_parts(wanted):
        query = select(image_table).where(image_table.c.digest.in_(some))
        for row in connection.execute(query):
            blobs = tuple(Blob(digest=name, size=size) for name, size in row.blobs)
            found[row.digest] = Image(digest=row.digest, platform=row.platform, blobs=blobs)
    return found
