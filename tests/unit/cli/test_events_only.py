"""A policy that runs on events: every place that says when it runs names them."""

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

TAKES_ALL = "an event in a repository warms all that the rules take there, old tags too"


def rewrite(include: Path, name: str, triggers: str) -> Path:
    """Give a policy other triggers."""
    file = include / "policies" / f"{name}.yaml"
    head, _, rest = file.read_text().partition("  triggers:\n")
    tail = [line for line in rest.splitlines() if not line.startswith("    ")]
    file.write_text("\n".join([f"{head}  triggers: {triggers}", *tail, ""]))
    return file


@pytest.fixture
def eventful(include: Path) -> str:
    """Make a policy run on events only, and give its name."""
    rewrite(include, "library-base", "{events: [pushed, tagAdded, signed]}")
    return "library-base"


@pytest.mark.parametrize("words", [(), ("--markdown",)])
def test_a_plan_names_them(
    preheat: Preheat, catalog: Catalog, eventful: str, words: tuple[str, ...]
) -> None:
    """Where the next run would stand."""
    found = preheat("plan", eventful, *catalog, *words)
    assert found.exit_code == 0
    assert "runs on pushed, tagAdded and signed" in " ".join(found.stdout.split())


def test_a_plan_with_a_schedule_too(preheat: Preheat, catalog: Catalog, include: Path) -> None:
    """It names the next run, and the events."""
    both = '{schedule: {cron: "0 5 * * *", timezone: UTC}, events: [pushed]}'
    rewrite(include, "library-base", both)
    told = " ".join(preheat("plan", "library-base", *catalog).stdout.split())
    assert "runs next on Wed 25 Nov at 05:00 UTC; runs on pushed." in told


def test_the_list_names_them(preheat: Preheat, eventful: str) -> None:
    """In place of the next run; a suspended policy runs on nothing."""
    told = " ".join(preheat("policy", "list").stdout.split())
    assert "on pushed, tagAdded" in told
    (row, *_) = json.loads(preheat("policy", "list", "--json").stdout)["policies"]
    assert (row["cron"], row["events"]) == (None, ["pushed", "tagAdded", "signed"])
    assert "Next run: on pushed, tagAdded and signed" in preheat("policy", "show", eventful).stdout
    preheat("policy", "suspend", eventful)
    assert "Next run: -" in preheat("policy", "show", eventful).stdout


def test_the_check_warns_of_rules_that_take_old_tags(preheat: Preheat, include: Path) -> None:
    """It is no problem of the file, and yet not what its author may expect."""
    file = rewrite(include, "library-base", "{events: [pushed]}")
    text = file.read_text()
    narrow = preheat("policy", "check")
    file.write_text("\n".join(line for line in text.splitlines() if "take:" not in line) + "\n")
    wide = preheat("policy", "check")
    assert (narrow.exit_code, wide.exit_code) == (0, 0)
    assert TAKES_ALL not in narrow.stdout
    assert TAKES_ALL in wide.stdout
    (note,) = json.loads(preheat("policy", "check", "--json").stdout)["notes"]
    assert note["file"] == "include/policies/library-base.yaml"


def test_who_resumes_it_learns_when_it_runs(preheat: Preheat, eventful: str) -> None:
    """The answer names the events."""
    preheat("policy", "suspend", eventful)
    assert "It runs on pushed, tagAdded and signed." in preheat("policy", "resume", eventful).stdout
