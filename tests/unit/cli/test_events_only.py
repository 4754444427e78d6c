"""A policy that names only events never runs by itself in this version: that is told everywhere."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from click.testing import Result

    Preheat = Callable[..., Result]
    Catalog = tuple[str, ...]

TOLD = "events start nothing in this version: add a schedule, or run it by hand"


def rewrite(include: Path, name: str, triggers: str) -> None:
    """Give a policy other triggers."""
    file = include / "policies" / f"{name}.yaml"
    head, _, rest = file.read_text().partition("  triggers:\n")
    _, _, tail = rest.partition("\n")
    file.write_text(f"{head}  triggers: {triggers}\n{tail}")


@pytest.fixture
def eventful(include: Path) -> str:
    """Make a policy run on events only, and give its name."""
    rewrite(include, "library-base", "{events: [pushed, signed]}")
    return "library-base"


@pytest.mark.parametrize("words", [(), ("--markdown",)])
def test_a_plan_says_so(
    preheat: Preheat, catalog: Catalog, eventful: str, words: tuple[str, ...]
) -> None:
    """Where the next run would stand."""
    found = preheat("plan", eventful, *catalog, *words)
    assert found.exit_code == 0
    assert TOLD in " ".join(found.stdout.replace("&#58;", ":").split())
    assert "runs on pushed" not in found.stdout


def test_a_plan_with_a_schedule_too(preheat: Preheat, catalog: Catalog, include: Path) -> None:
    """It names the next run, and what the events do."""
    both = '{schedule: {cron: "0 5 * * *", timezone: UTC}, events: [pushed]}'
    rewrite(include, "library-base", both)
    told = " ".join(preheat("plan", "library-base", *catalog).stdout.split())
    assert "runs next on Wed 25 Nov at 05:00 UTC" in told
    assert "its events (pushed) start nothing in this version." in told


def test_the_list_says_so(preheat: Preheat, eventful: str) -> None:
    """In place of the next run, with a word on what to do."""
    found = preheat("policy", "list")
    assert "only by hand" in found.stdout
    assert f"{eventful}: {TOLD}." in found.stdout
    (row, *_) = json.loads(preheat("policy", "list", "--json").stdout)["policies"]
    assert (row["cron"], row["events"]) == (None, ["pushed", "signed"])
    assert TOLD in preheat("policy", "show", eventful).stdout


def test_the_check_says_so(preheat: Preheat, eventful: str) -> None:
    """It is no problem of the file, and yet not what its author may expect."""
    found = preheat("policy", "check")
    assert found.exit_code == 0
    file = f"include/policies/{eventful}.yaml"
    assert f"{file}: {TOLD}." in found.stdout
    assert json.loads(preheat("policy", "check", "--json").stdout)["notes"] == [
        {"file": file, "message": TOLD}
    ]


def test_who_resumes_it_learns_so(preheat: Preheat, eventful: str) -> None:
    """Setting it to work sets nothing in motion."""
    preheat("policy", "suspend", eventful)
    assert TOLD in preheat("policy", "resume", eventful).stdout
    assert TOLD not in preheat("policy", "resume", "web-frontends").stdout
