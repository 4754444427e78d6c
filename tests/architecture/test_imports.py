"""Who may import whom: the table of AGENTS.md, enforced."""

from __future__ import annotations

import ast
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

VALUES = frozenset({
    *("artifact", "catalogue", "checks", "demand", "difference", "errors", "event", "facts"),
    *("placement", "plan"),
})
CORE = VALUES | {
    *("asking", "catalogfile", "drivers", "evidence", "explaining", "finding", "following"),
    "recounting",
    *("catchup", "doctor", "draining", "harbor", "importing", "nudging", "touching", "upkeep"),
    *("ledger", "planning", "policy", "policytest", "proving", "rendering", "transport", "verdict"),
}
# A part of preheat and the parts it may import, besides itself. Nothing imports to its right.
MAY_IMPORT = {
    **dict.fromkeys(VALUES, VALUES),
    "transport": frozenset({"errors"}),
    "policy": VALUES - {"checks"},
    "planning": VALUES | {"harbor", "ledger", "policy"},
    "touching": VALUES | {"policy"},
    "draining": VALUES | {"harbor", "ledger", "planning", "policy", "rendering", "touching"},
    "nudging": frozenset({"ledger"}),
    "explaining": VALUES | {"policy"},
    "recounting": VALUES,
    "policytest": VALUES | {"explaining", "planning", "policy"},
    "following": VALUES | {"drivers"},
    "harbor": VALUES | {"transport"},
    "catchup": VALUES | {"harbor", "ledger"},
    "catalogfile": VALUES | {"harbor"},
    "importing": VALUES | {"harbor", "policy"},
    "drivers": VALUES | {"transport"},
    "evidence": VALUES | {"drivers"},
    "finding": VALUES,
    "verdict": VALUES | {"drivers", "evidence", "finding"},
    "ledger": VALUES | {"evidence", "verdict"},
    "asking": VALUES | {"drivers", "ledger", "verdict"},
    "proving": VALUES | {"drivers", "evidence", "ledger", "verdict"},
    "rendering": VALUES | {"drivers", "ledger", "verdict"},
    "doctor": VALUES | {"drivers", "harbor", "ledger", "policy", "proving", "rendering"},
    "upkeep": VALUES | {"drivers", "harbor", "ledger", "proving", "verdict"},
    "sandbox": frozenset[str](),
    "provider": CORE,
    "web": CORE | {"provider"},
    "cli": CORE | {"cli", "provider", "sandbox"},
}
# Packages that only these parts may import.
ONLY_IN = {
    "airflow": {"provider", "web"},
    "alembic": {"ledger"},
    "fastapi": {"sandbox", "web"},
    "rich": {"cli", "rendering"},
    "sqlalchemy": {"ledger", "provider", "web"},
    "starlette": {"sandbox", "web"},
    "typer": {"cli"},
}
# What would make the engine depend on more than its arguments.
IMPURE = {"http", "os", "random", "requests", "secrets", "socket", "subprocess", "time", "urllib3"}


def imports(file: Path) -> Iterator[str]:
    """Name every module that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = (alias.name for alias in node.names)
            yield from (f"{node.module}.{name}" for name in names)


@pytest.fixture(scope="module")
def edges(root: Path) -> set[tuple[str, str, str]]:
    """Every import below src/preheat: file, part of preheat it belongs to, what it imports."""
    package = root / "src" / "preheat"
    return {
        (str(file.relative_to(package)), file.relative_to(package).parts[0].split(".")[0], module)
        for file in package.rglob("*.py")
        for module in imports(file)
    }


def test_each_part_imports_only_what_lies_to_its_left(edges: set[tuple[str, str, str]]) -> None:
    """Data goes left to right once, so imports only point left; a new part joins the table."""
    wrong = {
        (file, module)
        for file, part, module in edges
        if part != "__init__"
        and module.startswith("preheat.")
        and (imported := module.split(".")[1]) not in {part, "__version__"}
        and imported not in MAY_IMPORT.get(part, frozenset())
    }
    assert wrong == set()


def test_the_verdict_knows_the_driver_interface_but_no_driver(
    edges: set[tuple[str, str, str]],
) -> None:
    """A verdict rests on what any driver reports, never on one vendor's words."""
    free = {"asking", "evidence", "finding", "proving", "verdict"}
    wrong = {
        (file, module)
        for file, part, module in edges
        if part in free
        and module.startswith("preheat.drivers.")
        and not module.startswith("preheat.drivers.base")
    }
    assert wrong == set()


@pytest.mark.parametrize("package", sorted(ONLY_IN))
def test_a_framework_stays_in_its_corner(package: str, edges: set[tuple[str, str, str]]) -> None:
    """Each framework is imported by the parts that exist because of it."""
    used = {part for _, part, module in edges if module.split(".")[0] == package}
    assert used <= ONLY_IN[package]


def test_the_policy_engine_has_no_outside(edges: set[tuple[str, str, str]]) -> None:
    """The engine is a function of its arguments: no network, environment, clock or chance."""
    used = {module.split(".")[0] for _, part, module in edges if part == "policy"}
    assert used & IMPURE == set()


def test_the_core_and_the_command_import_without_airflow(root: Path) -> None:
    """``import airflow.sdk`` costs seconds; command, core and sandbox never pay them."""
    package = root / "src" / "preheat"
    modules = [
        ".".join(("preheat", *file.relative_to(package).with_suffix("").parts))
        for file in package.rglob("*.py")
        if not {"provider", "web", "migrations"} & set(file.relative_to(package).parts)
    ]
    assert {"preheat.cli.__init__", "preheat.policy.engine", "preheat.verdict"} <= set(modules)
    script = (
        "import importlib, sys\n"
        "for name in sys.argv[1:]: importlib.import_module(name.removesuffix('.__init__'))\n"
        "print(sorted(name for name in sys.modules if name.split('.')[0] == 'airflow'))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *sorted(modules)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
