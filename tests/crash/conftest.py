"""The crash matrix: only ``make test-crash`` runs it, and it writes the table into the docs."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.crash.rig.cells import Cell
    from tests.crash.rig.databases import Postgres, Sqlite
    from tests.crash.rig.table import Row
    from tests.crash.rig.world import World

HERE = Path(__file__).parent
DOCS = "PREHEAT_CRASH_DOCS"
NUMBER = pytest.StashKey[int]()
ROW = "row of the crash matrix"
DATABASE = "database of the crash matrix"
_told: list[tuple[str, Any]] = []


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave these tests out of every other run: they take minutes and kill processes."""
    if "crash" not in config.option.markexpr and collection_path.name.startswith("test_"):
        return True
    return None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark all that is here, and number it: lines of the table come in any order."""
    for number, item in enumerate(items):
        item.stash[NUMBER] = number
        if HERE in item.path.parents:
            item.add_marker("crash")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Keep the cells of one Airflow in one process; xdist 3.8 loses its groups on pytest 9.2."""
    from xdist.scheduler import LoadScopeScheduling  # noqa: PLC0415 - only if it is there

    class ByAirflow(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file, _, test = nodeid.partition("::")
            own = file.endswith("test_airflow.py") and "postgresql" in test
            return f"{file} {own}"

    return ByAirflow(config, log) if "crash" in config.option.markexpr else None


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Collect what the cells found, from every process of xdist."""
    if report.when == "teardown":
        _told.extend(report.user_properties)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table; write it where the Makefile says."""
    from tests.crash.rig.table import Row, terminal_table, write_docs  # noqa: PLC0415 - only if asked for

    found = sorted((value for name, value in _told if name == ROW), key=lambda value: value[0])
    rows = [Row(**fields) for _, fields in found]
    if not rows:
        return
    terminalreporter.section("crash matrix")
    for line in terminal_table(rows):
        terminalreporter.write_line(line)
    databases = dict(version for name, version in _told if name == DATABASE)
    if os.environ.get(DOCS):
        write_docs(Path(os.environ[DOCS]), rows, databases)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """Start a PostgreSQL that may be killed."""
    from tests.crash.rig.databases import postgres  # noqa: PLC0415 - only if asked for

    with postgres() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"], scope="module")
def database(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Sqlite | Postgres:
    """Give each database in turn."""
    from tests.crash.rig.databases import Sqlite  # noqa: PLC0415 - only if asked for

    if request.param == "postgresql":
        return request.getfixturevalue("postgres")
    return Sqlite(tmp_path_factory.mktemp("sqlite"))


@pytest.fixture
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    """Serve fresh stand-ins; the parameter shifts the manager's clock."""
    from tests.crash.rig.world import worlds  # noqa: PLC0415 - only if asked for

    yield from worlds(skew_seconds=getattr(request, "param", 0))


@pytest.fixture
def rows(
    request: pytest.FixtureRequest,
    database: Sqlite | Postgres,
    record_property: Callable[[str, Any], None],
) -> Iterator[list[Row]]:
    """Keep the lines of the table that one test makes."""
    found: list[Row] = []
    yield found
    for row in found:
        record_property(ROW, (request.node.stash[NUMBER], asdict(row)))
        record_property(DATABASE, (database.name, database.version))


@pytest.fixture
def cell(database: Sqlite | Postgres, world: World, rows: list[Row]) -> Callable[..., Cell]:
    """Give a way to begin a cell that plain processes run."""
    from tests.crash.rig.cells import Cell  # noqa: PLC0415 - only if asked for

    def begin(name: str) -> Cell:
        return Cell(name, "cell", "processes", database.name, world, rows)

    return begin


@pytest.fixture(scope="session")
def shifted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Build the environment in which a process's wall clock is an hour ahead."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler: a process's clock cannot be shifted")
    library = tmp_path_factory.mktemp("shift") / "shift.so"
    command = [compiler, "-shared", "-fPIC", "-o", str(library), str(HERE / "shift.c"), "-ldl"]
    subprocess.run(command, check=True)
    return {"LD_PRELOAD": str(library), "SHIFT_SECONDS": "3600"}
