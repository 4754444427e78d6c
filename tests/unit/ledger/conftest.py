"""A real PostgreSQL, fresh ledgers on both databases, and plans to put into them."""

from __future__ import annotations

import uuid
import warnings
from datetime import UTC, datetime, timedelta
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import create_engine, text, update
from sqlalchemy.engine import make_url

from preheat.ledger import Ledger, RunRef
from preheat.ledger.schema import attempt
from preheat.placement import PlacementKey, Scope, TrackSettings
from preheat.plan import Plan, PlannedPlacement

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """Start a PostgreSQL and give the URL of its first database."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about XDG_RUNTIME_DIR, at import
        import pgserver  # noqa: PLC0415 (starts and stops with this fixture only)
    server = pgserver.get_server(mkdtemp(prefix="preheat-pg-"), cleanup_mode="delete")
    server.psql("ALTER SYSTEM SET fsync = off; SELECT pg_reload_conf();")
    yield server.get_uri().replace("postgresql://", "postgresql+psycopg://")
    server.cleanup()


@pytest.fixture
def empty_postgres(postgres: str) -> Iterator[str]:
    """Give the URL of a database without any tables."""
    name = f"ledger_{uuid.uuid4().hex}"
    admin = create_engine(postgres, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    yield make_url(postgres).set(database=name).render_as_string(hide_password=False)
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Give the URL of a database without any tables, once on SQLite and once on PostgreSQL."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'preheat.db'}"
    return request.getfixturevalue("empty_postgres")


@pytest.fixture
def url(empty_url: str) -> str:
    """Give the URL of an upgraded ledger."""
    with Ledger.at(empty_url) as ledger:
        ledger.upgrade()
    return empty_url


@pytest.fixture
def ledger(url: str) -> Iterator[Ledger]:
    """Open an empty ledger."""
    with Ledger.open(url) as opened:
        yield opened


@pytest.fixture
def run() -> RunRef:
    """Name a task instance."""
    return RunRef("preheat__web", "manual__1", "track", map_index=0, try_number=1)


def digest_of(number: int) -> str:
    """Make up a digest."""
    return f"sha256:{number:064x}"


def planned(number: int = 1, **changes: Any) -> PlannedPlacement:
    """Plan one placement."""
    key = PlacementKey(
        cluster="eu-1",
        pull_endpoint="http://127.0.0.1:8085",
        repository="library/app",
        digest=digest_of(number),
        platform="linux/amd64",
        scope=Scope.ALL_PEERS,
        peers="ips=10.0.0.1,10.0.0.2",
    )
    settings = TrackSettings(
        driver="dragonfly",
        connection="dragonfly_default",
        scheduler_cluster_id=1,
        registry="harbor_default",
        expected_hosts={"seed_peers": ("10.0.0.9",), "peers": ("10.0.0.1", "10.0.0.2")},
    )
    label = f"library/app:{number} linux/amd64"
    return PlannedPlacement(**{"key": key, "settings": settings, "label": label, **changes})


@pytest.fixture(name="planned")
def planned_fixture() -> Callable[..., PlannedPlacement]:
    """Give the maker of planned placements."""
    return planned


@pytest.fixture
def plan() -> Callable[..., Plan]:
    """Give a maker of plans."""

    def make(*placements: PlannedPlacement, **changes: Any) -> Plan:
        values: dict[str, Any] = {
            "policy": "web",
            "evaluated_at": NOON,
            "decisions": (),
            "placements": placements,
            "policy_text": "kind: PreheatPolicy\n",
            "policy_hash": "ab" * 32,
            "clusters": ({"name": "eu-1", "schedulerClusterId": 1},),
            **changes,
        }
        return Plan(**values)

    return make


@pytest.fixture
def placement_id(ledger: Ledger, plan: Callable[..., Plan], run: RunRef) -> int:
    """Record a plan of one placement and tell its id."""
    return ledger.record_plan(plan(planned()), run).items[0].placement_id


@pytest.fixture
def pass_time(ledger: Ledger) -> Callable[[float], None]:
    """Give a way to let time pass for all attempts: their times move into the past."""

    def move(seconds: float) -> None:
        with ledger._engine.begin() as connection:
            for row in connection.execute(attempt.select()).all():
                back = timedelta(seconds=seconds)
                connection.execute(
                    update(attempt)
                    .where(attempt.c.id == row.id)
                    .values(
                        opened_at=row.opened_at - back,
                        lease_until=row.lease_until - back,
                        asked_at=row.asked_at and row.asked_at - back,
                    )
                )

    return move
