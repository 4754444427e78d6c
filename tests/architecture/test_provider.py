"""What Airflow finds when it looks for this package."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.metadata import distribution
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

import preheat
from preheat.provider.info import get_provider_info


def classes_and_modules(info: dict[str, Any]) -> list[str]:
    """List every import path that the provider information names."""
    kinds = ("hooks", "operators", "sensors", "triggers")
    modules = [
        name for kind in kinds for row in info.get(kind, []) for name in row["python-modules"]
    ]
    hooks = [connection["hook-class-name"] for connection in info["connection-types"]]
    assets = [
        path for scheme in info["asset-uris"] for kind, path in scheme.items() if kind != "schemes"
    ]
    return [*modules, *hooks, *assets, *info.get("extra-links", []), *info.get("plugins", [])]


@pytest.mark.parametrize("group", ["console_scripts", "apache_airflow_provider"])
def test_the_entry_points_resolve(group: str) -> None:
    """The installed package offers its command and its provider."""
    found = [entry for entry in distribution("preheat").entry_points if entry.group == group]
    assert [callable(entry.load()) for entry in found] == [True]


def test_the_provider_information_is_what_airflow_expects() -> None:
    """Airflow drops a provider whose information does not fit its schema, and only logs it."""
    airflow = find_spec("airflow")
    assert airflow is not None
    assert airflow.origin is not None
    schema = Path(airflow.origin).with_name("provider_info.schema.json")
    validator = Draft7Validator(json.loads(schema.read_text(encoding="utf-8")))
    assert [error.message for error in validator.iter_errors(get_provider_info())] == []


def test_what_the_provider_names_exists(tmp_path: Path) -> None:
    """Airflow imports these paths late, so a typo would show in the UI first."""
    names = classes_and_modules(get_provider_info())
    script = (
        "import pkgutil, sys\n"
        "for name in sys.argv[1:]: pkgutil.resolve_name(name)\n"
        "print('all found')"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *names],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "AIRFLOW_HOME": str(tmp_path)},
    )
    assert done.stdout.splitlines()[-1:] == ["all found"], done.stderr


def test_the_version_is_said_once(root: Path, pyproject: dict[str, Any]) -> None:
    """Package, provider and image carry one version."""
    version = pyproject["project"]["version"]
    assert preheat.__version__ == version
    assert get_provider_info()["versions"] == [version]
    assert f"image: preheat:{version}\n" in (root / "docker-compose.yaml").read_text("utf-8")
