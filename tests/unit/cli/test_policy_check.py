"""``preheat policy check`` tells all that is wrong, with its place, and hides nothing good."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from click.testing import Result

    Preheat = Callable[..., Result]

BROKEN = Path(__file__).parents[2] / "data" / "policies"


def test_good_files_are_counted(preheat: Preheat, include: Path) -> None:
    """One line says that all is right; the folder around the policies may be named too."""
    for path in ([], [include / "policies"], [include], [include / "policies" / "ml-serving.yaml"]):
        found = preheat("policy", "check", *path)
        assert found.exit_code == 0
        assert "no problems; 2 clusters." in found.stdout
        assert found.stderr == ""


def test_a_problem_has_place_line_and_caret(preheat: Preheat, include: Path) -> None:
    """The line of the file is shown, the caret stands below the wrong word, the hint is there."""
    file = include / "policies" / "library-base.yaml"
    text = file.read_text().replace("deny: [", "dney: [")
    file.write_text(text)
    number = text[: text.index("dney")].count("\n") + 1
    found = preheat("policy", "check")
    place, line, caret, *_ = found.stdout.splitlines()
    assert found.exit_code == 1
    assert place.startswith(f"include/policies/library-base.yaml:{number}:9: ")
    assert "did you mean 'deny'?" in place
    assert line.startswith(f"  {number} |         dney: [")
    assert caret.index("^") == line.index("dney")
    assert "3 policies, 1 with problems; 2 clusters." in found.stdout


def test_all_problems_of_all_files_are_told(preheat: Preheat, include: Path) -> None:
    """Pictures, Latin-1, tabs and lists harm no other file, and the good one is known as good."""
    found = preheat("policy", "check", BROKEN, "--clusters", include / "clusters.yaml", "--json")
    told = json.loads(found.stdout)
    assert found.exit_code == 1
    assert not told["ok"]
    assert [policy["name"] for policy in told["policies"] if policy["ok"]] == ["good"]
    assert len({problem["file"] for problem in told["problems"]}) == len(told["policies"]) - 1
    assert all(problem["message"] for problem in told["problems"])


def test_a_caret_stays_in_sight_of_a_long_line(preheat: Preheat, include: Path) -> None:
    """Of a long line only what is around the place is shown, whatever letters are before it."""
    file = include / "policies" / "library-base.yaml"
    long = f"description: {'日本' * 80}, ower: me"
    file.write_text(file.read_text().replace("metadata:\n", f"metadata: {{{long}}}\nignored:\n"))
    found = preheat("policy", "check", file)
    lines = found.stdout.splitlines()
    at = next(number for number, line in enumerate(lines) if "'ower'" in line)
    shown, caret = lines[at + 1 : at + 3]
    before = shown[: shown.index("ower")]
    wide = sum(letter in "日本" for letter in before)
    assert caret.index("^") == len(before) + wide
    assert len(shown) < 120


def test_a_tab_or_escape_in_a_line_does_no_harm(preheat: Preheat, include: Path) -> None:
    """Control characters of a file do not reach the terminal."""
    file = include / "policies" / "library-base.yaml"
    file.write_text("kind: x\napiVersion: [\x1b[31mred\t]\n")
    found = preheat("policy", "check", file)
    assert found.exit_code == 1
    assert "\x1b" not in found.stdout


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("nosuch.yaml", "There is no nosuch.yaml.\n"),
        ("include/policys", "There is no include/policys. Did you mean policies?\n"),
        ("empty", "empty holds no policy (*.yaml).\n"),
    ],
)
def test_nothing_to_check_is_bad_usage(
    preheat: Preheat, include: Path, path: str, said: str
) -> None:
    """A missing path and an empty folder are told as what they are, not as missing clusters."""
    Path("empty").mkdir()
    found = preheat("policy", "check", path)
    assert (found.exit_code, found.stdout, found.stderr) == (2, "", said)


def test_missing_clusters_hide_no_problem_of_a_policy(preheat: Preheat, include: Path) -> None:
    """Without clusters, what needs none is checked; that they are missing is told besides."""
    (include / "clusters.yaml").unlink()
    file = include / "policies" / "library-base.yaml"
    file.write_text(file.read_text().replace("newest: 1", "newest: one"))
    found = preheat("policy", "check")
    assert found.exit_code == 2
    assert "There is no include/clusters.yaml" in found.stderr
    assert "'one' is not a whole number" in found.stdout
    assert "There is no cluster" not in found.stdout
    assert "3 policies, 1 with problems" in found.stdout


def test_wrong_clusters_are_told_once(preheat: Preheat, include: Path) -> None:
    """A mistake in the clusters is one problem, not one for each policy that targets them."""
    clusters = include / "clusters.yaml"
    clusters.write_text(clusters.read_text().replace("labels:", "lables:", 1))
    found = preheat("policy", "check")
    assert found.exit_code == 1
    assert (
        "include/clusters.yaml:16:5: " in found.stdout or "did you mean 'labels'?" in found.stdout
    )
    assert "3 policies, no problems; what they target was not checked" in found.stdout


def test_clusters_of_elsewhere(preheat: Preheat, include: Path) -> None:
    """``--clusters`` names the file that policies are checked against."""
    elsewhere = Path("elsewhere.yaml")
    elsewhere.write_text((include / "clusters.yaml").read_text().replace("us-1", "us-2"))
    found = preheat("policy", "check", "--clusters", elsewhere)
    assert found.exit_code == 1
    assert "There is no cluster 'us-1'; did you mean 'us-2'?" in found.stdout


def test_yml_is_told(preheat: Preheat, include: Path) -> None:
    """A file that ends in .yml would be overlooked for ever, so it is a problem."""
    file = include / "policies" / "library-base.yaml"
    file.rename(file.with_suffix(".yml"))
    found = preheat("policy", "check")
    assert found.exit_code == 1
    assert "rename it to library-base.yaml" in found.stdout
