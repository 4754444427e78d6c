"""The runbooks know every cause that the code knows."""

from __future__ import annotations

import ast
import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from airflow.sdk.exceptions import AirflowNotFoundException

from preheat.artifact import Blob, Image
from preheat.drivers.dragonfly.classify import MEANINGS
from preheat.errors import (
    Cause,
    InputError,
    LedgerError,
    RateLimitedError,
    RefusedError,
    RemoteError,
    RemoteUnavailableError,
)
from preheat.provider.retries import NotWarmError, PreheatRetryPolicy
from preheat.verdict import Finding, MissingLayer, Verdict, unknown

if TYPE_CHECKING:
    from pathlib import Path

    from preheat.drivers.dragonfly.classify import Meaning

# Where each of the two names what was looked at.
CHECKS = {"Observation": 1, "_Look": 1, "CheckItem": 0, "_item": 0, "_tried": 0}
BLOB = Blob(f"sha256:{'1' * 64}", 10)
IMAGE = Image(f"sha256:{'2' * 64}", "linux/amd64", (BLOB,))
NOTHING = unknown(IMAGE, "nobody told")
MISSING = MissingLayer(BLOB.digest, BLOB.size, (), "404", is_final=True)
LOST = replace(NOTHING, verdict=Verdict.PARTIAL, missing=(MISSING,))
PARTLY = replace(LOST, missing=(replace(MISSING, is_final=False),))


def not_warm(finding: Finding, **how: bool) -> NotWarmError:
    """Make what the sensor raises."""
    return NotWarmError("not warm", finding, tries=(1,), **how)


FAILURES: list[tuple[Exception, int]] = [
    (InputError("wrong"), 3),
    (AirflowNotFoundException("no connection"), 3),
    (LedgerError("locked"), 3),
    *((RefusedError("no", system=system), 3) for system in ("Harbor", "Dragonfly")),
    *((RemoteUnavailableError("away", system=system), 3) for system in ("Harbor", "Dragonfly")),
    (RateLimitedError("slowly", system="Dragonfly"), 3),
    (not_warm(PARTLY), 3),
    (not_warm(NOTHING, vanished=True), 3),
    (not_warm(LOST), 3),
    (not_warm(PARTLY, retry_partial=False), 3),
    (not_warm(PARTLY), 1),
]


@pytest.fixture(scope="module")
def runbooks(root: Path) -> str:
    """Read the page."""
    return (root / "docs" / "operations" / "runbooks.md").read_text(encoding="utf-8")


def reason_of(failure: Exception, attempts: int) -> str:
    """Ask the retry policy for its words."""
    decision = PreheatRetryPolicy(attempts=attempts).evaluate(failure, 1, 3)
    return decision.reason or ""


@pytest.mark.parametrize(("failure", "attempts"), FAILURES, ids=lambda each: type(each).__name__)
def test_every_reason_of_the_retry_policy_leads_to_a_section(
    failure: Exception, attempts: int, runbooks: str
) -> None:
    """What Airflow shows under a retry stands in the first table, and leads on from there."""
    reason = reason_of(failure, attempts)
    assert reason
    words = re.sub(r"after \d+ attempts", "after 3 attempts", reason)
    (row,) = [line for line in runbooks.splitlines() if line.startswith(f"| `{words}`")]
    assert "](#" in row or "as above" in row


def test_the_failures_above_are_of_every_cause() -> None:
    """A cause that is added needs a failure here, and a section there."""
    remote = [failure for failure, _ in FAILURES if isinstance(failure, RemoteError)]
    assert {failure.cause for failure in remote} == set(Cause)


@pytest.mark.parametrize("meaning", MEANINGS, ids=lambda meaning: meaning.pattern[:30])
def test_every_meaning_of_dragonflys_words_is_there(meaning: Meaning, runbooks: str) -> None:
    """With what the retry policy does, if nothing has arrived."""
    again = "no" if meaning.cause is Cause.PERMANENT else "yes"
    assert f"| {meaning.advice} | {again} |" in runbooks


def checks_of(module: Path) -> set[str]:
    """Read the names of what a module looks at: they stand in it, or in a name of it."""
    tree = ast.parse(module.read_text(encoding="utf-8"))
    named = {
        target.id: node.value.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    found = set()
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        place = CHECKS.get(getattr(call.func, "id", ""))
        if place is not None and place < len(call.args):
            name = call.args[place]
            found.add(
                name.value if isinstance(name, ast.Constant) else named.get(ast.unparse(name))
            )
    return {name for name in found if isinstance(name, str)}


def test_everything_that_the_doctor_looks_at_leads_to_a_section(root: Path, runbooks: str) -> None:
    """What stands in its second column stands in the second table."""
    source = root / "src" / "preheat"
    dragonfly = source / "drivers" / "dragonfly"
    modules = [*(source / "doctor").glob("*.py"), source / "harbor" / "check.py"]
    modules += [dragonfly / "check.py", dragonfly / "clustercheck.py"]
    checks = set().union(*map(checks_of, modules))
    assert {"pool", "seed peers", "schedulers", "token life", "credentials", "manager"} <= checks
    table = runbooks.partition("## What the doctor says")[2].partition("## Verdicts")[0]
    cells = "".join(row.split("|")[1] for row in table.splitlines() if row.startswith("|"))
    assert checks == set(re.findall(r"`([^`]+)`", cells))


def test_every_section_says_what_to_do(runbooks: str) -> None:
    """Nobody is left alone with a symptom."""
    sections = re.split(r"(?m)^### ", runbooks)[1:]
    assert len(sections) > 40
    lost = [
        each.partition("\n")[0] for each in sections if not re.search(r"\*\*(Do|Check)\.\*\*", each)
    ]
    assert lost == ["What Dragonfly's words mean"]
