"""Migrations: they make what the schema says, on both databases, and many may try at once."""

from __future__ import annotations

import multiprocessing
import sqlite3
from typing import TYPE_CHECKING

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect, text

from preheat.demand import Demand
from preheat.errors import LedgerError
from preheat.ledger import Ledger, RunRef
from preheat.ledger.engine import parse_url
from preheat.ledger.migrate import _config
from preheat.ledger.schema import REVISION, metadata
from preheat.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from sqlalchemy import Engine

    from preheat.plan import Plan, PlannedPlacement


OLD_PLACEMENT = """
INSERT INTO placement
  (id, fingerprint, cluster, pull_endpoint, repository, digest, platform, scope, peers,
   settings, verdict, checked_at)
VALUES (1, 'f', 'eu-1', 'http://h', 'library/app', 'sha256:0', '', 'all_peers', '',
  '{"driver": "dragonfly", "connection": "dragonfly_default", "scheduler_cluster_id": 1,
    "registry": "harbor_default", "expected_hosts": {}}', 'WARM', '2026-11-24 12:00:00')
"""
OLD_PLAN = """
INSERT INTO plan
  (id, dag_id, run_id, policy, policy_hash, policy_text, clusters, warnings, failures,
   accept_partial, evaluated_at, recorded_at, counts, decisions)
VALUES (:id, 'd', :policy || :id, :policy, '', '', '[]', '[]', '[]', false, '2026-11-24 12:00:00',
  '2026-11-24 12:00:00', '{}', '')
"""
OLD_PLANNED = """
INSERT INTO plan_placement
  (plan_id, position, placement_id, label, tags, wave, disposition, detail, demand)
VALUES (:id, 0, 1, 'app', '[]', 0, 'ask', '', :demand)
"""
OLD_DRY = """
UPDATE plan_placement SET disposition = 'DRY_RUN' WHERE plan_id = :id
"""
OLD_KEPT = """
INSERT INTO kept
  (placement_id, policy, label, recheck_seconds, accept_partial, selected_at, keep_until)
VALUES (1, :policy, 'app', 3600, false, '2026-11-24 12:00:00', '2999-01-01 00:00:00')
"""


@pytest.fixture
def raw(empty_url: str) -> Iterator[Engine]:
    """Give an engine that knows nothing of us."""
    engine = create_engine(parse_url(empty_url))
    yield engine
    engine.dispose()


def test_migrated_from_nothing_equals_the_schema(url: str, raw: Engine) -> None:
    """No table, column, type or index differs."""
    with raw.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_the_schema_names_the_head() -> None:
    """Opening compares with this constant, without Alembic."""
    assert ScriptDirectory.from_config(_config()).get_current_head() == REVISION


def test_what_an_older_preheat_wrote_is_kept(empty_url: str, raw: Engine) -> None:
    """An upgrade finds placements; what they rest on was not written down then."""
    config = _config()
    with raw.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        connection.execute(text(OLD_PLACEMENT))
    with Ledger.at(empty_url) as ledger:
        ledger.upgrade()
        stored = ledger.placement(1)
        assert (stored.verdict, stored.settings.connection) == (Verdict.WARM, "dragonfly_default")
        assert [proof.grounds for proof in ledger.warm().values()] == [""]


def test_what_was_kept_takes_the_demand_of_its_own_policy(empty_url: str, raw: Engine) -> None:
    """Before 0006 the ledger had it only with the plans."""
    config = _config()
    with raw.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0005")
        connection.execute(text(OLD_PLACEMENT))
        for number, policy, demand in ((1, "web", ""), (2, "web", "peers 95%"), (3, "ml", "")):
            names = {"id": number, "policy": policy, "demand": demand}
            connection.execute(text(OLD_PLAN), names)
            connection.execute(text(OLD_PLANNED), names)
        for policy in ("web", "ml", "gone"):
            connection.execute(text(OLD_KEPT), {"policy": policy})
    with Ledger.at(empty_url) as ledger:
        ledger.upgrade()
        demands = {wish.policy: wish.demand for wish in ledger.upkeep.kept()}
    assert demands == {"web": Demand.parse("peers 95%"), "ml": Demand(), "gone": Demand()}


def test_the_table_of_plans_is_made_anew_with_all_that_refers_to_it(
    empty_url: str, raw: Engine, run: RunRef, plan: Callable[..., Plan]
) -> None:
    """SQLite cannot change a unique constraint otherwise; plans of before are over everything."""
    config = _config()
    with raw.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0006")
        connection.execute(text(OLD_PLACEMENT))
        for number, policy in ((101, "web"), (102, "ml")):
            names = {"id": number, "policy": policy, "demand": ""}
            connection.execute(text(OLD_PLAN), names)
            connection.execute(text(OLD_PLANNED), names)
    with Ledger.at(empty_url) as ledger:
        ledger.upgrade()
        status = ledger.status()
        assert (status.rows["plan"], status.rows["plan_placement"]) == (2, 2)
        assert ledger.placement(1).deleted_at is None
        made = [plan(policy="web"), plan(policy="ml")]
        ids = {one.plan_id for one in ledger.record_event_plans(made, run, [])}
        assert (len(ids), ids & {101, 102}) == (2, set())
    with raw.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM plan WHERE partial")).scalar() == 0
        references = inspect(raw).get_foreign_keys("plan_placement")
    assert {one["referred_table"] for one in references} == {"plan", "placement", "attempt"}


def test_a_migration_that_would_lose_a_reference_is_taken_back(tmp_path: Path) -> None:
    """On SQLite references rest while tables are made anew, and are looked at before the end."""
    url = f"sqlite:///{tmp_path / 'preheat.db'}"
    engine = create_engine(url)
    config = _config()
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0006")
        connection.execute(text(OLD_PLANNED), {"id": 1, "demand": ""})
    engine.dispose()
    with Ledger.at(url) as ledger:
        with pytest.raises(LedgerError, match=r"2 rows would refer to nothing.*plan_placement"):
            ledger.upgrade()
        assert ledger.status().revision == "0006"


def test_plans_of_before_that_only_showed_are_told_from_the_others(
    empty_url: str, raw: Engine
) -> None:
    """Before 0008 only their placements said so; one that asked is none, nor one of nothing."""
    config = _config()
    with raw.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0007")
        connection.execute(text(OLD_PLACEMENT))
        for number in (1, 2, 3):
            names = {"id": number, "policy": "preheat_images", "demand": ""}
            connection.execute(text(OLD_PLAN), names)
        for number in (1, 2):
            connection.execute(text(OLD_PLANNED), {"id": number, "demand": ""})
        connection.execute(text(OLD_DRY), {"id": 2})
    with Ledger.at(empty_url) as ledger:
        ledger.upgrade()
    with raw.connect() as connection:
        dry = connection.execute(text("SELECT id FROM plan WHERE dry_run")).scalars().all()
    indexes = {one["name"] for one in inspect(raw).get_indexes("placement")}
    assert dry == [2]
    assert "ix_placement_repository_digest_platform" in indexes
    assert "ix_placement_repository" not in indexes


def test_upgrade_may_be_repeated(url: str) -> None:
    """A second upgrade changes nothing."""
    with Ledger.at(url) as ledger:
        ledger.upgrade()
        status = ledger.status()
    assert status.is_current
    assert set(status.rows) == set(metadata.tables)


def test_sqlite_migrates_itself_and_uses_wal(tmp_path: Path) -> None:
    """The first task that opens it makes it, with its folder."""
    file = tmp_path / "new" / "preheat.db"
    with Ledger.open(f"sqlite:///{file}") as ledger:
        assert ledger.status().is_current
    with sqlite3.connect(file) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()


def test_postgresql_behind_is_refused_with_the_command(empty_postgres: str) -> None:
    """Several machines share it: an operator decides when it changes."""
    with pytest.raises(LedgerError, match=r"holds no tables yet.*run `preheat ledger upgrade`"):
        Ledger.open(empty_postgres)


def test_postgresql_at_another_revision_is_refused(empty_postgres: str) -> None:
    """After an upgrade of Preheat the ledger is a revision behind."""
    engine = create_engine(parse_url(empty_postgres))
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE alembic_version (version_num varchar(32))"))
        connection.execute(text("INSERT INTO alembic_version VALUES ('0000')"))
    engine.dispose()
    with pytest.raises(LedgerError, match=f"is at revision 0000, this Preheat needs {REVISION}"):
        Ledger.open(empty_postgres)


def test_a_ledger_of_a_newer_preheat_is_left_alone(url: str, raw: Engine) -> None:
    """An old worker neither reads nor migrates what it does not know."""
    with raw.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(LedgerError, match="9999"):
        Ledger.open(url)
    with Ledger.at(url) as ledger, pytest.raises(LedgerError, match="a newer one wrote it"):
        ledger.upgrade()


def _open_and_write(url: str, number: int, results: multiprocessing.Queue[object]) -> None:
    try:
        with Ledger.at(url) as ledger:
            ledger.upgrade()
        with Ledger.open(url) as ledger:
            claim = ledger.open_attempt(
                1, owner=f"{number}", run=RunRef("d", "r"), lease_seconds=60
            )
        results.put(("mine" if claim.mine else "other", claim.attempt.nonce))
    except LedgerError as error:
        results.put(str(error))


def _in_processes(count: int, url: str) -> list[object]:
    fork = multiprocessing.get_context("fork")
    results: multiprocessing.Queue[object] = fork.Queue()
    processes = [
        fork.Process(target=_open_and_write, args=(url, number, results)) for number in range(count)
    ]
    for process in processes:
        process.start()
    found = [results.get(timeout=60) for _ in processes]
    for process in processes:
        process.join(60)
    return found


def test_many_forked_processes_may_make_the_ledger_at_once(empty_url: str) -> None:
    """One migrates, the others wait for it; all of them find a ledger that works."""
    found = _in_processes(8, empty_url)
    assert found == ["The ledger has no placement 1: plan again."] * 8


def test_of_many_processes_that_open_an_attempt_one_owns_it(
    ledger: Ledger,
    url: str,
    plan: Callable[..., Plan],
    planned: Callable[..., PlannedPlacement],
    run: RunRef,
) -> None:
    """The open attempt is unique; the parent's connections are not used in the children."""
    ledger.record_plan(plan(planned()), run)
    found = _in_processes(8, url)
    assert sorted(who for who, _ in found) == ["mine"] + ["other"] * 7
    assert len({nonce for _, nonce in found}) == 1
    assert len(ledger.attempts(1)) == 1


def _use(ledger: Ledger, results: multiprocessing.Queue[object]) -> None:
    results.put(len(ledger.attempts(1)))


def test_an_open_ledger_survives_a_fork(ledger: Ledger, placement_id: int) -> None:
    """LocalExecutor forks: child and parent go on with connections of their own."""
    assert ledger.attempts(placement_id) == []
    fork = multiprocessing.get_context("fork")
    results: multiprocessing.Queue[object] = fork.Queue()
    child = fork.Process(target=_use, args=(ledger, results))
    child.start()
    assert results.get(timeout=30) == 0
    child.join(30)
    assert ledger.attempts(placement_id) == []
