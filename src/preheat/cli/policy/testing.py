"""``preheat policy test``: run the tests that lie beside the policies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import typer
from rich.box import SIMPLE
from rich.table import Table
from rich.text import Text

from preheat.catalogfile import load
from preheat.cli.console import WRONG, errors_told, plain, print_json, stdout
from preheat.cli.explanation import print_steps, steps_data
from preheat.cli.include import Include, did_you_mean, missing
from preheat.cli.problems import print_problem, problem_count, problem_data
from preheat.errors import InputError, Problem, ProblemsError
from preheat.policy.loader import read_text
from preheat.policytest import load_case, run_case
from preheat.rendering import count_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rich.console import Console

    from preheat.policy.folder import PolicyEntry
    from preheat.policy.model import Clusters
    from preheat.policytest import Case, Result

__all__ = ["run"]

_FOLDER = "tests"


@dataclass(frozen=True)
class _Ran:
    """One test file and what came of it.

    :param problems: why it could not be run.
    """

    file: Path
    text: str = ""
    case: Case | None = None
    results: tuple[Result, ...] = ()
    problems: tuple[Problem, ...] = ()

    @property
    def failed(self) -> int:
        """How many expectations were not met; a file that cannot be run is one."""
        return sum(not result.passed for result in self.results) + bool(self.problems)


def run(path: Path | None, folder: Path, *, as_json: bool) -> None:
    """Run tests, print what came of them, and exit with 1 if any failed.

    :param path: a test file or a folder of them; by default those of the include folder.
    """
    with errors_told():
        include = Include.at(folder)
        clusters = include.clusters()
        entries = {entry.name: entry for entry in include.entries(clusters)}
        files = _files(path or include.policies / _FOLDER)
        ran = [_run(file, entries, clusters) for file in files]
    if as_json:
        print_json(_data(ran))
    else:
        _print(ran, entries)
    if any(each.failed for each in ran):
        raise typer.Exit(WRONG)


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise InputError(f"{missing(path)} Tests of policies are YAML files in policies/{_FOLDER}.")
    if files := sorted(path.glob("*.yaml")):
        return files
    raise InputError(f"{path} holds no test (*.yaml).")


def _run(file: Path, entries: dict[str, PolicyEntry], clusters: Clusters) -> _Ran:
    text = ""
    try:
        text = read_text(file)
        case = load_case(text, file.name)
        entry = entries.get(case.policy)
        if entry is None or entry.policy is None:
            raise ProblemsError([_no_policy(case, entry, entries)])  # noqa: TRY301 - one way out
        saved = None
        if case.catalog:
            found = load(file.parent / case.catalog, entry.policy.registries[0])
            saved = found.artifacts, found.facts
        return _Ran(file, text, case, run_case(case, entry.policy, clusters, saved))
    except ProblemsError as error:
        return _Ran(file, text, problems=error.problems)
    except InputError as error:
        return _Ran(file, text, problems=(Problem(str(error), file.name),))


def _no_policy(case: Case, entry: PolicyEntry | None, entries: dict[str, PolicyEntry]) -> Problem:
    message = f"There is no policy {case.policy!r}.{did_you_mean(case.policy, entries)}"
    if entry is not None:
        told = problem_count(entry.problems)
        message = f"The policy has {told}: preheat policy check {entry.path}"
    return Problem(message, case.source, case.policy_line)


def _print(ran: Sequence[_Ran], entries: dict[str, PolicyEntry]) -> None:
    console = stdout()
    for each in ran:
        _print_file(console, each, entries.get(each.case.policy) if each.case else None)
    failed = sum(each.failed for each in ran)
    total = sum(len(each.results) + bool(each.problems) for each in ran)
    tested = {each.case.policy for each in ran if each.case}
    console.print(
        f"{count_of(len(ran), 'test')}, {count_of(total, 'expectation')}:"
        f" {f'{failed} failed' if failed else 'all as expected'}.",
        style="red" if failed else "green",
    )
    if untested := sorted(entries.keys() - tested):
        console.print(f"Without a test here: {', '.join(untested)}.", soft_wrap=True)


def _print_file(console: Console, ran: _Ran, policy: PolicyEntry | None) -> None:
    for problem in ran.problems:
        print_problem(console, problem, ran.file, ran.text)
    if ran.case is None or policy is None:
        return
    at = ran.case.at.strftime("%Y-%m-%d %H:%M %Z")
    console.print(Text(f"{ran.file} at {at}", "bold"), soft_wrap=True)
    if ran.case.description:
        console.print(ran.case.description)
    table = Table(box=SIMPLE, show_edge=False, pad_edge=False)
    table.add_column("line", justify="right")
    table.add_column("image", overflow="fold")
    table.add_column("expected", overflow="fold")
    table.add_column("", no_wrap=True)
    for result in ran.results:
        wanted = result.expectation
        verdict = Text("ok", "green") if result.passed else Text("FAILED", "bold red")
        table.add_row(str(wanted.line), plain(wanted.image), _expected(result), verdict)
    console.print(table)
    for result in ran.results:
        if not result.passed:
            _print_failure(console, ran.file, result, policy)
    console.print()


def _print_failure(console: Console, file: Path, result: Result, policy: PolicyEntry) -> None:
    wanted = result.expectation
    wrong = "; ".join(result.wrong)
    console.print(
        Text(f"{file}:{wanted.line}: {plain(wanted.image)}: {plain(wrong)}", "red"), soft_wrap=True
    )
    console.print(f"  expected  {_expected(result)}", soft_wrap=True)
    console.print(f"  came      {plain(result.came)}", soft_wrap=True)
    if result.explanation is not None:
        print_steps(console, result.explanation, policy)


def _expected(result: Result) -> str:
    wanted = result.expectation
    words = ["selected" if wanted.selected else "not selected"]
    if wanted.platform:
        words.append(f"for {wanted.platform}")
    if wanted.rule:
        words.append(f"by {wanted.rule}")
    if wanted.clusters is not None:
        words.append(f"to {', '.join(wanted.clusters) or 'no cluster'}")
    codes = [code.value for code in (wanted.reason, wanted.disposition) if code is not None]
    return " ".join(words) + (f": {', '.join(codes)}" if codes else "")


def _data(ran: Sequence[_Ran]) -> dict[str, Any]:
    return {
        "ok": not any(each.failed for each in ran),
        "tests": [
            {
                "file": str(each.file),
                "policy": each.case.policy if each.case else None,
                "at": each.case.at.isoformat() if each.case else None,
                "problems": [problem_data(problem, each.file) for problem in each.problems],
                "expectations": [_result_data(result) for result in each.results],
            }
            for each in ran
        ],
    }


def _result_data(result: Result) -> dict[str, Any]:
    wanted = result.expectation
    return {
        "image": wanted.image,
        "line": wanted.line,
        "passed": result.passed,
        "expected": _expected(result),
        "came": result.came,
        "wrong": list(result.wrong),
        "rules": steps_data(result.explanation) if result.explanation else [],
    }
