"""``preheat explain`` answers "why not this one?" in words a newcomer understands."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from click.testing import Result

    Preheat = Callable[..., Result]
    Catalog = tuple[str, ...]


WINDOWS = '  windows: {allow: [{days: [all], from: "20:00", to: "06:00", timezone: UTC}]}\n'


def told(preheat: Preheat, *words: object) -> str:
    """Give what is printed, on one line."""
    found = preheat("explain", *words)
    assert found.exit_code == 0
    return " ".join(found.stdout.split())


def add(include: Path, name: str, text: str) -> None:
    """Add keys to a policy's ``spec``."""
    file = include / "policies" / f"{name}.yaml"
    file.write_text(f"{file.read_text()}{text}")


def test_every_step_has_its_verdict_and_line(preheat: Preheat, catalog: Catalog) -> None:
    """Steps come in order; the one that fails names the line of the file, with its text."""
    found = preheat("explain", "web/frontend:2.5.0", "-p", "web-frontends", *catalog)
    assert found.exit_code == 0
    steps = [line.split()[:2] for line in found.stdout.splitlines() if line[:2] == "  "]
    verdicts = [step for step in steps if step[0] in {"pass", "FAIL", "-"}]
    assert verdicts == [
        ["pass", "sources"],
        ["pass", "repositories"],
        ["pass", "tags"],
        ["FAIL", "labels"],
        ["-", "take"],
    ]
    assert re.search(
        r"web-frontends.yaml:(\d+)  labels: *\n +\d+    all: \[approved\] ",
        found.stdout,
    )
    last = found.stdout.rstrip().splitlines()[-1]
    assert last == (
        "web/frontend:2.5.0 is not selected by web-frontends because it has no label;"
        " the rule wants 'approved'."
    )


def test_a_selected_image_says_where_it_goes(preheat: Preheat, catalog: Catalog) -> None:
    """The sentence names rule, platform, clusters and scope."""
    words = told(preheat, "web/frontend:2.4", "-p", "web-frontends", *catalog)
    assert "is selected by web-frontends (rule released) for linux/amd64: number 1 of 3" in words
    assert "It is asked for on eu-1 (all seed peers), us-1 (all seed peers)." in words


def test_an_alias_says_what_it_is_the_same_as(preheat: Preheat, catalog: Catalog) -> None:
    """Whoever asks for one tag of an image learns by which other tag it counts."""
    words = told(preheat, "library/nginx:latest", "-p", "library-base", *catalog)
    assert "'2.3', 'latest': same digest as '2.3.0', counted once." in words


@pytest.mark.parametrize(
    ("image", "policy", "spec", "said"),
    [
        ("web/frontend:2.3.9", "web-frontends", "", "number 3 of 3 by pushed in web/frontend"),
        (
            "web/frontend:2.3.9",
            "web-frontends",
            "",
            "; web/frontend:2.4.1 and web/frontend:2.4.0 come first.",
        ),
        ("library/nginx:2.2.1", "library-base", "", "; library/nginx:2.3.0 comes first."),
        ("web/api:1.0.0", "web-frontends", "", "the rule excludes 'hold'"),
        ("library/postgres:16.1", "library-base", "", "the repository is 'postgres'"),
        ("library/nginx:2.2.1", "library-base", "", "number 2 of 2 by pushed in library/nginx"),
        (
            "library/redis:2.2.0",
            "library-base",
            "  gates: {vulnerabilities: {rejectSeverity: high}}\n",
            "does not tell whether it was scanned",
        ),
        (
            "library/redis:2.2.0",
            "library-base",
            "  budget: {maxImages: 1}\n",
            "is over the budget of eu-1: budget.maxImages is 1",
        ),
        (
            "library/redis:2.2.0",
            "library-base",
            WINDOWS,
            "It waits for the window on eu-1: it is",
        ),
        (
            "library/redis:2.2.0",
            "library-base",
            WINDOWS.replace("}]}", "}], onClosed: skip}"),
            "It is left out while the window is closed, on eu-1: it is",
        ),
        (
            "library/redis:2.2.0",
            "library-base",
            WINDOWS.replace("}]}", "}], onClosed: fail}"),
            "The run fails for it, because the window is closed, on eu-1: it is",
        ),
        (
            "library/postgres:16.1",
            "library-base",
            "  pins: [{image: 'library/postgres:16.1', until: 2027-01-01, reason: So it is.}]\n",
            "a pin) for linux/amd64: pinned until 2027-01-01: So it is. It is asked",
        ),
    ],
)
def test_why_not(
    preheat: Preheat, catalog: Catalog, include: Path, image: str, policy: str, spec: str, said: str
) -> None:
    """Too old, excluded, unscanned, over the budget, out of the window, pinned: in words."""
    add(include, policy, spec)
    assert said in told(preheat, image, "-p", policy, *catalog)


@pytest.mark.parametrize(
    "typed",
    [
        ["web/frontend:2.5.0"],
        ["docker", "pull", "harbor.example.com/web/frontend:2.5.0"],
        ["https://harbor.example.com/web/frontend:2.5.0"],
        ["web/frontend@sha256:c1078fa821903e7189021007b26e02bb812a91eaaec9d4f8a0412ee27282319c"],
    ],
)
def test_images_as_people_type_them(preheat: Preheat, catalog: Catalog, typed: list[str]) -> None:
    """A host, a scheme, a command before it, or a digest: it is the same image."""
    found = preheat("explain", *typed, *catalog, "--json")
    (explained,) = [
        each
        for each in json.loads(found.stdout)["explanations"]
        if each["policy"] == "web-frontends"
    ]
    assert explained["tags"] == ["2.5.0"]


def test_all_policies_by_default(preheat: Preheat, catalog: Catalog, include: Path) -> None:
    """A policy that does not look at the project needs one sentence; a broken one is told."""
    file = include / "policies" / "ml-serving.yaml"
    file.write_text(file.read_text().replace("newest: 2", "newest: two"))
    found = preheat("explain", "web/frontend:2.5.0", *catalog)
    assert found.exit_code == 1
    assert found.stdout.startswith(
        "web/frontend:2.5.0 is not selected by library-base because the project is 'web'"
    )
    assert "include/policies/ml-serving.yaml:" in found.stdout


def test_a_project_that_nobody_reads(preheat: Preheat, catalog: Catalog, include: Path) -> None:
    """The last sentence says so; what one policy alone does not read is no news."""
    (include / "policies" / "web-frontends.yaml").unlink()
    assert told(preheat, "web/api:1.0.0", *catalog).endswith(" No policy reads the project web.")
    words = told(preheat, "web/api:1.0.0", "-p", "library-base", *catalog)
    assert "the project is 'web'" in words
    assert "No policy" not in words
    found = preheat("explain", "web/api:1.0.0", *catalog, "--json")
    assert json.loads(found.stdout)["unread_projects"] == ["web"]


@pytest.mark.parametrize(
    ("image", "said"),
    [
        ("web/frontend:2.5.1", "has no web/frontend:2.5.1. Did you mean 2.5.0"),
        ("web/frontend:zzz", "web/frontend has the tags 2.5.0, 2.4.1, 2.4, latest"),
        ("web/fronted", "Did you mean web/frontend?"),
        ("other/thing:1", "no such repository"),
    ],
)
def test_an_image_that_is_not_there(
    preheat: Preheat, catalog: Catalog, image: str, said: str
) -> None:
    """What the catalogue does not have is told with near names, and is not right."""
    found = preheat("explain", image, *catalog)
    assert found.exit_code == 1
    assert said in found.stderr
    assert "(catalog.jsonl)" in found.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["Web/App:1"], "small letters"),
        (["web/frontend:2.5.0", "-p", "web-frontend"], "Did you mean web-frontends?"),
        (["frontend"], "Harbor needs the project too"),
    ],
)
def test_bad_usage(preheat: Preheat, catalog: Catalog, words: list[str], said: str) -> None:
    """What is no image, or no policy, is bad usage."""
    found = preheat("explain", *words, *catalog)
    assert (found.exit_code, found.stdout) == (2, "")
    assert said in found.stderr


def test_a_machine_gets_every_step(preheat: Preheat, catalog: Catalog) -> None:
    """Steps, decisions and placements have stable names."""
    found = preheat("explain", "web/frontend:latest", "-p", "web-frontends", *catalog, "--json")
    (explained,) = json.loads(found.stdout)["explanations"]
    assert explained["selected"]
    assert [rule["rule"] for rule in explained["rules"]] == ["", "released"]
    steps = explained["rules"][1]["steps"]
    assert {step["outcome"] for step in steps} == {"pass"}
    assert all(step["text"] for step in steps)
    assert {place["cluster"] for place in explained["placements"]} == {"eu-1", "us-1"}


def test_a_suspended_policy_says_so(preheat: Preheat, catalog: Catalog) -> None:
    """A selected image of a suspended policy is not warmed by itself; that is told."""
    preheat("policy", "suspend", "web-frontends")
    words = told(preheat, "web/frontend:latest", "-p", "web-frontends", *catalog)
    assert "web-frontends is suspended: it does not run by itself." in words
