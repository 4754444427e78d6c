"""``preheat policy test``: expectations about policies, kept beside them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from click.testing import Result

    Preheat = Callable[..., Result]

HEAD = """\
apiVersion: preheat/v1alpha1
kind: PreheatPolicyTest
policy: library-base
at: 2026-11-24T12:00:00Z
"""
GIVEN = """\
given:
  - {image: "library/nginx:2.3.0", tags: [latest], pushed: 2d}
  - {image: "library/nginx:2.2.1", pushed: 30d}
"""


def write(include: Path, text: str) -> Path:
    """Put one test in place of those that ship."""
    folder = include / "policies" / "tests"
    for file in folder.iterdir():
        file.unlink()
    file = folder / "mine.yaml"
    file.write_text(text)
    return file


def test_the_shipped_policies_are_tested(preheat: Preheat, include: Path) -> None:
    """Every policy that ships has a test beside it, and each one passes."""
    found = preheat("policy", "test")
    assert found.exit_code == 0
    assert "all as expected" in found.stdout
    assert "Without a test" not in found.stdout
    assert max(map(len, found.stdout.splitlines())) <= 80


def test_a_failure_says_what_came_and_why(preheat: Preheat, include: Path) -> None:
    """A failed expectation names its line, what came instead, and every step that led there."""
    file = write(
        include,
        f"{HEAD}{GIVEN}expect:\n"
        '  - {image: "library/nginx:2.2.1", selected: true}\n'
        '  - {image: "library/nginx:latest", selected: true, clusters: [eu-1]}\n'
        '  - {image: "library/nginx:2.3.0", selected: true, rule: bases}\n',
    )
    found = preheat("policy", "test", file)
    assert found.exit_code == 1
    assert f"{file}:9: library/nginx:2.2.1: it is not selected" in found.stdout
    assert "came      NOT_NEWEST by bases: number 2 of 2" in found.stdout
    assert "FAIL take" in found.stdout
    assert f"{file}:10: library/nginx:latest: it goes to eu-1, us-1" in found.stdout
    assert "1 test, 3 expectations: 2 failed." in found.stdout
    told = json.loads(preheat("policy", "test", file, "--json").stdout)
    passed = [each["passed"] for each in told["tests"][0]["expectations"]]
    assert passed == [False, False, True]


@pytest.mark.parametrize(
    ("expectation", "wrong"),
    [
        ("selected: false, reason: TAG_DENIED", "the reason is NOT_NEWEST"),
        ("selected: false, rule: others", "no rule others says anything of it"),
        ("selected: true, disposition: OVER_BUDGET", "it is not selected; the plan says nothing"),
    ],
)
def test_what_can_be_expected(
    preheat: Preheat, include: Path, expectation: str, wrong: str
) -> None:
    """Reason, rule and disposition are compared, each with its own words."""
    write(include, f'{HEAD}{GIVEN}expect: [{{image: "library/nginx:2.2.1", {expectation}}}]\n')
    found = preheat("policy", "test", "--json")
    (result,) = json.loads(found.stdout)["tests"][0]["expectations"]
    assert "; ".join(result["wrong"]) == wrong


def test_an_image_that_is_not_given(preheat: Preheat, include: Path) -> None:
    """A typo in an expectation fails, instead of passing as not selected."""
    write(include, f'{HEAD}{GIVEN}expect: [{{image: "library/ngnix:2.2.1", selected: false}}]\n')
    found = preheat("policy", "test")
    assert found.exit_code == 1
    assert "did you mean library/nginx:2.2.1" in found.stdout


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"{HEAD}{GIVEN}expects: []\n", "mine.yaml:8:1: expects The key"),
        (f"{HEAD}expect: [{{image: a/b, selected: true}}]\n", "exactly one of given and catalog"),
        (f"{HEAD}{GIVEN}expect: [{{image: b, selected: true}}]\n", "'b' is not an image"),
        (
            f"{HEAD}{GIVEN}expect: [{{image: a/b, selected: true, reason: NO_SCAN}}]\n",
            "an image that is selected cannot be NO_SCAN",
        ),
        (
            f"{HEAD}{GIVEN}expect: [{{image: a/b, selected: false, reason: NOT_NEW}}]\n",
            "Did you mean 'NOT_NEWEST'?",
        ),
        (HEAD.replace("2026-11-24T12:00:00Z", "noon"), "'noon' is not a time"),
        (f"{HEAD}given: [{{image: a/b:1, pushed: 2}}]\n", "'2' is neither an age"),
        ("", "The file is empty."),
        (HEAD.replace("base", "bas") + f"{GIVEN}expect: [{{image: a/b, selected: true}}]\n",
         "There is no policy 'library-bas'. Did you mean library-base?"),
        (f"{HEAD}catalog: nosuch.jsonl\nexpect: [{{image: a/b, selected: true}}]\n",
         "nosuch.jsonl cannot be read"),
    ],
)  # fmt: skip
def test_a_wrong_test_file_is_told(preheat: Preheat, include: Path, text: str, said: str) -> None:
    """Bad keys, values and names in a test are problems with their place; nothing passes."""
    write(include, text)
    found = preheat("policy", "test")
    assert found.exit_code == 1
    assert said.lower() in found.stdout.lower()
    assert "include/policies/tests/mine.yaml" in found.stdout


def test_a_broken_policy_fails_its_test(preheat: Preheat, include: Path) -> None:
    """What cannot be read cannot be as expected; the words say where its problems are told."""
    file = include / "policies" / "library-base.yaml"
    file.write_text(file.read_text().replace("newest: 1", "newest: one"))
    found = preheat("policy", "test", include / "policies" / "tests" / "library-base.yaml")
    assert found.exit_code == 1
    assert "The policy has 1 problem: preheat policy check" in found.stdout


def test_a_saved_catalogue_in_place_of_given(preheat: Preheat, include: Path) -> None:
    """A test may name a catalogue file, relative to itself."""
    file = write(
        include,
        f'{HEAD}catalog: ../saved.jsonl\nexpect: [{{image: "library/nginx:1", selected: true}}]\n',
    )
    line = {
        "repository_name": "library/nginx",
        "digest": f"sha256:{'1' * 64}",
        "tags": [{"name": "1", "push_time": "2026-11-20T00:00:00Z"}],
    }
    (file.parent.parent / "saved.jsonl").write_text(json.dumps(line))
    assert preheat("policy", "test").exit_code == 0


@pytest.mark.parametrize("path", [Path("nosuch"), Path("include/policies/nosuch.yaml")])
def test_no_test_is_bad_usage(preheat: Preheat, include: Path, path: Path) -> None:
    """A path that is not there is not a passed test."""
    found = preheat("policy", "test", path)
    assert found.exit_code == 2
    assert f"There is no {path}." in found.stderr


def test_gates_windows_and_budgets_can_be_tested(preheat: Preheat, include: Path) -> None:
    """Scans, signatures, sizes and allowlists are given; dispositions are expected."""
    policy = include / "policies" / "library-base.yaml"
    policy.write_text(
        policy.read_text()
        + """\
  gates:
    vulnerabilities: {rejectSeverity: high, useProjectAllowlist: true}
    signature: {verifier: cosign}
    size: {maxPerImage: 1GiB}
  budget: {perRun: 300MiB}
"""
    )
    write(
        include,
        f"""{HEAD}
given:
  - {{image: "library/nginx:5", pushed: 1h, size: 2GiB, scan: {{}}, signed: cosign}}
  - {{image: "library/nginx:4", pushed: 2h, size: 1MiB, scan: {{}}}}
  - image: library/nginx:3
    pushed: 3h
    size: 200MiB
    signed: cosign
    scan: {{severity: High}}
    vulnerabilities: [{{id: CVE-2026-1, severity: High}}]
  - {{image: "library/redis:2", pushed: 4h, size: 1MiB, signed: cosign}}
  - {{image: "library/hello:1", pushed: 5h, size: 90MiB, signed: cosign, scan: {{severity: Low}}}}
allowlists: {{library: [CVE-2026-1]}}
expect:
  - {{image: "library/nginx:5", selected: false, reason: TOO_BIG}}
  - {{image: "library/nginx:4", selected: false, reason: UNSIGNED}}
  - {{image: "library/nginx:3", selected: true}}
  - {{image: "library/redis:2", selected: false, reason: NO_SCAN}}
  - {{image: "library/hello:1", selected: true}}
""",
    )
    found = preheat("policy", "test")
    assert found.exit_code == 0, found.stdout
