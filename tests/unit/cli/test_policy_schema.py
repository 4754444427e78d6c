"""``preheat policy schema`` writes what editors read, or says that it is not current."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from click.testing import Result


def test_shipped_schemas_are_current(include: Path, preheat: Callable[..., Result]) -> None:
    """Nothing is written where there is nothing to write."""
    result = preheat("policy", "schema", "--check")
    assert (result.exit_code, result.stdout) == (0, "2 schemas in include are current.\n")


def test_an_old_schema_is_told_and_then_written(
    include: Path, preheat: Callable[..., Result]
) -> None:
    """``--check`` for CI names the command that mends it."""
    schema = include / "policies" / "policy.schema.json"
    right = schema.read_text()
    schema.write_text("{}")
    told = preheat("policy", "schema", "--check")
    assert told.exit_code == 1
    assert f"{schema} is not current; write it with: preheat policy schema" in told.stdout
    assert schema.read_text() == "{}"
    assert preheat("policy", "schema").stdout == f"{schema} written.\n"
    assert schema.read_text() == right


def test_for_programs_each_file_is_told(include: Path, preheat: Callable[..., Result]) -> None:
    """What is there, and what was done."""
    (include / "clusters.schema.json").unlink()
    told = json.loads(preheat("policy", "schema", "--json").stdout)
    assert [(Path(f["file"]).name, f["current"], f["written"]) for f in told] == [
        ("policy.schema.json", True, False),
        ("clusters.schema.json", False, True),
    ]


def test_where_nothing_can_be_written_it_says_so(
    include: Path, preheat: Callable[..., Result]
) -> None:
    """One sentence and the exit code for bad input."""
    result = preheat("policy", "schema", "--include", include / "clusters.yaml")
    assert result.exit_code == 2
    assert "cannot be written" in result.stderr
