"""A ledger of many placements: what a large team's looks like after some weeks."""

from __future__ import annotations

import hashlib
import random
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, insert, update

from preheat.artifact import Blob, Image
from preheat.ledger import Ledger, RunRef
from preheat.ledger.schema import attempt, placement
from preheat.placement import PlacementKey, Scope, TrackSettings
from preheat.plan import Plan, PlannedPlacement

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy.engine import Engine

__all__ = ["CLUSTERS", "POLICIES", "fill"]

CLUSTERS = tuple(f"cluster-{number:02d}" for number in range(10))
POLICIES = tuple(f"team-{number:02d}" for number in range(50))
_VERDICTS = ("WARM",) * 18 + ("PARTIAL", "COLD")
_NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def fill(url: str, placements: int) -> None:
    """Write so many placements, a verdict for each, and an attempt behind it; the same each time.

    Each policy wants images of a project of its own on all clusters, and planned them three times.
    """
    each = placements // len(POLICIES)
    with Ledger.open(url) as ledger:
        for number, policy in enumerate(POLICIES):
            plan = _plan(policy, tuple(_planned(number, each)))
            for image in {p.key.digest for p in plan.placements}:
                ledger.record_image(Image(image, "linux/amd64", (Blob(image, 50_000_000),)))
            for run in range(3):
                recorded = ledger.record_plan(plan, RunRef(f"preheat__{policy}", f"run-{run}"))
            ids = [item.placement_id for item in recorded.items]
            _prove(ledger._engine, ids, f"preheat__{policy}")  # noqa: SLF001 - no run is needed
        _analyze(ledger._engine)  # noqa: SLF001 - as PostgreSQL does by itself after a while


def _plan(policy: str, planned: tuple[PlannedPlacement, ...]) -> Plan:
    return Plan(policy=policy, evaluated_at=_NOON, decisions=(), placements=planned)


def _planned(project: int, count: int) -> Iterator[PlannedPlacement]:
    for number in range(count):
        image, cluster = divmod(number, len(CLUSTERS))
        name = f"project-{project:02d}/service-{image // 4:03d}"
        digest = f"sha256:{hashlib.sha256(f'{name}{image}'.encode()).hexdigest()}"
        key = PlacementKey(
            cluster=CLUSTERS[cluster],
            pull_endpoint="https://harbor.example.com",
            repository=name,
            digest=digest,
            platform="linux/amd64",
            scope=Scope.ALL_SEED_PEERS,
        )
        settings = TrackSettings("dragonfly", "dragonfly_default", cluster + 1, "harbor_default")
        tag = f"1.{image % 4}.0"
        yield PlannedPlacement(key, settings, f"{name}:{tag} linux/amd64", (tag,))


def _prove(engine: Engine, ids: Sequence[int], dag_id: str) -> None:
    chance = random.Random(dag_id)  # noqa: S311 - the same each time
    rows = [
        {"its_id": each, "its_verdict": chance.choice(_VERDICTS), "its_dag": dag_id} for each in ids
    ]
    proved = (
        update(placement)
        .where(placement.c.id == bindparam("its_id"))
        .values(verdict=bindparam("its_verdict"), warm_since=_NOON, checked_at=_NOON)
    )
    with engine.begin() as connection:
        connection.execute(proved, rows)
        connection.execute(insert(attempt), [_attempt(row) for row in rows])


def _attempt(row: dict[str, object]) -> dict[str, object]:
    later = _NOON + timedelta(minutes=1)
    return {
        "placement_id": row["its_id"],
        "nonce": f"bench-{row['its_id']}",
        "owner": "bench",
        "lease_until": later,
        "dag_id": row["its_dag"],
        "run_id": "run-2",
        "task_id": "track",
        "map_index": 0,
        "try_number": 1,
        "opened_at": _NOON,
        "asked_at": _NOON,
        "job_id": row["its_id"],
        "closed_at": later,
        "verdict": row["its_verdict"],
        "words": "",
        "note": "",
    }


def _analyze(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql("ANALYZE")
