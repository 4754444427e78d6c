"""``preheat policy new|list|show|suspend|resume|delete``: files stay as people wrote them."""

from __future__ import annotations

import difflib
import json
from typing import TYPE_CHECKING

import pytest

from preheat.cli.policy.editing import with_suspend
from preheat.errors import InputError
from preheat.policy.yamltext import parse

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from click.testing import Result

    Preheat = Callable[..., Result]


def changed_lines(before: str, after: str) -> list[str]:
    """Lines taken out and put in."""
    found = difflib.ndiff(before.splitlines(), after.splitlines())
    return [line for line in found if line[0] in "+-"]


def test_a_new_policy_is_valid_and_suspended(preheat: Preheat, include: Path) -> None:
    """The skeleton passes the check as it is, names a real cluster, and does nothing by itself."""
    made = preheat("policy", "new", "nightly")
    assert made.exit_code == 0
    text = (include / "policies" / "nightly.yaml").read_text()
    assert text.startswith("# yaml-language-server: $schema=policy.schema.json\n")
    assert preheat("policy", "check").exit_code == 0
    shown = json.loads(preheat("policy", "show", "nightly", "--json").stdout)
    assert shown["suspended"]
    assert shown["clusters"] == ["eu-1"]


def test_a_new_policy_from_another_keeps_its_comments(preheat: Preheat, include: Path) -> None:
    """A copy differs in its name and is suspended; not a comment is lost."""
    made = preheat("policy", "new", "web-next", "--from", "web-frontends", "--json")
    folder = include / "policies"
    assert json.loads(made.stdout)["file"] == str(folder / "web-next.yaml")
    texts = ((folder / f"{name}.yaml").read_text() for name in ("web-frontends", "web-next"))
    assert changed_lines(*texts) == [
        "-   name: web-frontends",
        "+   name: web-next",
        "+   suspend: true",
    ]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["library-base"], "include/policies/library-base.yaml exists already"),
        (["short"], "include/policies/short.yml exists already"),
        (["Up Per"], "'Up Per' is not a name"),
        (["../escape"], "'../escape' is not a name"),
        (["new", "--from", "libary-base"], "Did you mean library-base?"),
    ],
)
def test_new_refuses(preheat: Preheat, include: Path, words: list[str], said: str) -> None:
    """Nothing is overwritten, and nothing is written outside the folder."""
    (include / "policies" / "short.yml").write_text("")
    before = {path: path.read_text() for path in include.rglob("*") if path.is_file()}
    refused = preheat("policy", "new", *words)
    assert refused.exit_code == 2
    assert said in refused.stderr
    assert {path: path.read_text() for path in include.rglob("*") if path.is_file()} == before


def test_suspend_and_resume_change_one_line(preheat: Preheat, include: Path) -> None:
    """Only the key itself changes, whether it was there or not; the mode of the file stays."""
    file = include / "policies" / "web-frontends.yaml"
    file.chmod(0o640)
    before = file.read_text()
    suspended = preheat("policy", "suspend", "web-frontends")
    assert suspended.stdout == "web-frontends is suspended now.\n"
    between = file.read_text()
    assert changed_lines(before, between) == ["+   suspend: true"]
    assert preheat("policy", "suspend", "web-frontends").stdout.endswith("already.\n")
    resumed = preheat("policy", "resume", "web-frontends.yaml")
    assert "web-frontends is active now. It runs next at 2" in resumed.stdout
    assert file.read_text() == before
    assert file.stat().st_mode & 0o777 == 0o640
    assert [path.name for path in file.parent.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize(
    "text",
    [
        "spec: {sources: []}\n",
        "spec:\n      # first\n      sources: []   # [not suspend]\n",
        "spec:\r\n  sources: []\r\n",
        "spec: {suspend: false, sources: []}",
        'spec:\n  suspend: "false"\n',
        "spec:\n  sources: []\n  suspend:\n    false # later\n",
        "metadata: {name: suspend}\nspec:\n  'sources': []\n",
        "# \N{GRINNING FACE} \x85# é\nspec: {sources: []}\n",
    ],
)
def test_suspend_finds_its_place_in_any_style(text: str) -> None:
    """Flow or block, quoted or not, odd line ends: the value is set and all else is kept."""
    changed = with_suspend(text, "p.yaml", suspend=True)
    data = parse(changed, "p.yaml").data
    assert isinstance(data, dict)
    assert data["spec"].pop("suspend") == "true"
    before = parse(text, "p.yaml").data
    assert isinstance(before, dict)
    before["spec"].pop("suspend", None)
    assert data == before
    assert with_suspend(changed, "p.yaml", suspend=True) == changed


@pytest.mark.parametrize(
    ("suspended", "resumed"),
    [
        ("spec:\n  suspend: true\n  sources: []\n", "spec:\n  sources: []\n"),
        ("spec:\r\n  suspend: 'true'\r\n  sources: []\r\n", "spec:\r\n  sources: []\r\n"),
        ("spec:\n  sources: []\n  suspend: true", "spec:\n  sources: []\n"),
        ("spec:\n  suspend: true  # why\n", "spec:\n  suspend: false  # why\n"),
        ("spec: {suspend: true, sources: []}", "spec: {suspend: false, sources: []}"),
        ("spec:\n  suspend: false\n", "spec:\n  suspend: false\n"),
        ("spec:\n  sources: []\n", "spec:\n  sources: []\n"),
    ],
)
def test_resume_leaves_nothing_behind(suspended: str, resumed: str) -> None:
    """The line goes that suspended; a comment, or a line that holds more, stays."""
    assert with_suspend(suspended, "p.yaml", suspend=False) == resumed


@pytest.mark.parametrize(
    "text", ["spec:\n", "kind: x\n", "spec:\n  suspend: >-\n    false\n", "spec: [1]\n"]
)
def test_suspend_refuses_what_it_cannot_prove(text: str) -> None:
    """A file in which the key has no safe place is left alone, and the words say what to do."""
    with pytest.raises(InputError, match="'suspend: true' below 'spec:' by hand"):
        with_suspend(text, "p.yaml", suspend=True)


def test_a_broken_policy_can_be_suspended(preheat: Preheat, include: Path) -> None:
    """Whoever must stop a policy at night need not mend it first; that it is broken is told."""
    file = include / "policies" / "ml-serving.yaml"
    file.write_text(file.read_text().replace("newest: 2", "newest: two"))
    done = preheat("policy", "suspend", "ml-serving")
    assert done.exit_code == 0
    assert "It has 1 problem: preheat policy check" in done.stderr
    assert "  suspend: true\n" in file.read_text()


def test_list_shows_events(preheat: Preheat, include: Path) -> None:
    """What a policy listens to stands below its next run."""
    file = include / "policies" / "ml-serving.yaml"
    text = file.read_text()
    file.write_text(text.replace("  triggers:\n", "  triggers:\n    events: [pushed]\n"))
    rows = preheat("policy", "list").stdout.splitlines()
    number = next(n for n, row in enumerate(rows) if row.startswith("ml-serving"))
    assert rows[number + 1].split() == ["on", "pushed"]


def test_list_shows_good_and_broken(preheat: Preheat, include: Path) -> None:
    """One line a policy within 80 columns, with state and next run; broken ones have theirs."""
    (include / "policies" / "broken.yaml").write_text("kind: [")
    preheat("policy", "suspend", "ml-serving")
    found = preheat("policy", "list")
    assert found.exit_code == 0
    lines = {line.split()[0]: line for line in found.stdout.splitlines() if line[:1].isalpha()}
    assert "1 problem" in lines["broken"]
    assert "suspended" in lines["ml-serving"]
    assert "04:30 CE" in lines["web-frontends"]
    assert "web-team" in lines["web-frontends"]
    assert max(map(len, found.stdout.splitlines())) <= 80
    rows = json.loads(preheat("policy", "list", "--json").stdout)["policies"]
    assert [row["name"] for row in rows] == sorted(lines.keys() - {"policy", "1"})
    assert {row["name"]: row.get("next_run") for row in rows}["ml-serving"] is None


def test_show_tells_what_nobody_wrote(preheat: Preheat, include: Path) -> None:
    """The file comes as it is, then each value that holds by default, and only those."""
    found = preheat("policy", "show", "web-frontends")
    assert (include / "policies" / "web-frontends.yaml").read_text() in found.stdout
    _, _, besides = found.stdout.partition("by default\n")
    assert "  spec.submit.timeout: 1h\n" in besides
    assert "freshFor" not in besides
    data = json.loads(preheat("policy", "show", "web-frontends", "--json").stdout)
    assert data["effective"]["spec.submit.freshFor"] == "12h"
    assert data["effective"]["spec.submit.timeout"] == "1h"


def test_show_of_a_broken_policy_is_wrong(preheat: Preheat, include: Path) -> None:
    """The text and its problems are shown, and the exit code says that it is not right."""
    (include / "policies" / "broken.yaml").write_text("kind: [\n")
    found = preheat("policy", "show", "broken")
    assert found.exit_code == 1
    assert "include/policies/broken.yaml:2:1: The file is not valid YAML" in found.stdout


def test_delete_asks(preheat: Preheat, include: Path) -> None:
    """A no keeps the file, a yes or --yes removes it, and no answer is a no."""
    file = include / "policies" / "ml-serving.yaml"
    for answer in ("n\n", ""):
        assert preheat("policy", "delete", "ml-serving", stdin=answer).exit_code == 1
        assert file.exists()
    assert preheat("policy", "delete", "ml-serving", stdin="y\n").exit_code == 0
    assert not file.exists()
    gone = preheat("policy", "delete", "web-frontends", "--yes", "--json")
    assert json.loads(gone.stdout)["name"] == "web-frontends"
    assert preheat("policy", "delete", "web-frontends", "--yes").exit_code == 2


def test_another_include_folder(preheat: Preheat, include: Path) -> None:
    """``--include`` names the folder; one that is no such folder is told."""
    moved = include.rename("elsewhere")
    assert preheat("policy", "list", "--include", moved).exit_code == 0
    found = preheat("policy", "list")
    assert found.exit_code == 2
    assert "There is no include." in found.stderr
    found = preheat("policy", "list", "--include", moved / "policies")
    assert "elsewhere/policies holds no folder 'policies'" in found.stderr
