"""The lock: complete, hashed, current, and what runs here."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

if TYPE_CHECKING:
    from pathlib import Path

LOCKS = ("requirements.txt", "requirements-dev.txt")


def entries(lock: Path) -> list[str]:
    """Split a lock into its entries: a pin and its hashes."""
    return re.split(r"\n(?=[A-Za-z0-9])", lock.read_text(encoding="utf-8"))


def pins(lock: Path, **environment: str) -> dict[str, str]:
    """Read the pins that hold in an environment (by default this one): name to version."""
    found = [Requirement(entry.split(" \\\n")[0]) for entry in entries(lock)]
    return {
        canonicalize_name(pin.name): str(pin.specifier).removeprefix("==")
        for pin in found
        if pin.marker is None or pin.marker.evaluate(environment)
    }


def declared(pyproject: dict[str, Any], lock: str) -> list[Requirement]:
    """List what pyproject.toml asks for in that lock."""
    extra = pyproject["dependency-groups"]["dev"] if lock == "requirements-dev.txt" else []
    return [Requirement(text) for text in (*pyproject["project"]["dependencies"], *extra)]


@pytest.mark.parametrize("lock", LOCKS)
@pytest.mark.parametrize("python", ["3.11", "3.12"])
def test_the_lock_holds_what_the_project_asks_for(
    root: Path, pyproject: dict[str, Any], lock: str, python: str
) -> None:
    """Each dependency is pinned, on both Pythons, to a version that pyproject.toml allows."""
    pinned = pins(root / lock, python_version=python, python_full_version=f"{python}.1")
    wrong = [
        str(wanted)
        for wanted in declared(pyproject, lock)
        if pinned.get(canonicalize_name(wanted.name), "") not in wanted.specifier
    ]
    assert wrong == [], "run `make lock`"


@pytest.mark.parametrize("lock", LOCKS)
def test_the_lock_pins_by_hash_and_names_no_index(root: Path, lock: str) -> None:
    """What is installed is what was locked, from whichever index a machine uses."""
    without = [entry.splitlines()[0] for entry in entries(root / lock) if "--hash=" not in entry]
    assert without == []
    assert re.findall(r"(?m)^-.*|\S+://\S+", (root / lock).read_text(encoding="utf-8")) == []


def test_tools_change_no_version_that_runs(root: Path) -> None:
    """The development lock is the runtime lock and more."""
    assert pins(root / LOCKS[0]).items() <= pins(root / LOCKS[1]).items()


def test_what_is_installed_is_what_is_locked(root: Path) -> None:
    """Tests speak for the lock only if they run on it."""
    differing = {}
    for name, pinned in pins(root / "requirements-dev.txt").items():
        try:
            installed = version(name)
        except PackageNotFoundError:
            installed = "absent"
        if installed != pinned:
            differing[name] = (pinned, installed)
    assert differing == {}, "run `make setup`"


def test_the_image_adds_only_what_it_lacks(root: Path, tmp_path: Path) -> None:
    """Entries of installed packages are left out, those of others stay whole."""
    lock = tmp_path / "lock.txt"
    lock.write_text(
        "absent-package==1.0 \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb\n    # via preheat\n"
        "PyTest==0.1 \\\n    --hash=sha256:cc\n",
        encoding="utf-8",
    )
    script = root / "scripts" / "missing_requirements.py"
    done = subprocess.run(
        [sys.executable, str(script), str(lock)], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[0] == "absent-package==1.0 \\"
    assert "--hash=sha256:bb" in done.stdout
    assert "PyTest" not in done.stdout
